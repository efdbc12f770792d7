"""Questions that never get lost: in any nesting, answered in any order, by any process, once; or by silence."""

import asyncio
import operator
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Annotated, Any, Literal, TypedDict

import pytest
from pydantic import BaseModel, field_validator

from weft import END, START, Agent, App, Context, Send, StateGraph, interrupt, tool
from weft.errors import AnswerInvalid, Conflict, NotFound, QuestionExpired, UsageError
from weft.events import Question, RunPaused
from weft.models.scripted import Scripted, call
from weft.storage.base import Page, Scope

ME = Scope("default", "local")


@pytest.fixture
async def apps(shared_url: str) -> AsyncIterator[Any]:
    """Apps on one store, as though each were another process."""
    async with AsyncExitStack() as stack:

        def make(*targets: Any) -> App:
            app = App(targets=targets, store=shared_url)
            stack.push_async_callback(app.close)
            return app

        yield make


async def until(app: App, run_id: str, status: str) -> None:
    """The run has come to this status, perhaps through others."""
    async with asyncio.timeout(10):
        while (await app.store.runs.get(ME, run_id)).status != status:  # noqa: ASYNC110  # of another process, perhaps
            await asyncio.sleep(0.01)


class Notes(TypedDict, total=False):
    said: Annotated[list[str], operator.add]


def asking(*nodes: str, done: Counter[str], schedule: Any = "superstep", quiet: tuple[str, ...] = ()) -> Any:
    """Nodes side by side; each asks (but for the quiet ones), then does something that is counted."""
    graph = StateGraph(Notes, name="g")

    def add(name: str) -> None:
        def run(state: Notes) -> Notes:
            answer = "nothing" if name in quiet else interrupt(f"{name}?")
            done[name] += 1
            return {"said": [f"{name}={answer}"]}

        graph.add_node(name, run).add_edge(START, name)

    for name in nodes:
        add(name)
    return graph.compile(schedule=schedule)


def by_payload(result: Any) -> dict[Any, Question]:
    return {question.payload: question for question in result.questions}


@pytest.mark.parametrize("schedule", ["superstep", "eager"])
async def test_answers_one_by_one_in_any_order(apps: Any, schedule: Any) -> None:
    done = Counter[str]()
    graph = asking("a", "b", "c", "quiet", done=done, schedule=schedule, quiet=("quiet",))
    result = await apps(graph).run(graph, {}, thread="t")
    assert done == {"quiet": 1}
    asked = by_payload(result)
    assert set(asked) == {"a?", "b?", "c?"}
    for name, rest in (("c", {"a?", "b?"}), ("a", {"b?"})):
        result = await apps(graph).resume(result.run_id, {asked[f"{name}?"].id: name.upper()})
        assert result.paused
        assert {q.payload: q.id for q in result.questions} == {p: asked[p].id for p in rest}
        assert done[name] == 1, "what can go on goes on"
    result = await apps(graph).resume(result.run_id, {asked["b?"].id: "B"})
    assert sorted(result.output["said"]) == ["a=A", "b=B", "c=C", "quiet=nothing"]
    assert set(done.values()) == {1}


async def test_the_same_answer_again_is_fine_and_another_is_a_conflict(apps: Any) -> None:
    graph = asking("a", "b", done=Counter())
    app = apps(graph)
    asked = by_payload(await app.run(graph, {}, thread="t"))
    run = (await app.questions())[0].run_id
    await app.answer(ME, run, {asked["a?"].id: {"x": 1, "y": 2}})
    await app.answer(ME, run, {asked["a?"].id: {"y": 2, "x": 1}})
    with pytest.raises(Conflict):
        await app.answer(ME, run, {asked["a?"].id: {"x": 2}})
    with pytest.raises(Conflict):
        await app.answer(ME, run, {asked["b?"].id: 1, asked["a?"].id: {"x": 2}})
    with pytest.raises(NotFound):
        await app.answer(ME, run, {asked["b?"].id: 1, "nothing": 2})
    assert [row.id for row in await app.questions()] == [asked["b?"].id]
    await app.start()
    await app.answer(ME, run, {asked["b?"].id: 1})
    assert (await app.wait(ME, run, 10)).status == "finished"
    await app.answer(ME, run, {asked["b?"].id: 1})
    with pytest.raises(Conflict):
        await app.answer(ME, run, {asked["b?"].id: 2})
    with pytest.raises(Conflict, match="finished"):
        await app.resume(run, {asked["b?"].id: 1})


