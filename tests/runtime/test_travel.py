"""A thread's past, on both databases: reading it, forking and editing it, replaying and comparing runs."""

import operator
from typing import Annotated, Any, TypedDict

import pytest

from weft import END, START, Agent, Context, ContextPolicy, StateGraph, tool
from weft.errors import Conflict, GraphError, NotFound, ReplayMissed, UsageError
from weft.events import ModelFinished, RunCancelled, ThreadForked
from weft.messages import Usage
from weft.models.base import Request
from weft.models.scripted import Scripted, call
from weft.storage.base import Scope

ME = Scope("default", "local")


class Work(TypedDict, total=False):
    topic: str
    notes: Annotated[list[str], operator.add]
    text: str


def worker(name: str = "work", **options: Any) -> Any:
    """research -> write -> check -> (write again | end)"""

    def research(state: Work) -> Work:
        return {"notes": [f"facts on {state['topic']}"]}

    def write(state: Work) -> Work:
        return {"text": " & ".join(state["notes"])}

    def check(state: Work) -> Work:
        return {"notes": ["checked"]}

    def enough(state: Work) -> str:
        return END if "checked" in state["notes"][:-1] else "write"

    return (
        StateGraph(Work, name=name)
        .add_node(research)
        .add_node(write)
        .add_node(check)
        .add_edge(START, "research")
        .add_edge("research", "write")
        .add_edge("write", "check")
        .add_conditional_edges("check", enough)
        .compile(**options)
    )


async def test_history_tells_every_step(apps: Any) -> None:
    app = apps(work := worker(version="1"))
    result = await app.run(work, {"topic": "tea"}, thread="t")
    moments = await app.history("t")
    assert [m.step for m in moments] == [6, 5, 4, 3, 2, 1]
    assert [m.made_by for m in moments[::-1]] == [(), ("research",), ("write",), ("check",), ("write",), ("check",)]
    assert [m.next for m in moments[::-1]] == [("research",), ("write",), ("check",), ("write",), ("check",), ()]
    assert [m.changed for m in moments[::-1]][:3] == [("topic",), ("notes",), ("text",)]
    assert {m.run_id for m in moments} == {result.run_id}
    assert {m.version for m in moments} == {"1"}
    assert {m.graph for m in moments} == {work.graph().version}
    assert [m.source for m in moments] == ["step"] * 5 + ["input"]
    assert sorted(m.at for m in moments) == [m.at for m in moments[::-1]]
    assert [m.step for m in await app.history("t", before=4, limit=2)] == [3, 2]
    assert (await app.history("t", limit=1))[0].made_by == ("check",)
    with pytest.raises(NotFound):
        await app.history("nowhere")


async def test_state_is_read_at_any_step(apps: Any) -> None:
    app = apps(work := worker())
    await app.run(work, {"topic": "tea"}, thread="t")
    assert (await app.state("t", at=1)).values == {"topic": "tea"}
    assert (await app.state("t", at=3)).values == {
        **{"topic": "tea", "notes": ["facts on tea"], "text": "facts on tea"},
    }
    newest = await app.state("t")
    assert (newest.step, newest.next, newest.values["notes"]) == (6, (), ["facts on tea", "checked", "checked"])
    with pytest.raises(NotFound):
        await app.state("t", at=7)


async def test_a_fork_goes_on_from_an_earlier_step_and_mixes_with_nothing(apps: Any) -> None:
    app = apps(work := worker())
    await app.run(work, {"topic": "tea"}, thread="t")
    made = await app.fork("t", at=2)
    assert (made.step, made.parent, made.next) == (7, 2, ("write",))
    result = await app.go_on("t")
    assert result.output["notes"] == ["facts on tea", "checked", "checked"]
    moments = await app.history("t")
    assert [m.step for m in moments] == list(range(11, 0, -1))
    assert [(m.step, m.parent, m.source) for m in moments if m.parent] == [(7, 2, "fork")]
    assert (await app.state("t", at=6)).values == (await app.state("t", at=11)).values
    events = await app.events(ME, made.run_id)
    assert events[1].event == ThreadForked(7, 2)


