"""How a cost is measured: CPU time of the whole process, threads included, after a warm-up."""

import asyncio
import gc
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Work: TypeAlias = Callable[[], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Sides:
    """The same work, twice. ``None`` where there is no such side; ``more`` is shown below the row."""

    limit: float | None
    weft: float | None
    more: dict[str, float | str] = field(default_factory=dict[str, "float | str"])


async def each(work: Work, count: int, *, per: float = 1) -> float:
    """CPU µs of one ``work``, of ``count`` in a row; ``per`` is how many units one of them does."""
    for _ in range(max(1, count // 10)):
        await work()
    gc.collect()
    began = time.process_time()
    for _ in range(count):
        await work()
    return (time.process_time() - began) / count / per * 1e6


async def at_once(work: Work, count: int, *, rounds: int = 3) -> float:
    """CPU µs of one ``work``, of ``count`` side by side; the least of some rounds."""
    best = float("inf")
    for _ in range(rounds):
        gc.collect()
        began = time.process_time()
        await asyncio.gather(*[work() for _ in range(count)])
        best = min(best, (time.process_time() - began) / count * 1e6)
    return best


async def slope(work: Callable[[int], Awaitable[Any]], few: int, many: int, count: int) -> float:
    """CPU µs of one more unit: what ``many`` cost above ``few``, so that what is paid once falls out."""
    low = await each(lambda: work(few), count)
    high = await each(lambda: work(many), count)
    return (high - low) / (many - few)


def size_of(make: Callable[[], Any], count: int = 500) -> float:
    """Bytes that one object made by ``make`` keeps."""
    make()
    gc.collect()
    tracemalloc.start()
    kept = [make() for _ in range(count)]
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return (size - 8 * len(kept)) / count
