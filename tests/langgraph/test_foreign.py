"""Graphs of the package ``langgraph`` as targets of Weft: an app's, a node, with questions that outlive a process."""

import operator
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langgraph.config import get_stream_writer
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import interrupt

import weft
from weft import App, events
from weft.errors import LimitExceeded
from weft.langgraph.foreign import LangGraph, from_langgraph
from weft.models.scripted import Scripted, call
from weft.storage.base import Page, Scope

calls: list[str] = []


class Trip(TypedDict):
    log: Annotated[list[str], operator.add]


def plan(state: Trip) -> Any:
    calls.append("plan")
    get_stream_writer()({"planning": True})
    return {"log": ["plan"]}


def book(state: Trip) -> Any:
    hotel, day = interrupt({"ask": "hotel?"}), interrupt({"ask": "day?"})
    return {"log": [f"{hotel} on {day}"]}


def trip(**options: Any) -> LangGraph:
    calls.clear()
    graph = StateGraph(Trip).add_node("plan", plan).add_node("book", book)
    graph.add_edge(START, "plan").add_edge("plan", "book").add_edge("book", END)
    return from_langgraph(graph.compile(**options), name="trip")


async def test_its_interrupts_are_questions_of_the_run(store_url: str) -> None:
    target = trip()
    async with App(targets=[target], store=store_url) as app:
        first = await app.run("trip", {"log": []}, thread="t")
        assert [question.payload for question in first.questions] == [{"ask": "hotel?"}]
        second = await app.resume(first.run_id, {first.questions[0].id: "Ritz"})
        assert [question.payload for question in second.questions] == [{"ask": "day?"}]
        third = await app.resume(first.run_id, {second.questions[0].id: "Monday"})
        assert third.output == {"log": ["plan", "Ritz on Monday"]}
        assert calls == ["plan"]
        told = [one.event for one in await app.events(Scope(), first.run_id) if isinstance(one.event, events.Custom)]
        assert events.Custom("langgraph.custom", {"planning": True}) in told
        assert [one.data["node"] for one in told if one.name == "langgraph.update"] == ["plan", "book"]


async def test_a_thread_goes_on_where_it_was(store_url: str) -> None:
    graph = StateGraph(Trip).add_node("plan", plan).add_edge(START, "plan")
    target = from_langgraph(graph.compile(), name="planner")
    async with App(targets=[target], store=store_url) as app:
        await app.run("planner", {"log": ["a"]}, thread="t")
        assert (await app.run("planner", {"log": ["b"]}, thread="t")).output == {"log": ["a", "plan", "b", "plan"]}
        assert (await app.run("planner", {"log": ["c"]}, thread="other")).output == {"log": ["c", "plan"]}
        await app.store.threads.delete(Scope(), "t")
        assert (await app.run("planner", {"log": ["d"]}, thread="t")).output == {"log": ["d", "plan"]}


async def test_a_question_is_answered_by_another_process(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/weft.db"
    async with App(targets=[trip()], store=url) as app:
        run = await app.run("trip", {"log": []}, thread="t")
    async with App(targets=[trip()], store=url) as app:
        (question,) = await app.store.questions.open(Scope(), Page())
        second = await app.resume(run.run_id, {question.id: "Ritz"})
        assert (await app.resume(run.run_id, {second.questions[0].id: "Monday"})).output["log"][-1] == "Ritz on Monday"
    assert calls == []


async def test_a_breakpoint_is_a_question(store_url: str) -> None:
    async with App(targets=[trip(interrupt_before=["plan"])], store=store_url) as app:
        run = await app.run("trip", {"log": []}, thread="t")
        assert run.questions[0].payload == {"breakpoint": ["plan"]}
        assert calls == []
        run = await app.resume(run.run_id, {run.questions[0].id: True})
        assert run.questions[0].payload == {"ask": "hotel?"}


class Shared(TypedDict):
    log: Annotated[list[str], operator.add]


async def test_as_a_node_of_a_graph_of_ours(store_url: str) -> None:
    graph = (
        weft.StateGraph(Trip)
        .add_node("trip", from_trip := trip(), input=dict, output=dict)
        .add_node("after", lambda state: {"log": ["!"]})
    )
    graph.add_edge(weft.START, "trip").add_edge("trip", "after")
    assert from_trip.name == "trip"
    async with App(targets=[graph.compile(name="outer")], store=store_url) as app:
        run = await app.run("outer", {"log": []}, thread="t")
        run = await app.resume(run.run_id, {run.questions[0].id: "Ritz"})
        run = await app.resume(run.run_id, {run.questions[0].id: "Monday"})
        assert run.output == {"log": ["plan", "Ritz on Monday", "!"]}
        assert calls == ["plan"]


async def test_called_by_a_tool_of_an_agent_its_interrupts_are_questions(store_url: str) -> None:
    planner = trip()

    @weft.tool
    async def delegate(ctx: weft.Context[Any], what: str) -> str:
        """Let the planner do it."""
        return (await ctx.call(planner, {"log": [what]}))["log"][-1]

    clerk = weft.Agent(
        "clerk", model=Scripted([call("delegate", what="a trip"), "booked"], order="turn"), tools=[delegate]
    )
    async with App(agents=[clerk], store=store_url) as app:
        run = await app.run("clerk", "go", thread="t")
        asked: list[Any] = []
        for answer in ("Ritz", "Monday"):
            asked.append(run.questions[0].payload)
            run = await app.resume(run.run_id, {run.questions[0].id: answer})
        assert asked == [{"ask": "hotel?"}, {"ask": "day?"}]
        assert run.output == "booked"
        assert calls == ["plan"], "what was done before the question is not done again"
        (told,) = [message for _, message in await app.messages(Scope(), "t") if message.role == "tool"]
        assert "Ritz on Monday" in str(told)


async def test_as_an_agent_its_messages_stream(store_url: str) -> None:
    model = GenericFakeChatModel(messages=iter([AIMessage("hello to you")]))

    async def answer(state: MessagesState) -> Any:
        return {"messages": [await model.ainvoke(state["messages"])]}

    graph = StateGraph(MessagesState).add_node("answer", answer).add_edge(START, "answer")
    target = from_langgraph(graph.compile(), name="chat")
    async with App(targets=[target], store=store_url) as app:
        pieces: list[str] = []
        output: Any = None
        async for envelope in app.stream("chat", "hi", thread="t"):
            if isinstance(envelope.event, events.Delta):
                pieces.append(envelope.event.text)
            if isinstance(envelope.event, events.RunFinished):
                output = envelope.event.output
    assert "".join(pieces) == "hello to you"
    assert output == {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello to you"}]}


async def test_in_memory_and_its_limit() -> None:
    graph = StateGraph(Trip).add_node("plan", plan).add_edge(START, "plan").add_edge("plan", "plan").compile()
    with pytest.raises(LimitExceeded):
        await from_langgraph(graph, config={"recursion_limit": 3}).run({"log": []})
