"""What agents and graphs leave in an app, on both databases: questions, conversations, state, long results."""

from typing import Any, TypedDict

import pytest

from tests.runtime.test_app import ME, add
from weft import START, Agent, Context, ContextPolicy, StateGraph, tool
from weft.errors import Conflict, StateError, UsageError
from weft.events import (
    RunFailed,
    RunPaused,
    RunResumed,
)
from weft.models.base import Request
from weft.models.scripted import Line, Scripted, call


@tool(approval=True)
def send(to: str) -> str:
    """Send a mail."""
    SENT.append(to)
    return f"sent to {to}"


SENT: list[str] = []


@pytest.mark.parametrize(
    ("answer", "sent", "told"),
    [
        (True, ["ada"], "sent to ada"),
        (False, [], "a person said no"),
        ({"decision": "edit", "arguments": {"to": "bob"}}, ["bob"], "sent to bob"),
        ({"decision": "reject", "reason": "too late"}, [], "a person said no: too late"),
        ({"decision": "respond", "response": "use the phone"}, [], "use the phone"),
    ],
)
async def test_a_question_is_answered_in_another_process(apps: Any, answer: Any, sent: list[str], told: str) -> None:
    SENT.clear()
    agent = Agent("a", model=Scripted([[call("send", to="ada"), call("add", a=1, b=1)], "done"], order="turn"),
                  tools=[send, add])  # fmt: skip
    first = apps(agent)
    paused = await first.run(agent, "mail ada", thread="t1")
    assert paused.paused
    assert SENT == []
    with pytest.raises(UsageError, match="waits for"):
        _ = paused.output
    (question,) = paused.questions
    assert question.payload == {"tool": "send", "arguments": {"to": "ada"}}
    await first.close()
    second = apps(agent)
    done = await second.resume(paused.run_id, {question.id: answer})
    assert (done.output, SENT) == ("done", sent)
    results = {r.name: r.content for _, m in await second.messages(ME, "t1") for r in m.tool_results}
    assert results == {"send": told, "add": "2"}
    kinds = [type(e.event) for e in await second.events(ME, paused.run_id)]
    assert kinds.count(RunPaused) == kinds.count(RunResumed) == 1
    resumed = [e.event for e in await second.events(ME, paused.run_id) if isinstance(e.event, RunResumed)]
    assert resumed == [RunResumed("a", "answered")]
    with pytest.raises(Conflict):
        await second.resume(paused.run_id, {question.id: answer})


async def test_a_nested_agent_has_a_conversation_of_its_own(apps: Any) -> None:
    below = Agent("below", model=Scripted([call("add", a=2, b=2), "four"], order="turn"), tools=[add])

    async def ask(ctx: Context[Any], what: str) -> str:
        """Ask another agent."""
        return await ctx.call(below, what)

    agent = Agent("above", model=Scripted([call("ask", what="2+2"), "it says four"], order="turn"), tools=[ask])
    app = apps(agent)
    result = await app.run(agent, "go", thread="t1")
    assert result.output == "it says four"
    assert [m.role for _, m in await app.messages(ME, "t1")] == ["user", "assistant", "tool", "assistant"]
    everything = await app.store.threads.messages(ME, "t1", conversation=None)
    assert [row.seq for row in everything] == list(range(1, 9))
    assert {row.conversation for row in everything} == {"", "above/2:act#0/below#1"}
    assert result.usage.requests == 4


class Count(TypedDict, total=False):
    n: int
    bad: Any


async def test_a_graph_goes_on_from_the_state_of_its_thread(apps: Any) -> None:
    def more(state: Count) -> Count:
        return {"n": state["n"] + 1}

    graph = StateGraph(Count, name="count").add_node("more", more).add_edge(START, "more").compile()
    app = apps(graph)
    assert (await app.run(graph, {"n": 1}, thread="t1")).output == {"n": 2}
    await app.close()
    assert (await app.run("count", {}, thread="t1")).output == {"n": 3}


async def test_state_that_cannot_be_stored_is_refused_with_its_place(apps: Any) -> None:
    class Connection: ...

    graph = StateGraph(Count, name="g").add_node("open", lambda state: {"bad": {"line": [1, Connection()]}})
    flow = graph.add_edge(START, "open").compile()
    app = apps(flow)
    with pytest.raises(StateError, match=r"state\['bad'\]\['line'\]\[1\] is of type .*Connection"):
        await app.run(flow, {"n": 1}, thread="t1")
    (run,) = await app.store.runs.list(ME, page_of(1), thread_id="t1")
    assert run.status == "failed"
    assert (await app.events(ME, run.id))[-1].event.code == "state"


def page_of(limit: int) -> Any:
    from weft.storage.base import Page  # noqa: PLC0415

    return Page(limit=limit)


async def test_a_failed_run_is_on_record_and_its_thread_goes_on(apps: Any) -> None:
    def answer(request: Request) -> Line:
        return ValueError("a bug") if request.messages[-1].text == "fail" else "fine"

    app = apps(agent := Agent("a", model=Scripted([answer], order="repeat")))
    with pytest.raises(ValueError, match="a bug"):
        await app.run(agent, "fail", thread="t1")
    (run,) = await app.store.runs.list(ME, page_of(1), thread_id="t1")
    assert (run.status, run.error) == ("failed", "bug: ValueError: a bug")
    assert isinstance((await app.events(ME, run.id))[-1].event, RunFailed)
    assert (await app.run(agent, "go on", thread="t1")).output == "fine"


async def test_long_results_and_contexts_are_shortened_not_lost(apps: Any) -> None:
    def much() -> str:
        """Give much."""
        return "x" * 500_000

    model = Scripted([call("much"), "read it"], order="turn")
    agent = Agent("a", model=model, tools=[much], context=ContextPolicy(max_messages=6, max_tokens=None))
    app = apps(agent)
    for number in range(5):
        await app.run(agent, f"turn {number}", thread="t1")
    assert max(len(request.messages) for request in model.asked) <= 8
    assert "left out" in model.asked[1].messages[-1].tool_results[0].content
    rows = await app.messages(ME, "t1", limit=100)
    assert [row.seq for row, _ in rows] == list(range(1, 21))
    stored = (await app.store.threads.open("t1", conversation="")).context
    assert stored is not None
    assert stored.start > 1
    shown = await app.explain(ME, "t1")
    assert shown.start > 1
    assert [item.seq for item in shown.items] == list(range(shown.start, 21))
