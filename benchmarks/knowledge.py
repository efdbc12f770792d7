"""Knowledge at size: how fast a folder is indexed, in how much memory, and how long a search takes.

``python -m benchmarks.knowledge [FILES]`` writes Markdown of 20 kB each (2,000 without a number) and 20 PDFs of 20
pages, of words that are as frequent as those of a language, and indexes them without an embedder on SQLite.
"""

import asyncio
import random
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

from weft import App
from weft.documents.writing import written
from weft.knowledge.collection import Collection

_WORDS = 30_000
_SEED = 7


def _text(chance: random.Random, length: int) -> str:
    """Sections of words by Zipf's law, of about so many characters."""
    parts: list[str] = []
    size = 0
    while size < length:
        words = [f"w{int(_WORDS ** chance.random()):x}" for _ in range(chance.randint(60, 300))]
        heads = " ".join(words[:4])
        parts.append(f"## {heads}\n\n" + ". ".join([" ".join(words[at : at + 12]) for at in range(0, len(words), 12)]))
        size += len(parts[-1])
    return "# Title\n\n" + "\n\n".join(parts)


class _Clock:
    """Seconds since it was made: that passed, and that this process (not its children) worked."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def __str__(self) -> str:
        return f"{time.perf_counter() - self._wall:.2f} s ({self.cpu:.2f} s of CPU)"

    @property
    def cpu(self) -> float:
        return time.process_time() - self._cpu


async def _indexed(shelf: Collection, folder: Path) -> _Clock:
    clock = _Clock()
    async for _ in shelf.index_folder(folder):
        pass
    return clock


def _peak() -> float:
    """Megabytes, the most so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_000


def _written(place: str, count: int, chance: random.Random) -> tuple[Path, Path]:
    folder, pdfs = Path(place, "files"), Path(place, "pdfs")
    folder.mkdir()
    pdfs.mkdir()
    for at in range(count):
        (folder / f"{at:06}.md").write_text(_text(chance, 20_000))
    for at in range(20):
        (pdfs / f"{at}.pdf").write_bytes(written("a.pdf", _text(chance, 60_000)))
    return folder, pdfs


async def main(count: int) -> None:
    chance = random.Random(_SEED)
    with tempfile.TemporaryDirectory() as place:
        folder, pdfs = _written(place, count, chance)
        store = f"sqlite:///{place}/weft.db"
        began = _peak()
        async with App(store=store) as app:
            shelf = app.knowledge("bench")
            clock = await _indexed(shelf, folder)
            print(f"{count} files: {clock}, {clock.cpu / count * 1_000:.1f} ms of CPU each")
            (seen,) = await app.collections()
            print(f"{seen.pieces} pieces, the same again: {await _indexed(shelf, folder)}")
            print(f"20 PDFs of 60 kB of text: {await _indexed(shelf, pdfs)}")
            print(f"memory: {began:.0f} MB before, {_peak():.0f} MB at most while indexing")
            clock = _Clock()
            await shelf.search("w1f w2a0 w33")
            print(f"first search of a process: {clock}, then {_peak():.0f} MB at most")
            times: list[float] = []
            for _ in range(200):
                asked = " ".join([f"w{int(_WORDS ** chance.random()):x}" for _ in range(8)])
                clock = _Clock()
                await shelf.search(asked)
                times.append(clock.cpu * 1_000)
            print(f"a search: {statistics.median(times):.1f} ms of CPU in the middle, {max(times):.1f} ms at most")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000))
