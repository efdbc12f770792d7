"""Runs that a person holds while they wait for answers, and limits that are raised meanwhile: on both databases."""

import asyncio
from typing import Any

import pytest

from tests.runtime.asking import ME, Notes, until
from weft import START, Agent, App, Breakpoint, Context, Limits, StateGraph, interrupt
from weft.errors import Conflict, UsageError
from weft.models.scripted import Scripted, call


class Held:
    """A run that waits for an answer in one branch, and is held before ``c`` in the other."""

    def __init__(self, how: str) -> None:
        self.ran: list[str] = []
        self.how = how
        self.gate = asyncio.Event()
        graph = StateGraph(Notes, name="held").add_node("a", self.a).add_node("b", self.b).add_node("c", self.c)
        graph.add_edge(START, "a").add_edge(START, "b").add_edge("b", "c")
        self.graph = graph.compile(schedule="eager")

    def a(self, state: Notes) -> Notes:
        said = interrupt("a?")
        self.ran.append("a")
        return {"said": [said]}

    async def b(self, state: Notes) -> None:
        self.ran.append("b")
        await self.gate.wait()

    def c(self, state: Notes) -> Notes:
        self.ran.append("c")
        return {"said": ["c"]}

    async def rests(self, app: App, other: App) -> str:
        points = [Breakpoint(node="c")] if self.how == "breakpoint" else []
        record = await app.submit("held", {}, scope=ME, breakpoints=points)
        await app.start()
        async with asyncio.timeout(10):
            while "b" not in self.ran:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        if self.how == "pause":
            await (await other.control(record.id, by="ada")).pause()
            while app.runner.worker.driver.driven[record.id].steering.seen == 0:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        self.gate.set()
        await until(app, record.id, "paused")
        return record.id


@pytest.mark.parametrize("how", ["breakpoint", "pause"])
async def test_answers_to_a_held_run_are_recorded_and_taken_when_it_is_let_go(apps: Any, how: str) -> None:
    held = Held(how)
    app, other = apps(held.graph), apps(held.graph)
    run = await held.rests(app, other)
    (row,) = await other.questions(run=run)
    record = await other.answer(ME, run, {row.id: "yes"})
    assert record.status == "paused"
    await app.runner.worker._look_around()  # pyright: ignore[reportPrivateUsage]  # as it does every second
    await asyncio.sleep(0.2)
    assert ((await app.store.runs.get(ME, run)).status, held.ran) == ("paused", ["b"])
    assert await other.questions(run=run) == []
    assert (await other.answer(ME, run, {row.id: "yes"})).status == "paused", "the same answer again is fine"
    with pytest.raises(Conflict, match="another answer"):
        await other.answer(ME, run, {row.id: "no"})
    await (await other.control(run, by="ada")).resume()
    await until(app, run, "finished")
    assert sorted(held.ran) == ["a", "b", "c"]
    assert (await app.store.runs.get(ME, run)).output == b'{"said":["yes","c"]}'


@pytest.mark.parametrize("how", ["breakpoint", "pause"])
async def test_a_held_run_is_let_go_while_it_still_waits_for_an_answer(apps: Any, how: str) -> None:
    held = Held(how)
    app, other = apps(held.graph), apps(held.graph)
    run = await held.rests(app, other)
    control = await other.control(run, by="ada")
    await control.settled(await control.resume(), 10)
    await until(app, run, "paused")
    assert held.ran == ["b", "c"]
    with pytest.raises(Conflict, match="waits for answers"):
        await control.resume()
    (row,) = await other.questions(run=run)
    await other.answer(ME, run, {row.id: "yes"})
    await until(app, run, "finished")
    assert held.ran == ["b", "c", "a"]


@pytest.mark.parametrize("how", ["breakpoint", "pause"])
async def test_whoever_resumes_with_answers_does_both(apps: Any, how: str) -> None:
    held = Held(how)
    app, other = apps(held.graph), apps(held.graph)
    run = await held.rests(app, other)
    (row,) = await other.questions(run=run)
    await app.stop()
    result = await other.resume(run, {row.id: "yes"})
    assert result.output == {"said": ["yes", "c"]}
    assert sorted(held.ran) == ["a", "b", "c"]


async def test_limits_are_raised_while_questions_are_open(apps: Any) -> None:
    lines = [call("ask"), call("ask"), "done"]

    def ask(ctx: Context[Any]) -> str:
        """Ask."""
        return ctx.ask("well?")

    agent = Agent("a", model=Scripted(lines, order="turn"), tools=[ask])
    app = apps(agent)
    paused = await app.run(agent, "go", limits=Limits(turns=1))
    (question,) = paused.questions
    assert (await app.answer(ME, paused.run_id, {}, limits=Limits(turns=2))).status == "paused"
    other = await apps(agent).resume(paused.run_id, {question.id: "1"})
    assert other.paused
    assert other.questions, "the second turn was allowed"
    stopped = await app.resume(paused.run_id, {other.questions[0].id: "2"})
    assert stopped.stop.limit == "turns"
    assert (await app.resume(paused.run_id, {}, limits=Limits(turns=3))).output == "done"


async def test_a_limit_is_raised_beside_an_open_question(apps: Any) -> None:
    busy = Agent("busy", model=Scripted([call("nothing"), "done"], order="turn"), tools=[nothing])

    def a(state: Notes) -> Notes:
        return {"said": [interrupt("a?")]}

    async def b(state: Notes, ctx: Context[Any]) -> Notes:
        return {"said": [await ctx.call(busy, "go")]}

    graph = StateGraph(Notes, name="g").add_node(a).add_node(b).add_edge(START, "a").add_edge(START, "b").compile()
    app = apps(graph)
    paused = await app.run(graph, {}, limits=Limits(turns=1))
    assert (len(paused.questions), paused.stop.limit, paused.output) == (1, "turns", {})
    again = await app.resume(paused.run_id, {}, limits=Limits(turns=5))
    assert (len(again.questions), again.stop) == (1, None), "the other branch is done"
    result = await apps(graph).resume(paused.run_id, {paused.questions[0].id: "x"})
    assert result.output == {"said": ["x", "done"]}
    assert result.usage.requests == 2


def nothing() -> str:
    """Do nothing."""
    return "nothing"


async def test_limits_alone_let_it_go_on(apps: Any) -> None:
    agent = Agent("a", model=Scripted([call("nothing"), "done"], order="turn"), tools=[nothing])
    app = apps(agent)
    paused = await app.run(agent, "go", limits=Limits(turns=1))
    assert (await app.resume(paused.run_id, limits=Limits(turns=2))).output == "done"


async def test_who_answers_a_run_that_nobody_holds_cannot_step_it(apps: Any) -> None:
    graph = StateGraph(Notes, name="g").add_node("ask", lambda state: {"said": [interrupt("a?")]})
    made = graph.add_edge(START, "ask").compile()
    app = apps(made)
    paused = await app.run(made, {})
    with pytest.raises(UsageError, match="nobody holds"):
        await app.resume(paused.run_id, {paused.questions[0].id: "x"}, steps=1)
    assert (await app.resume(paused.run_id, {paused.questions[0].id: "x"})).output == {"said": ["x"]}
