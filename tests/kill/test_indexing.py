"""kill -9 while a folder is indexed: another process reads and embeds what was not, and nothing twice."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.kill.indexing import FILES, LEASE, Embedder, knowledge, plant
from tests.warm import KILL, python
from weft import App
from weft.documents import reading
from weft.knowledge import librarian


@pytest.mark.blocks
@pytest.mark.usefixtures("warm")
async def test_indexing_goes_on(shared_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "garden"
    plant(folder)
    child = await asyncio.create_subprocess_exec(
        *python("-m", "tests.kill.indexing", shared_url, str(folder)), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert child.stdout is not None
        assert await child.stdout.readline() == b"hanging\n"
    finally:
        child.send_signal(KILL)
        await child.wait()
    names: list[str] = []

    async def read(body: bytes, **options: Any) -> Any:
        names.append(options["name"])
        return await reading.read(body, **options)

    monkeypatch.setattr(librarian, "read", read)
    embedder = Embedder()
    async with App(store=shared_url, lease=LEASE) as app:
        shelf = app.knowledge(knowledge(embedder))
        before = {row.name: row for row in await shelf.documents()}
        done = sum([row.embedded for row in before.values()])
        assert 0 < done < sum([row.pieces for row in before.values()])
        last = [progress async for progress in shelf.index_folder(folder)][-1]
        assert (last.done, last.failed) == (FILES, 0)
        rows = await shelf.documents(limit=100)
        assert [(row.status, row.pieces == row.embedded) for row in rows] == [("ready", True)] * FILES
        made = sum([row.pieces for row in rows])
        assert len(embedder.asked) == len(set(embedder.asked)) == made - done
        cut = {name.removeprefix("garden/") for name, row in before.items() if row.made is not None}
        assert cut
        assert not cut & set(names)
        assert len(names) == FILES - len(cut)
        found = await shelf.search("plant 11 2", limit=1)
        assert found[0].text.startswith("# Plant 11 2")
