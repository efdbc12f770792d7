"""A run that ended is gone at once: nothing of it waits for the garbage collector, which would stop everybody else."""

import gc
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from operator import add
from typing import Annotated, Any, TypedDict

import pytest

from weft import START, Agent, App, Context, Limits, Send, StateGraph, tool
from weft.models.scripted import Line, Scripted, call

RUNS = 5


class State(TypedDict, total=False):
    seen: Annotated[list[int], add]


@tool(effect="read")
async def double(number: int) -> int:
    """Double."""
    return 2 * number


def agent() -> Any:
    lines: list[Line] = [[call("double", number=1), call("double", number=2)], "Done."]
    return Agent("agent", model=Scripted(lines, order="turn"), tools=[double])


def fan() -> Any:
    async def one(number: int) -> State:
        return {"seen": [number]}

    made = StateGraph(State, name="fan").add_node(one)
    return made.add_conditional_edges(START, lambda state: [Send("one", number) for number in range(4)]).compile()


def nested() -> Any:
    return StateGraph(State, name="nested").add_node("fan", fan()).add_edge(START, "fan").compile()


def failing() -> Any:
    def fails(state: State) -> State:
        raise ValueError("no")

    return StateGraph(State, name="failing").add_node(fails).add_edge(START, "fails").compile()


def asking() -> Any:
    def ask(state: State, ctx: Context[Any]) -> State:
        return {"seen": [ctx.ask("How many?", schema=int)]}

    return StateGraph(State, name="asking").add_node(ask).add_edge(START, "ask").compile()


@asynccontextmanager
async def nothing_left() -> AsyncIterator[None]:
    """What is in circles when this ends was none of Weft's."""
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        yield
        gc.collect()
        found = Counter(
            type(one).__qualname__
            for one in gc.garbage
            if type(one).__module__.startswith(("weft.runtime", "weft.engine", "weft.agents"))
        )
    finally:
        gc.set_debug(0)
        gc.enable()
        gc.garbage.clear()
    assert not found


async def run(app: App, target: Any) -> None:
    with suppress(ValueError):
        result = await app.run(target, {} if target.name != "agent" else "Go.")
        if result.questions:
            await app.resume(result.run_id, {one.id: 3 for one in result.questions})


async def limited(app: App, target: Any) -> None:
    result = await app.run(target, "Go.", limits=Limits(turns=1))
    assert result.paused
    assert (await app.resume(result.run_id, limits=Limits(turns=5))).output == "Done."


async def streamed(app: App, target: Any) -> None:
    async for _ in app.stream(target, "Go."):
        pass


async def alone(app: App, target: Any) -> None:
    with suppress(ValueError):
        await target.run({} if target.name != "agent" else "Go.")


WAYS: list[tuple[Callable[[App, Any], Awaitable[None]], Callable[[], Any]]] = [
    *[(run, target) for target in (agent, fan, nested, failing, asking)],
    *[(alone, target) for target in (agent, fan, nested, failing)],
    *[(way, agent) for way in (limited, streamed)],
]


@pytest.mark.parametrize(("way", "made"), WAYS, ids=lambda one: one.__name__)
async def test_nothing_of_a_run_is_left(
    shared_url: str, way: Callable[[App, Any], Awaitable[None]], made: Callable[[], Any]
) -> None:
    target = made()
    async with App(targets=[target], store=shared_url) as app:
        await way(app, target)
        async with nothing_left():
            for _ in range(RUNS):
                await way(app, target)
