"""A process that is killed while it indexes a folder: ``main(URL, FOLDER, WHEN)`` hangs at its third embedding."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from weft import App, Knowledge
from weft.models.ports import Vectors

LEASE = 6.0
FILES = 12


class Embedder:
    """Makes a vector of a text's length, and hangs at the call of this number."""

    name = "lengths"

    def __init__(self, hang: int = 0) -> None:
        self.asked: list[str] = []
        self._calls, self._hang = 0, hang

    async def embed(self, texts: Sequence[str], **settings: Any) -> Vectors:
        self._calls += 1
        if self._calls == self._hang:
            print("hanging", flush=True)
            await asyncio.sleep(600)
        self.asked += texts
        return Vectors(vectors=tuple([(1.0, float(len(text))) for text in texts]))


def knowledge(embedder: Embedder) -> Knowledge:
    return Knowledge("garden", embedder=embedder, size=40)


def plant(folder: Path) -> None:
    """Files, the first with more pieces than one call embeds."""
    folder.mkdir()
    for at in range(FILES):
        sections = 200 if at == 0 else 3
        text = "\n\n".join([f"# Plant {at} {n}\n\n" + f"It grows {n} leaves. " * 6 for n in range(sections)])
        (folder / f"{at:02}.md").write_text(text)


async def main(url: str, folder: str) -> None:
    async with App(store=url, lease=LEASE) as app:
        async for _ in app.knowledge(knowledge(Embedder(hang=3))).index_folder(folder):
            pass


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
