"""Interrupts and breakpoints through LangGraph and through ``weft.langgraph``: what comes out must be equal."""

import operator
from typing import Annotated, Any, TypedDict

import pytest

from tests.langgraph.both import ONE, S, Scenario, Scenarios, alike, asking, chain, says, tried
from weft.langgraph import START, Command, StateGraph, interrupt
from weft.langgraph.checkpoint.memory import InMemorySaver

same = Scenarios()


@same
def an_interrupt_asks_twice(lg: Any) -> list[Any]:
    graph = asking(lg)
    return [
        graph.invoke({"n": 1}, ONE),
        graph.get_state(ONE),
        list(graph.stream(lg.Command(resume="x"), ONE)),
        graph.get_state(ONE),
        list(graph.stream(lg.Command(resume="y"), ONE, stream_mode="values")),
        graph.get_state(ONE),
        *graph.get_state_history(ONE),
    ]


@same
def an_interrupt_in_streams(lg: Any) -> list[Any]:
    graph = asking(lg)
    return [
        list(graph.stream({"n": 1}, ONE, stream_mode="values")),
        list(graph.stream(lg.Command(resume="x"), ONE, stream_mode=["values", "updates"])),
    ]


def both_ask(lg: Any) -> Any:
    graph = lg.StateGraph(S)
    calls: list[str] = []

    def make(name: str) -> Any:
        def node(state: S) -> Any:
            calls.append(name)
            return {"log": [f"{name}={lg.interrupt(name)}"]}

        return node

    graph.add_node("a", make("a")).add_node("b", make("b")).add_node("c", says("c"))
    for name in ("a", "b", "c"):
        graph.add_edge(lg.START, name)
    return graph.compile(checkpointer=lg.InMemorySaver())


@same
def parallel_interrupts_are_answered_by_id(lg: Any) -> list[Any]:
    graph = both_ask(lg)
    first = graph.invoke({"n": 1}, ONE)
    ids = {one.value: one.id for one in graph.get_state(ONE).interrupts}
    return [
        sorted(one.value for one in first["__interrupt__"]),
        graph.get_state(ONE).next,
        tried(lambda: graph.invoke(lg.Command(resume="?"), ONE)),
        graph.invoke(lg.Command(resume={ids["b"]: "B"}), ONE),
        graph.get_state(ONE).next,
        graph.invoke(lg.Command(resume={ids["a"]: "A"}), ONE),
        graph.get_state(ONE),
    ]


@same
def breakpoints(lg: Any) -> list[Any]:
    before = chain(lg, "a", "b", "c", checkpointer=lg.InMemorySaver(), interrupt_before=["b"])
    after = chain(lg, "a", "b", "c", checkpointer=lg.InMemorySaver(), interrupt_after=["b"])
    every = chain(lg, "a", "b", checkpointer=lg.InMemorySaver(), interrupt_before="*")
    return [
        list(before.stream({"n": 1}, ONE)),
        before.get_state(ONE),
        list(before.stream(None, ONE)),
        before.get_state(ONE),
        after.invoke({"n": 1}, ONE),
        after.get_state(ONE).next,
        after.invoke(None, ONE),
        *[every.invoke(given, ONE) for given in ({"n": 1}, None, None)],
    ]


@same
def time_travel_asks_again(lg: Any) -> list[Any]:
    graph = asking(lg)
    graph.invoke({"n": 1}, ONE)
    graph.invoke(lg.Command(resume="x"), ONE)
    graph.invoke(lg.Command(resume="y"), ONE)
    at = next(one for one in graph.get_state_history(ONE) if one.next == ("ask",))
    return [
        graph.invoke(None, at.config),
        graph.get_state(ONE),
        graph.invoke(lg.Command(resume="again"), ONE),
        graph.invoke(lg.Command(resume="and"), ONE),
    ]


@same
def an_interrupt_in_a_sub_graph(lg: Any) -> list[Any]:
    def ask(state: S) -> Any:
        return {"log": [f"inner {lg.interrupt('who?')}"]}

    inner = lg.StateGraph(S).add_node("x", says("x")).add_node("ask", ask)
    inner.add_edge(lg.START, "x").add_edge("x", "ask")

    class Outer(TypedDict):
        n: int
        found: Annotated[list[str], operator.add]

    def call(state: Outer) -> Any:
        return {"found": compiled_inner.invoke({"n": state["n"], "log": []})["log"]}

    compiled_inner = inner.compile()
    graph = lg.StateGraph(Outer).add_node("call", call).add_edge(lg.START, "call")
    compiled = graph.compile(checkpointer=lg.InMemorySaver())
    return [
        compiled.invoke({"n": 1}, ONE),
        compiled.get_state(ONE).next,
        compiled.invoke(lg.Command(resume="ann"), ONE),
        compiled.get_state(ONE).next,
    ]


