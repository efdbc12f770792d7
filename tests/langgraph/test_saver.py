"""The checkpointer for LangGraph's engine: the public conformance suite on each database, and what it leaves out."""

import operator
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.conformance import checkpointer_test, validate
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt

from tests.storage.samples import Jobs, begin
from weft.errors import Fenced, NotFound
from weft.langgraph.saver import WeftSaver, checkpointer
from weft.storage import Store
from weft.storage.base import Scope
from weft.storage.trails import Trail

EIGHT = {"put", "put_writes", "get_tuple", "list", "delete_thread", "delete_for_runs", "copy_thread", "prune"}
ONE: Any = {"configurable": {"thread_id": "1"}}


class Talk(TypedDict):
    log: Annotated[list[str], operator.add]
    big: str


def two(state: Talk) -> Any:
    return {"log": [f"you said {interrupt('what?')}"]}


def asking(saver: BaseCheckpointSaver[Any]) -> Any:
    graph = StateGraph(Talk)
    graph.add_node("one", lambda state: {"log": ["one"]})
    graph.add_node("two", two)
    graph.add_edge(START, "one").add_edge("one", "two").add_edge("two", END)
    return graph.compile(checkpointer=saver)


async def test_all_eight_capabilities(store: Store) -> None:
    @checkpointer_test(name="weft")
    async def made() -> AsyncIterator[BaseCheckpointSaver[Any]]:
        yield WeftSaver(store)

    report = await validate(made)
    assert {name: result.failures for name, result in report.results.items() if not result.passed} == {}
    assert {name for name, result in report.results.items() if result.passed} == EIGHT


async def test_a_graph_is_asked_answered_and_forked(store: Store) -> None:
    graph = asking(WeftSaver(store))
    assert (await graph.ainvoke({"log": [], "big": "x"}, ONE))["__interrupt__"][0].value == "what?"
    done = await graph.ainvoke(Command(resume="hello"), ONE)
    assert done == {"log": ["one", "you said hello"], "big": "x"}
    history = [state async for state in graph.aget_state_history(ONE)]
    assert [state.next for state in history] == [(), ("two",), ("one",), ("__start__",)]
    again = await graph.aupdate_state(history[1].config, {"log": ["told"]}, as_node="one")
    forked = await graph.ainvoke(Command(resume="bye"), again)
    assert forked["log"] == ["one", "told", "you said bye"]


async def test_savers_of_other_users_and_workspaces_see_nothing(store: Store) -> None:
    graph = asking(WeftSaver(store, Scope("here", "ann")))
    await graph.ainvoke({"log": [], "big": "x"}, ONE)
    bob = WeftSaver(store, Scope("here", "bob"))
    assert await bob.aget_tuple(ONE) is None
    assert [found async for found in bob.alist(None)] == []
    with pytest.raises(NotFound):
        await asking(bob).ainvoke({"log": [], "big": "y"}, ONE)
    await bob.adelete_thread("1")
    await bob.aprune(["1"], strategy="keep_latest")
    elsewhere = asking(WeftSaver(store, Scope("there", "ann")))
    await elsewhere.ainvoke({"log": ["theirs"], "big": "z"}, ONE)
    assert (await graph.aget_state(ONE)).values == {"log": ["one"], "big": "x"}


async def test_a_value_is_stored_once_and_forgotten_with_its_points(store: Store) -> None:
    saver = WeftSaver(store)
    graph = asking(saver)
    await graph.ainvoke({"log": [], "big": "x" * 10_000}, ONE)
    await graph.ainvoke(Command(resume="hello"), ONE)
    points = await store.trails.read(Trail(thread="1"))
    assert len({point.versions["big"] for point in points if "big" in point.versions}) == 1
    assert [sum(len(point.values["big"][1]) > 10_000 for point in points if "big" in point.values)] == [3]
    await saver.aprune(["1"])
    (kept,) = await store.trails.read(Trail(thread="1"))
    assert kept.id == points[0].id
    assert saver.serde.loads_typed(kept.values["log"]) == ["one", "you said hello"]


def test_without_a_loop_and_in_a_file(tmp_path: Path) -> None:
    import asyncio  # noqa: PLC0415

    async def first() -> None:
        async with checkpointer(f"sqlite:///{tmp_path}/weft.db") as saver:
            await asyncio.to_thread(asking(saver).invoke, {"log": [], "big": "x"}, ONE)

    async def second() -> Any:
        async with checkpointer(f"sqlite:///{tmp_path}/weft.db") as saver:
            return await asyncio.to_thread(asking(saver).invoke, Command(resume="again"), ONE)

    asyncio.run(first())
    assert asyncio.run(second())["log"] == ["one", "you said again"]


async def test_what_a_run_writes_is_its_progress_until_it_is_driven_by_another(store: Store) -> None:
    run = await begin(store)
    jobs = Jobs()
    await store.workers.gone("worker")
    await store.workers.reap(30, jobs)
    again = await store.runs.acquire(jobs.durable[-1], "worker", 30)
    assert again is not None
    assert again.attempts == 2
    with pytest.raises(Fenced, match="not at fence 1 any more"):
        await asking(WeftSaver(store, driver=(run.id, run.fence))).ainvoke({"log": [], "big": "x"}, ONE)
    assert await WeftSaver(store).aget_tuple(ONE) is None
    await asking(WeftSaver(store, driver=(run.id, again.fence))).ainvoke({"log": [], "big": "x"}, ONE)
    assert (await store.runs.get(Scope(), run.id)).attempts == 0
