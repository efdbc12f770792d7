"""Graphs in memory: a chain, a fan, a loop."""

import asyncio
import operator
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypedDict

from benchmarks.measure import Sides, at_once, each
from benchmarks.rows import row
from weft import END, START, Send, StateGraph
from weft.engine.policy import Effect


class Counted(TypedDict):
    count: int


class Summed(TypedDict):
    total: Annotated[int, operator.add]


async def step(state: Any) -> Any:
    return {"count": state["count"] + 1}


def chain(length: int, effect: Effect = "idempotent") -> Any:
    builder = StateGraph(Counted, name=f"chain-{effect}")
    names = [f"n{index}" for index in range(length)]
    for name in names:
        builder.add_node(name, step, effect=effect)
    for before, after in zip([START, *names], [*names, END], strict=True):
        builder.add_edge(before, after)
    return builder.compile()


def looping(times: int, name: str = "loop", effect: Effect = "idempotent") -> Any:
    builder = StateGraph(Counted, name=name)
    builder.add_node("again", step, effect=effect)
    builder.add_edge(START, "again")
    builder.add_conditional_edges("again", lambda state: "again" if state["count"] < times else END)
    return builder.compile()


def fan(width: int) -> Any:
    async def split(state: Any) -> Any:
        return {}

    async def work(part: int) -> Any:
        return {"total": part}

    async def join(state: Any) -> Any:
        assert state["total"] == width
        return {}

    builder = StateGraph(Summed, name="fan")
    builder.add_node("split", split)
    builder.add_node("work", work)
    builder.add_node("join", join)
    builder.add_edge(START, "split")
    builder.add_conditional_edges("split", lambda state: [Send("work", 1) for _ in range(width)])
    builder.add_edge("work", "join")
    builder.add_edge("join", END)
    return builder.compile()


def by_hand(length: int) -> Callable[[], Awaitable[Any]]:
    async def run() -> dict[str, int]:
        state = {"count": 0}
        for _ in range(length):
            state = {**state, **await step(state)}
        return state

    return run


async def fan_by_hand() -> int:
    async def work(part: int) -> dict[str, int]:
        return {"total": part}

    return sum(done["total"] for done in await asyncio.gather(*[work(1) for _ in range(100)]))


@row("chain", "10 nodes in a chain", goal=60)
async def ten_nodes() -> Sides:
    graph = chain(10)
    return Sides(await each(by_hand(10), 10_000), await each(lambda: graph.run({"count": 0}), 2_000))


@row("fan-out", "100 nodes side by side, and a join", goal=900, stretch=500)
async def fan_out() -> Sides:
    graph = fan(100)
    return Sides(await each(fan_by_hand, 500), await each(lambda: graph.run({"total": 0}), 100))


@row("loop", "a loop, per iteration", goal=6)
async def loop() -> Sides:
    graph = looping(500)
    return Sides(
        await each(by_hand(500), 200, per=500),
        await each(lambda: graph.run({"count": 0}), 20, per=500),
    )


@row("1000-chains", "1,000 chains of 10 at once, per run", goal=80)
async def thousand_chains() -> Sides:
    graph = chain(10)
    return Sides(await at_once(by_hand(10), 1_000), await at_once(lambda: graph.run({"count": 0}), 1_000))


@row("listened", "10 nodes in a chain, and a listener who hears all 22 events", goal=None)
async def listened() -> Sides:
    async def heard(graph: Any, input: dict[str, int]) -> None:
        async for _ in graph.stream(input):
            pass

    ten, loop, wide = chain(10), looping(500), fan(100)
    more: dict[str, float | str] = {
        "a loop, per iteration": await each(lambda: heard(loop, {"count": 0}), 20, per=500),
        "100 nodes side by side, and a join": await each(lambda: heard(wide, {"total": 0}), 100),
    }
    return Sides(None, await each(lambda: heard(ten, {"count": 0}), 1_000), more)
