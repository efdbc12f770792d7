"""State that a person changes, nodes that run again, runs that are ended: on both databases."""

import asyncio
import operator
import time
from typing import Annotated, Any, TypedDict

import pytest

from tests.plugins.leaks import waited
from tests.runtime.gates import ALL, ME, Gates, Walk, chain, of, told
from weft import START, Agent, Breakpoint, Context, StateGraph
from weft.errors import Conflict, GraphError
from weft.events import RunCancelled, RunPaused, RunResumed, RunSteered, StepCommitted
from weft.models.base import Request
from weft.models.scripted import Scripted, call


async def test_the_state_of_a_paused_run_is_changed_by_the_rules_of_its_channels(apps: Any) -> None:
    class Guarded(TypedDict):
        seen: Annotated[list[str], operator.add]
        n: int

    async def a(state: Guarded) -> dict[str, Any]:
        return {"n": 1, "seen": ["a"]}

    async def b(state: Guarded) -> dict[str, Any]:
        return {"seen": [f"n is {state['n']}"]}

    graph = StateGraph(Guarded, name="g").add_node("a", a).add_node("b", b)
    graph.add_edge(START, "a").add_edge("a", "b")
    app = apps(g := graph.compile())
    result = await app.run(g, {"seen": []}, breakpoints=[Breakpoint(node="b")])
    control = await app.control(result.run_id, by="ada")
    with pytest.raises(GraphError, match="no channel 'm'"):
        await control.modify({"m": 1})
    with pytest.raises(GraphError, match="'n' of graph 'g' is int"):
        await control.modify({"n": "many"})
    with pytest.raises(GraphError, match="no node"):
        await control.modify({"n": 1}, node="z")
    sent = await control.modify({"n": 5, "seen": ["by hand"]}, node="a")
    assert sent.run.status == "paused"
    events = await told(app, result.run_id)
    (steered,) = of(RunSteered, events)[1:]
    assert (steered.command, steered.by, steered.refused) == ("state", "ada", None)
    assert of(StepCommitted, events)[-1].changed == ("n", "seen")
    assert of(RunResumed, events) == []
    assert isinstance(events[-1], RunPaused)
    result = await app.resume(result.run_id)
    assert result.output["seen"] == ["a", "by hand", "n is 5"]


async def test_a_change_of_state_keeps_what_is_done_of_an_open_step(apps: Any) -> None:
    came: list[str] = []

    async def quick(state: Walk) -> dict[str, Any]:
        came.append("quick")
        return {"seen": ["quick"]}

    async def asks(state: Walk, ctx: Context[Any]) -> dict[str, Any]:
        return {"seen": [ctx.ask("which?")]}

    graph = StateGraph(Walk, name="g").add_node("quick", quick).add_node("asks", asks)
    graph.add_edge(START, "quick").add_edge(START, "asks")
    app = apps(g := graph.compile())
    result = await app.run(g, {"seen": [], "n": 0})
    (question,) = result.questions
    control = await app.control(result.run_id)
    with pytest.raises(Conflict, match="waits for answers"):
        await control.resume()
    await control.modify({"n": 3})
    record = await app.store.runs.get(ALL, result.run_id)
    assert record.status == "paused"
    paused = of(RunPaused, await told(app, result.run_id))
    assert [one.questions[0].id for one in paused] == [question.id] * 2
    result = await app.resume(result.run_id, {question.id: "this"})
    assert came == ["quick"]
    assert (result.output["seen"], result.output["n"]) == (["this", "quick"], 3)  # by the names of the nodes


@pytest.mark.parametrize("how", ["node", "thread", "model", "nested"])
async def test_abort_stops_all_below_within_a_second_from_another_process(apps: Any, how: str) -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def forever() -> str:
        """Never ends."""
        began.set()
        try:
            await asyncio.sleep(3600)
        finally:
            ended.set()
        return ""

    def blocks(ctx: Context[Any]) -> str:
        """Never ends, in a thread."""
        loop.call_soon_threadsafe(began.set)
        try:
            while True:
                time.sleep(0.01)
        finally:
            loop.call_soon_threadsafe(ended.set)

    loop = asyncio.get_running_loop()
    inner = Agent("inner", model=Scripted([call("forever")], order="turn"), tools=[forever])

    async def nest(ctx: Context[Any]) -> str:
        """Calls another."""
        return await ctx.call(inner, "go")

    class Streams:
        name = "streams"

        async def answer(self, request: Request) -> Any:
            began.set()
            try:
                await asyncio.sleep(3600)
                yield None
            finally:
                ended.set()

    agents = {
        "node": Agent("a", model=Scripted([call("forever")], order="turn"), tools=[forever]),
        "thread": Agent("a", model=Scripted([call("blocks")], order="turn"), tools=[blocks]),
        "model": Agent("a", model=Streams()),
        "nested": Agent("a", model=Scripted([call("nest")], order="turn"), tools=[nest]),
    }
    app, other = apps(agents[how]), apps(agents[how])
    await app.start()
    record = await app.submit("a", "go", scope=ME)
    await asyncio.wait_for(began.wait(), 10)
    at, busy = time.monotonic(), waited()
    sent = await (await other.control(record.id, by="ada")).abort("enough")
    assert sent.run.status == "cancelled"
    while record.id in app.runner.worker.driver.driven:  # noqa: ASYNC110
        await asyncio.sleep(0.002)
    await asyncio.wait_for(ended.wait(), 10)
    took = time.monotonic() - at - (waited() - busy)
    print(f"{how}: {took * 1000:.0f} ms")
    assert took < 1
    assert of(RunCancelled, await told(app, record.id)) == [RunCancelled("enough", "ada")]


async def test_code_that_swallows_its_cancellation_does_not_hold_up_the_abort(apps: Any) -> None:
    began, gate = asyncio.Event(), asyncio.Event()

    async def stubborn() -> str:
        """Will not be stopped."""
        began.set()
        while not gate.is_set():
            try:
                await gate.wait()
            except asyncio.CancelledError:
                continue
        return "late"

    agent = Agent("a", model=Scripted([call("stubborn"), "done"], order="turn"), tools=[stubborn])
    app = apps(agent)
    await app.start()
    record = await app.submit("a", "go", scope=ME)
    await asyncio.wait_for(began.wait(), 10)
    await (await app.control(record.id)).abort()
    gate.set()
    assert (await app.store.runs.get(ALL, record.id)).status == "cancelled"
    async with asyncio.timeout(5):
        while record.id in app.runner.worker.driver.driven:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert (await app.store.runs.get(ALL, record.id)).status == "cancelled"


async def test_a_node_runs_again_from_before_it(apps: Any) -> None:
    gates = Gates()
    app = apps(walk := chain(gates, "a", "b", "c", "d"))
    result = await app.run(walk, {"seen": [], "n": 0}, breakpoints=[Breakpoint(node="d")])
    control = await app.control(result.run_id, by="ada")
    sent = await control.rerun("b")
    await control.settled(sent, 10)
    assert gates.came == ["a", "b", "c", "b", "c"]
    result = await app.resume(result.run_id)
    assert result.output == {"seen": ["a", "b", "c", "d"], "n": 4}
    events = await told(app, result.run_id)
    assert [one.command for one in of(RunSteered, events)] == ["breakpoints", "rerun", "resume"]
    refused = await app.run(walk, {"seen": [], "n": 0}, breakpoints=[Breakpoint(node="b")])
    control = await app.control(refused.run_id)
    with pytest.raises(GraphError, match="no node 'nowhere'; it has: a, b, c, d"):
        await control.rerun("nowhere")