async def test_an_edit_holds_to_the_rules_and_goes_on_as_the_node(apps: Any) -> None:
    app = apps(work := worker())
    await app.run(work, {"topic": "tea"}, thread="t")
    made = await app.fork("t", at=2, write={"notes": ["more"]})
    assert made.next == ("write",)
    assert (await app.state("t")).values["notes"] == ["facts on tea", "more"]
    made = await app.fork("t", at=1, node="research", write={"notes": ["my own"]})
    assert made.next == ("write",)
    assert (await app.go_on("t")).output["text"] == "my own & checked"
    made = await app.fork("t", at=4, node="check", write={"notes": ["checked", "checked"]})
    assert made.next == (), "its conditional edge decides"
    made = await app.fork("t", at=4, write={"text": "x"}, goto=["check"])
    assert made.next == ("check",)
    with pytest.raises(GraphError, match="no channel"):
        await app.fork("t", write={"nothing": 1})
    with pytest.raises(GraphError, match="no node"):
        await app.fork("t", node="nobody")


async def test_a_new_thread_begins_at_a_step_of_another(apps: Any) -> None:
    app = apps(work := worker())
    await app.run(work, {"topic": "tea"}, thread="t")
    made = await app.fork("t", at=2, into="u", write={"topic": "rice"})
    assert (made.thread_id, made.parent) == ("u", 2)
    assert (await app.go_on("u")).output["topic"] == "rice"
    assert (await app.state("t")).values["topic"] == "tea"
    with pytest.raises(Conflict):
        await app.fork("t", at=2, into="u")
    assert (await app.run(work, {"topic": "salt"}, thread="u")).output["notes"][-1] == "checked"


def echo(request: Request) -> str:
    return " | ".join(message.text for message in request.messages)


async def test_a_conversation_forgets_the_branch_that_was_left_and_keeps_its_rows(apps: Any) -> None:
    agent = Agent("a", model=Scripted([echo], order="repeat"))
    app = apps(agent)
    await app.run(agent, "one", thread="t")
    await app.run(agent, "two", thread="t")
    await app.run(agent, "three", thread="t")
    await app.fork("t", at=2)
    assert (await app.run(agent, "four", thread="t")).output == "one | one | four"
    other = apps(agent)
    assert (await other.run(agent, "five", thread="t")).output == "one | one | four | one | one | four | five"
    assert len(await app.messages(ME, "t")) == 10
    seen = await app.state("t", at=2)
    assert [message.text for _, message in seen.messages] == ["one", "one"]
    await app.fork("t", at=4, into="u")
    assert (await app.run(agent, "six", thread="u")).output.startswith("one | one | two | one | one | two | six")
    assert (await app.run(agent, "back", thread="t")).output.startswith("one | one | four |")
    branch = await app.fork("t", at=6, write={"conversation": ["and so on"]})
    assert branch.step > 6
    assert [m.text for _, m in (await app.state("t")).messages][-3:] == [
        "three",
        "one | one | two | one | one | two | three",
        "and so on",
    ]


async def test_a_summary_is_as_it_was(apps: Any) -> None:
    agent = Agent(
        "a", model=Scripted([lambda request: f"said {len(request.messages)}"], order="repeat"),
        context=ContextPolicy(keep="summary", max_messages=4),
    )  # fmt: skip
    app = apps(agent)
    for i in range(6):
        await app.run(agent, f"word {i}", thread="t")
    moments = await app.history("t")
    states = {m.step: await app.state("t", at=m.step) for m in moments}
    assert states[1].summary is None
    assert states[max(states)].summary is not None
    step = max(at for at, state in states.items() if state.summary is None)
    await app.fork("t", at=step)
    now = await app.state("t")
    assert (now.summary, now.messages) == (None, states[step].messages)
    explained = await app.explain(ME, "t")
    assert explained.summary is None