async def test_an_answer_that_comes_while_the_run_goes_on_is_not_lost(apps: Any) -> None:
    slow = asyncio.Event()

    async def first(state: Notes) -> Notes:
        answer = interrupt("first?")
        await slow.wait()
        return {"said": [answer]}

    def second(state: Notes) -> Notes:
        return {"said": [interrupt("second?")]}

    graph = StateGraph(Notes, name="g").add_node(first).add_node(second)
    graph = graph.add_edge(START, "first").add_edge(START, "second").compile()
    app = apps(graph)
    await app.start()
    run = await app.submit("g", {}, scope=ME, thread="t")
    await app.wait(ME, run.id, 10)
    asked = {row.payload: row.id for row in await app.questions()}
    await app.answer(ME, run.id, {asked[b'"first?"']: "1"})
    await until(app, run.id, "running")
    await app.answer(ME, run.id, {asked[b'"second?"']: "2"})
    slow.set()
    await until(app, run.id, "finished")


class Trip(BaseModel):
    nights: int
    place: str = "Rome"

    @field_validator("place")
    @classmethod
    def _known(cls, place: str) -> str:
        if place == "Atlantis":
            raise ValueError("there is no such place")
        return place


def typed(schema: Any, got: list[Any]) -> Any:
    def ask(state: Notes) -> Notes:
        got.append(interrupt("where?", schema=schema))
        return {}

    return StateGraph(Notes, name="g").add_node(ask).add_edge(START, "ask").compile()


@pytest.mark.parametrize(
    ("schema", "wrong", "place", "right", "value"),
    [
        (Trip, {"nights": "many"}, "$.nights", {"nights": 2}, Trip(nights=2)),
        (int, "three", "$", 3, 3),
        (Literal["red", "blue"], "green", "$", "red", "red"),
        ({"type": "object", "required": ["ok"]}, {}, "$", {"ok": True}, {"ok": True}),
        (list[int], [1, "x"], r"$\[1\]", [1, 2], [1, 2]),
    ],
)
async def test_answers_are_checked_when_given_and_typed_when_returned(
    apps: Any, schema: Any, wrong: Any, place: str, right: Any, value: Any
) -> None:
    got: list[Any] = []
    graph = typed(schema, got)
    app = apps(graph)
    paused = await app.run(graph, {}, thread="t")
    (question,) = paused.questions
    with pytest.raises(AnswerInvalid, match=place.replace("$", r"\$", 1)):
        await app.resume(paused.run_id, {question.id: wrong})
    assert [row.id for row in await app.questions()] == [question.id]
    assert not (await apps(graph).resume(paused.run_id, {question.id: right})).paused
    assert got == [value]
    assert type(got[0]) is type(value)


async def test_a_schema_that_is_none_is_the_callers_mistake(apps: Any) -> None:
    graph = typed(object(), [])
    with pytest.raises(UsageError, match="no JSON Schema"):
        await apps(graph).run(graph, {})


def test_outside_of_a_run_nobody_can_be_asked() -> None:
    with pytest.raises(UsageError, match="interrupt"):
        interrupt("anybody?")


async def test_after_a_run_nobody_asks_on_its_behalf(apps: Any) -> None:
    graph = asking("a", done=Counter())
    await apps(graph).run(graph, {})
    with pytest.raises(UsageError, match="interrupt"):
        interrupt("anybody?")


def waiting(seconds: float, got: list[Any], **default: Any) -> Any:
    def ask(state: Notes) -> Notes:
        got.append(interrupt("now?", expires=seconds, **default))
        return {}

    return StateGraph(Notes, name="g").add_node(ask).add_edge(START, "ask").compile()


async def test_silence_is_the_default_even_if_no_process_was_up(apps: Any) -> None:
    got: list[Any] = []
    graph = waiting(0.3, got, default="no")
    paused = await apps(graph).run(graph, {}, thread="t")
    (question,) = paused.questions
    assert question.expires_at == pytest.approx(time.time(), abs=5)
    await asyncio.sleep(0.4)
    app = apps(graph)
    await app.start()
    assert (await app.wait(ME, paused.run_id, 10)).status in ("queued", "running", "finished")
    await until(app, paused.run_id, "finished")
    assert got == ["no"]
    with pytest.raises(Conflict):
        await app.answer(ME, paused.run_id, {question.id: "yes"})


async def test_without_a_default_the_node_fails_when_its_time_is_over(apps: Any) -> None:
    graph = waiting(0.2, [])
    app = apps(graph)
    paused = await app.run(graph, {}, thread="t")
    with pytest.raises(UsageError, match="none that it has not had"):
        await app.resume(paused.run_id, {})
    await asyncio.sleep(0.3)
    with pytest.raises(QuestionExpired, match="no default"):
        await app.resume(paused.run_id, {})
    assert (await app.store.runs.get(ME, paused.run_id)).status == "failed"


