"""How fast a shelf is: to fill it, and to be reminded of something on it, on a new SQLite file."""

import asyncio
import random
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any
from zlib import crc32

import numpy as np

from benchmarks.memory.data import Conversation
from weft import App
from weft.models.ports import Vectors

_AT_ONCE = 50
_ASKED = 200


class Spread:
    """``Embedder`` at no cost: vectors in all directions, the same for the same text."""

    name = "spread"

    async def embed(self, texts: Sequence[str], **settings: Any) -> Vectors:
        """Numbers by the text's hash."""
        chances = [np.random.default_rng(crc32(text.encode())) for text in texts]
        return Vectors(vectors=tuple([tuple(chance.normal(size=384).tolist()) for chance in chances]), model=self.name)


async def _measured(count: int, talks: Sequence[Conversation], folder: str, *, vectors: bool) -> tuple[float, ...]:
    chance = random.Random(count)
    said = [turn.text for talk in talks for turn in talk.turns]
    words = [word for text in said for word in text.split()]
    async with App(store=f"sqlite:///{folder}/weft.db") as app:
        memories = app.memories("ada", embedder=Spread() if vectors else None)
        began = time.perf_counter()
        for start in range(0, count, _AT_ONCE):
            here = range(start, min(start + _AT_ONCE, count))
            texts = [f"{n}: {said[n % len(said)]} {' '.join(chance.choices(words, k=3))}" for n in here]
            await asyncio.gather(*[memories.add(text, valid_from=1e9 + n) for n, text in zip(here, texts, strict=True)])
        filled = count / (time.perf_counter() - began)
        busy = time.process_time()
        await memories.search("the first one")
        first = time.process_time() - busy
        asked = [question.text for talk in talks for question in talk.questions]
        spent, used = list[float](), list[float]()
        for n in range(_ASKED):
            began, busy = time.perf_counter(), time.process_time()
            await memories.search(asked[n % len(asked)])
            spent.append(time.perf_counter() - began)
            used.append(time.process_time() - busy)
    spent.sort()
    return filled, first, 1e3 * median(spent), 1e3 * spent[int(0.95 * len(spent))], 1e3 * median(used)


def speed(counts: Sequence[int], talks: Sequence[Conversation], *, vectors: bool) -> None:
    """Print a line for each number of memories; with ``vectors`` each has one of 384 numbers, as has each question."""
    print(f"{'memories':>10} {'added/s':>9} {'first CPU s':>12} {'p50 ms':>8} {'p95 ms':>8} {'of CPU':>8} {'MB':>6}")
    for count in counts:
        with TemporaryDirectory() as folder:
            filled, first, half, most, busy = asyncio.run(_measured(count, talks, folder, vectors=vectors))
            size = sum(each.stat().st_size for each in Path(folder).iterdir()) / 1e6
        print(f"{count:10,} {filled:9,.0f} {first:12.2f} {half:8.2f} {most:8.2f} {busy:8.2f} {size:6.0f}", flush=True)
