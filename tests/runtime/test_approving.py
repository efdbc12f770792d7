"""Tools that ask or are asked about, calls side by side, and the inbox: on both databases."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from tests.runtime.asking import ME, Notes, asking, by_payload
from weft import START, Agent, Context, StateGraph, interrupt, tool
from weft.errors import AnswerInvalid, NotFound
from weft.events import Question, RunPaused
from weft.models.scripted import Scripted, call
from weft.storage.base import Page, Scope


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


@pytest.mark.parametrize(("amount", "asks"), [(5, False), (500, True), (None, True), ("much", False)])
async def test_approval_may_depend_on_the_arguments(apps: Any, amount: Any, asks: bool) -> None:
    @tool(approval=lambda arguments: arguments["amount"] > 100)
    def pay(amount: int | None) -> str:
        """Where its predicate fails, a person is asked; where the tool would not take it, nobody."""
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