async def test_a_question_in_time_keeps_its_time_when_another_is_answered(apps: Any) -> None:
    def first(state: Notes) -> Notes:
        return {"said": [interrupt("first?", expires=60, default="1")]}

    def second(state: Notes) -> Notes:
        return {"said": [interrupt("second?")]}

    graph = StateGraph(Notes, name="g").add_node(first).add_node(second)
    graph = graph.add_edge(START, "first").add_edge(START, "second").compile()
    app = apps(graph)
    asked = by_payload(await app.run(graph, {}, thread="t"))
    run = (await app.questions())[0].run_id
    again = await app.resume(run, {asked["second?"].id: "2"})
    assert again.questions[0].expires_at == asked["first?"].expires_at


async def test_sends_and_loops_ask_with_ids_of_their_own(apps: Any) -> None:
    done = Counter[str]()

    def one(item: Any) -> Notes:
        answer = interrupt(f"{item}?")
        done[str(item)] += 1
        return {"said": [f"{item}={answer}"]}

    def more(state: Notes) -> Any:
        return [Send("one", f"again{n}") for n in range(2)] if len(state["said"]) < 5 else END

    graph = StateGraph(Notes, name="g").add_node(one).add_node("look", lambda state: {"said": ["."]})
    graph = graph.add_conditional_edges(START, lambda state: [Send("one", n) for n in range(2)])
    graph = graph.add_edge("one", "look").add_conditional_edges("look", more).compile()
    result = await apps(graph).run(graph, {}, thread="t")
    seen: list[str] = []
    while result.paused:
        question = result.questions[-1]
        seen.append(question.id)
        result = await apps(graph).resume(result.run_id, {question.id: "x"})
    assert len(set(seen)) == 4
    assert set(done.values()) == {1}
    assert len(done) == 4


@tool
def choose(colours: list[str]) -> str:
    """Let a person choose."""
    return interrupt({"choose": colours}, schema=str) + " it is"


@tool
async def book(ctx: Context[Any], hotel: str) -> str:
    """Ask twice, by both doors."""
    first = ctx.ask("when?")
    second = interrupt("how long?")
    return f"{hotel} {first} {second}"


async def test_tools_ask_from_threads_and_by_both_doors(apps: Any) -> None:
    script: Any = [[call("choose", colours=["red"]), call("book", hotel="Roma")], "done"]
    agent = Agent("a", model=Scripted(script, order="turn"), tools=[choose, book])
    result = await apps(agent).run(agent, "go", thread="t")
    assert len(result.questions) == 2
    ids = {str(question.payload): question.id for question in result.questions}
    result = await apps(agent).resume(result.run_id, {ids["when?"]: "today"})
    (later,) = [question for question in result.questions if question.payload == "how long?"]
    assert later.id not in ids.values()
    result = await apps(agent).resume(result.run_id, {ids["{'choose': ['red']}"]: "red", later.id: "long"})
    assert result.output == "done"
    told = {r.name: r.content for _, m in await apps(agent).messages(ME, "t") for r in m.tool_results}
    assert told == {"choose": "red it is", "book": "Roma today long"}


@pytest.mark.parametrize("together", ["gather", "group"])
async def test_calls_side_by_side_in_one_node_ask_at_once(apps: Any, together: str) -> None:
    """All that can be done is done before the node gives up, whoever asks first."""
    done, tried = Counter[str](), Counter[str]()

    def below(name: str, wait: float) -> Any:
        async def work(state: Notes) -> Notes:
            tried[name] += 1
            await asyncio.sleep(wait)
            answer = "quiet" if name == "c" else interrupt(f"{name}?")
            done[name] += 1
            return {"said": [f"{name}={answer}"]}

        return StateGraph(Notes, name=name).add_node(work).add_edge(START, "work").compile()

    graphs = [below("a", 0), below("b", 0.02), below("c", 0.05)]

    async def all_of_them(state: Notes, ctx: Context[Any]) -> Notes:
        if together == "gather":
            outs = await asyncio.gather(*[ctx.call(graph, {}) for graph in graphs])
        else:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(ctx.call(graph, {})) for graph in graphs]
            outs = [task.result() for task in tasks]
        return {"said": [word for out in outs for word in out["said"]] + [interrupt("last?")]}

    graph = StateGraph(Notes, name="g").add_node(all_of_them).add_edge(START, "all_of_them").compile()
    result = await apps(graph).run(graph, {}, thread="t")
    assert sorted(by_payload(result)) == ["a?", "b?"]
    assert done == {"c": 1}
    result = await apps(graph).resume(result.run_id, {by_payload(result)["b?"].id: "B"})
    assert sorted(by_payload(result)) == ["a?"]
    assert tried["a"] == 1, "what waits is not tried again"
    result = await apps(graph).resume(result.run_id, {by_payload(result)["a?"].id: "A"})
    result = await apps(graph).resume(result.run_id, {by_payload(result)["last?"].id: "!"})
    assert result.output["said"] == ["a=A", "b=B", "c=quiet", "!"]
    assert done == {"a": 1, "b": 1, "c": 1}


