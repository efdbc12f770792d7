"""Runs for a long time under faults: memory, files and tasks stay bounded, and what was acknowledged is on record.

``python -m benchmarks.soak --seconds 600``. The load is bounded: a few runs at a time, on a SQLite file. Some runs
are cancelled half way, some tools fail, some hang until their time is over.
"""

import argparse
import asyncio
import os
import random
import resource
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.fakes import Fake
from weft import Agent, App, Limits, tool
from weft.storage.base import Scope

SIDE_BY_SIDE = 8
"""Conversations at a time; each is begun anew after ``TURNS`` turns."""
TURNS = 200
WAL_LIMIT = 64 * 2**20
GROWTH_LIMIT = 32 * 2**20
"""Bytes that memory may grow after the first fifth of the time."""


@dataclass
class Seen:
    """What happened, and how large things were."""

    ended: Counter[str] = field(default_factory=Counter[str])
    acknowledged: dict[str, int] = field(default_factory=dict[str, int])
    """Thread: turns that were reported as finished."""
    memory: list[tuple[float, int]] = field(default_factory=list[tuple[float, int]])
    unexpected: dict[str, str] = field(default_factory=dict[str, str])
    """The first error of each kind; no fault here explains one."""
    wal: int = 0
    files: int = 0


def clerk(luck: random.Random) -> Agent:
    """An agent whose tool sometimes fails, and sometimes hangs."""

    @tool(timeout=0.05)
    async def add(a: int, b: int) -> int:
        fate = luck.random()
        if fate < 0.02:
            raise ValueError("the sum is not to be had")
        if fate < 0.03:
            await asyncio.sleep(10)
        return a + b

    return Agent("clerk", model=Fake(3), tools=[add], limits=Limits(turns=20))


async def turns(app: App, target: Agent, number: int, seen: Seen, luck: random.Random, until: float) -> None:
    """One conversation after the other, until the time is over."""
    generation = 0
    while time.monotonic() < until:
        thread = f"thread-{number}-{generation}"
        for _ in range(TURNS):
            if time.monotonic() >= until:
                return
            await one(app, target, thread, seen, luck)
        generation += 1


async def one(app: App, target: Agent, thread: str, seen: Seen, luck: random.Random) -> None:
    """One turn, or part of one."""
    run = asyncio.ensure_future(app.run(target, "hi", thread=thread))
    try:
        if luck.random() < 0.05:
            await asyncio.wait([run], timeout=luck.random() * 0.02)
            run.cancel()
        await run
        seen.ended["finished"] += 1
        seen.acknowledged[thread] = seen.acknowledged.get(thread, 0) + 1
    except asyncio.CancelledError:
        seen.ended["cancelled"] += 1
    except Exception as error:
        seen.ended[type(error).__name__] += 1
        seen.unexpected.setdefault(type(error).__name__, "".join(traceback.format_exception(error)[-4:]))


async def watch(path: Path, seen: Seen, began: float) -> None:
    """Look at sizes once a second."""
    while True:
        look(path, seen, began)
        await asyncio.sleep(1)


def look(path: Path, seen: Seen, began: float) -> None:
    """Sizes as Linux tells them."""
    wal = path.with_name(path.name + "-wal")
    seen.wal = max(seen.wal, wal.stat().st_size if wal.exists() else 0)
    seen.files = max(seen.files, len(os.listdir("/proc/self/fd")))
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    seen.memory.append((time.monotonic() - began, pages * resource.getpagesize()))


async def soak(seconds: float, seed: int) -> list[str]:
    """What went wrong, in words."""
    luck, seen = random.Random(seed), Seen()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weft.db"
        target = clerk(luck)
        async with App(agents=[target], store=f"sqlite:///{path}") as app:
            watching = asyncio.create_task(watch(path, seen, began))
            gate = [turns(app, target, n, seen, luck, began + seconds) for n in range(SIDE_BY_SIDE)]
            await asyncio.gather(*gate)
            watching.cancel()
            wrong = await lost(app, seen)
            left = [task for task in asyncio.all_tasks() if task not in (asyncio.current_task(), watching)]
    print(f"runs: {dict(seen.ended)}; WAL at most {seen.wal / 2**20:.1f} MiB; files at most {seen.files}")
    return wrong + bounds(seen, seconds) + ([f"{len(left)} tasks are left"] if len(left) > 2 else [])


async def lost(app: App, seen: Seen) -> list[str]:
    """Turns that were acknowledged and are not on record, and gaps in what is."""
    wrong: list[str] = []
    for thread, finished in seen.acknowledged.items():
        words, after = Counter[str](), 0
        while page := await app.messages(Scope(app.workspace), thread, after=after, limit=500):
            numbers = [row.seq for row, _ in page]
            if numbers != list(range(after + 1, after + 1 + len(numbers))):
                wrong.append(f"{thread}: messages after {after} are numbered {numbers[:5]}...")
            words.update(message.role for _, message in page)
            after = numbers[-1]
        if words["user"] < finished:
            wrong.append(f"{thread}: {finished} turns were acknowledged, {words['user']} are on record")
    return wrong


def bounds(seen: Seen, seconds: float) -> list[str]:
    """What grew too much."""
    wrong = [f"a turn ended with {kind}:\n{where}" for kind, where in seen.unexpected.items()]
    warm = [size for at, size in seen.memory if at > seconds / 5]
    if warm:
        quarter = max(1, len(warm) // 4)
        growth = min(warm[-quarter:]) - min(warm[:quarter])
        print(f"memory: {warm[0] / 2**20:.0f} MiB warm, {warm[-1] / 2**20:.0f} MiB at the end")
        if growth > GROWTH_LIMIT:
            wrong.append(f"memory grew by {growth / 2**20:.0f} MiB")
    if seen.wal > WAL_LIMIT:
        wrong.append(f"the WAL grew to {seen.wal / 2**20:.0f} MiB")
    if seen.files > 200:
        wrong.append(f"{seen.files} files were open")
    if not seen.ended["finished"]:
        wrong.append("no run finished")
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    wrong = asyncio.run(soak(options.seconds, options.seed))
    print("\n".join(f"FAILED {line}" for line in wrong) or "soak: all bounded, nothing lost")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