class Counted:
    """A model and two tools that count their calls."""

    def __init__(self) -> None:
        self.asked = self.booked = 0

    def agent(self) -> Agent[Any]:
        @tool(effect="once")
        async def book(ctx: Context[Any], hotel: str) -> str:
            """Book it."""
            self.booked += 1
            return f"booked {hotel} as number {self.booked}"

        def add(a: int, b: int) -> int:
            """Add."""
            self.booked += 100
            return a + b

        def lines(*given: Any) -> list[Any]:
            def told(line: Any) -> Any:
                def say(request: Request) -> Any:
                    self.asked += 1
                    return line

                return say

            return [told(line) for line in given]

        model = Scripted(
            lines([call("book", hotel="Roma"), call("add", a=1, b=2)], call("add", a=3, b=4), "all is done"),
            order="turn",
        )
        return Agent("a", model=model, tools=[book, add])


async def test_a_replay_calls_nothing_and_ends_in_the_same_state(apps: Any) -> None:
    counted = Counted()
    app = apps(agent := counted.agent())
    first = await app.run(agent, "hello", thread="t")
    result = await app.run(agent, "go", thread="t")
    before = (counted.asked, counted.booked)
    replayed = await app.replay(result.run_id)
    assert (counted.asked, counted.booked) == before
    assert replayed.output == result.output
    assert replayed.thread_id != result.thread_id
    assert replayed.usage == Usage()
    one, two = await app.state(result.thread_id), await app.state(replayed.thread_id)
    assert one.values == two.values
    assert [(m.role, m.parts) for _, m in one.messages] == [(m.role, m.parts) for _, m in two.messages]
    diff = await app.diff(result.run_id, replayed.run_id)
    assert diff.same, diff
    assert diff.steps_a == diff.steps_b > 3
    assert (await app.diff(first.run_id, (await app.replay(first.run_id)).run_id)).same
    assert not (await app.diff(first.run_id, result.run_id)).same
    again = await app.replay(replayed.run_id)
    assert (counted.asked, counted.booked, again.output) == (*before, result.output)


async def test_a_replay_goes_live_where_it_is_told_and_asks_before_it_repeats_an_effect(apps: Any) -> None:
    counted = Counted()
    app = apps(agent := counted.agent())
    result = await app.run(agent, "go", thread="t")
    asked, booked = counted.asked, counted.booked
    waits = await app.replay(result.run_id, live_from=2)
    assert [question.payload["before"]["name"] for question in waits.questions] == ["book"]
    assert (counted.asked, counted.booked) == (asked, booked + 100), "the call beside it is made"
    booked = counted.booked
    await app.replay(result.run_id, live_from=3)
    assert (counted.asked - asked, counted.booked - booked) == (2, 100)
    await app.replay(result.run_id, live_from=2, confirm=True)
    assert (counted.asked - asked, counted.booked - booked) == (4, 301)
    for live_from, counts in ((None, (4, 301)), (3, (6, 401))):
        paused = await app.replay(result.run_id, until=3, live_from=live_from)
        assert paused.paused
        assert (counted.asked - asked, counted.booked - booked) == (4, 301)
        assert (await app.resume(paused.run_id, {})).output == "all is done"
        assert (counted.asked - asked, counted.booked - booked) == counts


async def test_a_replay_of_a_run_that_failed_stops_where_it_did(apps: Any) -> None:
    def fails(request: Request) -> str:
        raise ValueError("no answer")

    agent = Agent("a", model=Scripted([fails]))
    app = apps(agent)
    with pytest.raises(ValueError, match="no answer"):
        await app.run(agent, "go", thread="t")
    (run,) = [m.run_id for m in await app.history("t")]
    with pytest.raises(ReplayMissed):
        await app.replay(run)


async def test_nested_agents_are_replayed_and_their_states_read(apps: Any) -> None:
    counted = Counted()
    below = counted.agent()

    class State(TypedDict, total=False):
        text: str

    async def ask(state: State, ctx: Context[Any]) -> State:
        return {"text": await ctx.call(below, state["text"])}

    above = StateGraph(State, name="above").add_node(ask).add_edge(START, "ask").compile()
    app = apps(above, below)
    result = await app.run(above, {"text": "go"}, thread="t")
    asked = counted.asked
    assert (await app.replay(result.run_id)).output == {"text": "all is done"}
    assert counted.asked == asked
    path = "above/1:ask/a#1"
    assert next(m.made_by for m in await app.history("t", path)) == ("think",)
    assert [m.text for _, m in (await app.state("t", path)).messages][-1] == "all is done"
    assert (await app.state("t", path, at=1)).next == ("think",)
    with pytest.raises(UsageError, match="is over"):
        await app.fork("t", path, at=1)
    await app.fork("t", at=1)
    await app.go_on("t", confirm=True)
    assert counted.asked == 2 * asked, "the call is made again, not taken up"