@same
def an_answer_survives_another_input(lg: Any) -> list[Any]:
    graph = asking(lg)
    graph.invoke({"n": 1}, ONE)
    return [graph.invoke({"n": 2, "log": ["new"]}, ONE), graph.get_state(ONE).next]


@same
def interrupts_in_sends(lg: Any) -> list[Any]:
    class Work(TypedDict):
        done: Annotated[list[str], operator.add]

    graph = lg.StateGraph(Work)
    graph.add_node("work", lambda item: {"done": [f"{item['it']}:{lg.interrupt(item['it'])}"]})
    graph.add_conditional_edges(lg.START, lambda state: [lg.Send("work", {"it": one}) for one in ("b", "a")])
    compiled = graph.compile(checkpointer=lg.InMemorySaver())
    first = compiled.invoke({"done": []}, ONE)
    answers = {one.id: one.value.upper() for one in compiled.get_state(ONE).interrupts}
    state = compiled.get_state(ONE)
    return [
        sorted(one.value for one in first["__interrupt__"]),
        state,
        compiled.invoke(lg.Command(resume=answers), ONE),
    ]


@same
def a_sub_graph_as_a_node_asks(lg: Any) -> list[Any]:
    def ask(state: S) -> Any:
        return {"log": [f"in {lg.interrupt('who?')}"]}

    inner = lg.StateGraph(S).add_node("x", says("x")).add_node("ask", ask)
    inner.add_edge(lg.START, "x").add_edge("x", "ask")
    graph = lg.StateGraph(S).add_node("inner", inner.compile()).add_node("z", says("z"))
    graph.add_edge(lg.START, "inner").add_edge("inner", "z")
    compiled = graph.compile(checkpointer=lg.InMemorySaver())
    return [
        compiled.invoke({"n": 1}, ONE),
        compiled.get_state(ONE).next,
        [one.value for one in compiled.get_state(ONE).interrupts],
        compiled.invoke(lg.Command(resume="bob"), ONE),
        [(one.next, one.metadata["step"]) for one in compiled.get_state_history(ONE)],
    ]


@same
def breakpoints_of_a_call(lg: Any) -> list[Any]:
    graph = chain(lg, "a", "b", checkpointer=lg.InMemorySaver())
    return [
        graph.invoke({"n": 1}, ONE, interrupt_before=["b"]),
        graph.invoke(None, ONE, interrupt_after=["b"]),
        graph.get_state(ONE).next,
        graph.invoke(None, ONE),
    ]


@same
def a_fork_is_edited_and_asks(lg: Any) -> list[Any]:
    graph = asking(lg)
    graph.invoke({"n": 1}, ONE)
    at = next(one for one in graph.get_state_history(ONE) if one.next == ("ask",))
    edited = graph.update_state(at.config, {"n": 42})
    return [
        graph.get_state(edited).next,
        graph.invoke(None, edited),
        graph.invoke(lg.Command(resume="p"), ONE),
        graph.invoke(lg.Command(resume="q"), ONE),
        graph.get_state(at.config).values,
    ]


@same
def a_conditional_edge_asks(lg: Any) -> list[Any]:
    def route(state: S) -> Any:
        return lg.interrupt("where to?")

    graph = lg.StateGraph(S).add_node("a", says("a")).add_node("b", says("b")).add_node("beside", says("beside"))
    graph.add_edge(lg.START, "a").add_edge(lg.START, "beside").add_conditional_edges("a", route, ["b", lg.END])
    made = graph.compile(checkpointer=lg.InMemorySaver())
    return [
        sorted(made.stream({"n": 1}, ONE, stream_mode=["values", "updates"]), key=repr),  # two nodes at once
        made.get_state(ONE),
        made.invoke(lg.Command(resume="b"), ONE),
    ]


def test_a_conditional_edge_from_start_asks() -> None:
    def route(state: S) -> Any:
        return interrupt("where to?")

    graph = StateGraph(S).add_node("a", says("a")).add_node("b", says("b"))
    graph.add_conditional_edges(START, route, ["a", "b"])
    made = graph.compile(checkpointer=InMemorySaver())
    (asked,) = made.invoke({"n": 1, "log": []}, ONE)["__interrupt__"]
    state = made.get_state(ONE)
    assert (asked.value, state.next, state.interrupts) == ("where to?", ("__start__",), (asked,))
    assert made.invoke(Command(resume={asked.id: "b"}), ONE)["log"] == ["b"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("scenario", same.all, ids=lambda one: one.__name__)
def test_both_give_the_same(scenario: Scenario) -> None:
    alike(scenario)