async def test_a_call_that_nobody_waits_for_ends_with_its_run(apps: Any) -> None:
    reached: list[str] = []

    async def slow(state: Notes) -> Notes:
        await asyncio.sleep(30)
        reached.append("end")
        return {}

    below = StateGraph(Notes, name="below").add_node(slow).add_edge(START, "slow").compile()

    async def node(state: Notes, ctx: Context[Any]) -> Notes:
        async def ask() -> Any:
            await asyncio.sleep(0.02)
            return ctx.ask("?")

        await asyncio.gather(ctx.call(below, {}), ask())
        return {}

    graph = StateGraph(Notes, name="g").add_node(node).add_edge(START, "node").compile()
    async with asyncio.timeout(10):
        assert (await apps(graph).run(graph, {})).paused
    assert reached == []


async def test_the_inbox_has_what_is_needed_to_answer(apps: Any) -> None:
    graph = asking("a", "b", done=Counter())
    app = apps(graph)
    await app.run(graph, {}, thread="t1", user="ada")
    await app.run(graph, {}, thread="t2", user="bob")
    rows = await app.questions()
    assert [row.thread_id for row in rows] == ["t2", "t2", "t1", "t1"]
    assert {(row.target, row.user_id, row.kind) for row in rows} == {("g", "ada", "question"), ("g", "bob", "question")}
    assert len(await app.questions(user="ada")) == len(await app.questions(thread="t1")) == 2
    assert len(await app.questions(run=rows[0].run_id)) == 2
    events = await app.events(Scope("default"), rows[0].run_id)
    assert isinstance(events[-1].event, RunPaused)
    with pytest.raises(NotFound):
        await app.answer(Scope("default", "ada"), rows[0].run_id, {rows[0].id: 1})
    assert len(await app.store.questions.open(ME, Page())) == 0


async def test_a_pydantic_rule_that_no_schema_can_say_fails_the_node(apps: Any) -> None:
    graph = typed(Trip, [])
    app = apps(graph)
    paused = await app.run(graph, {}, thread="t")
    with pytest.raises(AnswerInvalid, match="no such place"):
        await app.resume(paused.run_id, {paused.questions[0].id: {"nights": 1, "place": "Atlantis"}})


@pytest.mark.parametrize(("amount", "asks"), [(5, False), (500, True), ("much", True)])
async def test_approval_may_depend_on_the_arguments(apps: Any, amount: Any, asks: bool) -> None:
    @tool(approval=lambda arguments: arguments["amount"] > 100)
    def pay(amount: int) -> str:
        """Pay."""
        return f"paid {amount}"

    agent = Agent("a", model=Scripted([call("pay", amount=amount), "done"], order="turn"), tools=[pay])
    result = await apps(agent).run(agent, "go")
    assert result.paused is asks


async def test_edited_arguments_must_fit_the_tool(apps: Any) -> None:
    @tool(approval=True)
    def pay(amount: int, to: str) -> str:
        """Pay."""
        return f"paid {amount} to {to}"

    agent = Agent("a", model=Scripted([call("pay", amount=5, to="ada"), "done"], order="turn"), tools=[pay])
    app = apps(agent)
    paused = await app.run(agent, "go", thread="t")
    (question,) = paused.questions
    assert question.kind == "approval"
    with pytest.raises(AnswerInvalid, match=r"not of type 'integer'|not valid under any"):
        await app.resume(paused.run_id, {question.id: question.edit(amount="lots")})
    await app.resume(paused.run_id, {question.id: question.edit(amount=7)})
    told = {r.name: r.content for _, m in await app.messages(ME, "t") for r in m.tool_results}
    assert told == {"pay": "paid 7 to ada"}


async def test_helpers_say_what_is_meant(apps: Any) -> None:
    approval = Question("q", {"tool": "t", "arguments": {"a": 1, "b": 2}}, kind="approval")
    assert approval.approve() == {"decision": "approve"}
    assert approval.edit(b=3) == {"decision": "edit", "arguments": {"a": 1, "b": 3}}
    assert approval.reject("no") == {"decision": "reject", "reason": "no"}
    assert approval.respond({"x": 1}) == {"decision": "respond", "response": {"x": 1}}
    plain = Question("q", "sure?")
    assert (plain.approve(), plain.reject("why"), plain.respond("words")) == (True, False, "words")