async def test_a_fork_ends_what_waited_and_withdraws_its_question(apps: Any) -> None:
    class State(TypedDict, total=False):
        name: str
        sure: bool

    async def ask(state: State, ctx: Context[Any]) -> State:
        return {"sure": ctx.ask(f"are you {state['name']}?")}

    graph = StateGraph(State, name="g").add_node(ask).add_edge(START, "ask").compile()
    app = apps(graph)
    paused = await app.run(graph, {"name": "Ada"}, thread="t")
    await app.fork("t", write={"name": "Eve"})
    record = await app.store.runs.get(ME, paused.run_id)
    assert (record.status, record.error) == ("cancelled", "cancelled: its thread was forked")
    assert (await app.events(ME, paused.run_id))[-1].event == RunCancelled("its thread was forked")
    again = await app.go_on("t")
    assert again.questions[0].payload == "are you Eve?"
    done = await app.resume(again.run_id, {again.questions[0].id: True})
    assert done.output == {"name": "Eve", "sure": True}


async def test_an_edit_of_a_paused_step_keeps_what_its_siblings_did(apps: Any) -> None:
    done: list[str] = []

    class State(TypedDict, total=False):
        name: str
        notes: Annotated[list[str], operator.add]

    async def ask(state: State, ctx: Context[Any]) -> State:
        return {"notes": [ctx.ask(f"are you {state['name']}?")]}

    async def act(state: State) -> State:
        done.append(state["name"])
        return {"notes": ["acted"]}

    graph = (
        StateGraph(State, name="g").add_node(ask).add_node(act).add_edge(START, "ask").add_edge(START, "act").compile()
    )
    app = apps(graph)
    await app.run(graph, {"name": "Ada"}, thread="t")
    await app.fork("t", write={"name": "Eve"})
    again = await app.go_on("t")
    result = await app.resume(again.run_id, {again.questions[0].id: "yes"})
    assert sorted(result.output["notes"]) == ["acted", "yes"]
    assert done == ["Ada"]


async def test_a_running_thread_is_not_forked(apps: Any) -> None:
    class State(TypedDict, total=False):
        text: str

    async def fork(state: State) -> State:
        with pytest.raises(Conflict):
            await app.fork("t", at=1)
        return {"text": "refused"}

    graph = (
        StateGraph(State, name="g").add_node("first", dict).add_node(fork).add_edge(START, "first")
        .add_edge("first", "fork").compile()
    )  # fmt: skip
    app = apps(graph)
    assert (await app.run(graph, {"text": ""}, thread="t")).output == {"text": "refused"}


async def test_runs_that_differ_tell_the_first_step(apps: Any) -> None:
    app = apps(work := worker())
    one = await app.run(work, {"topic": "tea"}, thread="t")
    await app.fork("t", at=2, into="u", write={"notes": ["more"]})
    two = await app.go_on("u")
    diff = await app.diff(one.run_id, two.run_id)
    assert diff.divergence is not None
    assert (diff.divergence.step_a, diff.divergence.step_b) == (3, 4), "what came before the fork is of both"
    assert [d.channel for d in diff.divergence.differences] == ["notes", "text"]
    back = (await app.diff(two.run_id, one.run_id)).divergence
    assert back is not None
    assert (back.step_a, back.step_b, back.nodes) == (4, 3, ("write",))
    three = await app.run(work, {"topic": "rice"}, thread="v")
    diff = await app.diff(one.run_id, three.run_id)
    assert diff.divergence is not None
    assert [d.channel for d in diff.divergence.differences] == ["topic"]
    usage = [e.event for e in await app.events(ME, three.run_id) if isinstance(e.event, ModelFinished)]
    assert usage == []
