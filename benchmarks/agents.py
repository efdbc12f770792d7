"""Turns of an agent, in memory, with a model that costs next to nothing."""

import asyncio
import gc
import tracemalloc
from collections.abc import Awaitable, Callable
from typing import Any

from benchmarks.fakes import Fake, add, by_hand
from benchmarks.measure import Sides, at_once, each
from benchmarks.rows import row
from weft import Agent, Limits

ENDLESS = Limits(turns=None)


def turning(count: int = 0, **shape: Any) -> Callable[[], Awaitable[Any]]:
    """A turn of one and the same agent."""
    clerk = Agent(
        "clerk", model=Fake(count, **shape), instructions="Be brief.", tools=[add] if count else [], limits=ENDLESS
    )
    return lambda: clerk.run("hi")


@row("turn", "one turn, no tool", goal=60, stretch=30)
async def turn() -> Sides:
    return Sides(await each(by_hand, 20_000), await each(turning(), 2_000))


@row("tool-turn", "a turn with one tool (2 model calls)", goal=120, stretch=60)
async def tool_turn() -> Sides:
    return Sides(await each(lambda: by_hand(1), 10_000), await each(turning(1), 1_000))


@row("parallel-tools", "a turn with 5 tools side by side", goal=250, stretch=110)
async def parallel_tools() -> Sides:
    return Sides(await each(lambda: by_hand(1, width=5), 3_000), await each(turning(1, width=5), 500))


@row("20-calls", "20 tool calls in sequence", goal=1_500, stretch=500)
async def twenty_calls() -> Sides:
    return Sides(await each(lambda: by_hand(20), 1_000), await each(turning(20), 100))


@row("100-calls", "100 tool calls in sequence", goal=7_500, stretch=2_500)
async def hundred_calls() -> Sides:
    few, many = await each(turning(20), 60), await each(turning(100), 20)
    limit = await each(lambda: by_hand(100), 200)
    return Sides(limit, many, {"per call, against 20 calls (linear is 1)": (many / 100) / (few / 20)})


@row("1000-turns", "1,000 turns at once, per turn", goal=70, stretch=35)
async def thousand_turns() -> Sides:
    return Sides(await at_once(by_hand, 1_000), await at_once(turning(), 1_000))


@row("in-flight", "a run that waits for its model, memory", goal=8, stretch=6, unit="KiB")
async def in_flight() -> Sides:
    hold = asyncio.Event()
    clerk = Agent("clerk", model=Fake(hold=hold), instructions="Be brief.")

    async def waiting() -> None:
        await hold.wait()

    limit, _ = await _memory(waiting, hold)
    weft, tasks = await _memory(lambda: clerk.run("hi"), hold)
    return Sides(limit, weft, {"tasks of a run (goal 1)": tasks})


async def _memory(work: Callable[[], Awaitable[Any]], hold: asyncio.Event, count: int = 300) -> tuple[float, float]:
    """KiB and tasks of one of ``count`` that are held."""
    hold.set()
    await work()
    hold.clear()
    gc.collect()
    tracemalloc.start()
    idle = len(asyncio.all_tasks())
    tasks = [asyncio.ensure_future(work()) for _ in range(count)]
    for _ in range(20):
        await asyncio.sleep(0)
    gc.collect()
    size, _ = tracemalloc.get_traced_memory()
    running = len(asyncio.all_tasks()) - idle
    tracemalloc.stop()
    hold.set()
    await asyncio.gather(*tasks)
    return size / count / 1024, running / count
