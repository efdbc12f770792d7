"""What is wrong with a graph is said when it is compiled, in its own words."""

from collections.abc import Callable
from typing import Any, Literal, TypedDict

import pytest

from weft import END, START, Command, StateGraph
from weft.errors import GraphError


class State(TypedDict, total=False):
    n: int


class Unresolved(TypedDict):
    n: "Nowhere"  # type: ignore[name-defined]  # noqa: F821


def plain(state: State) -> State:
    return {}


def to_b(state: State) -> Command[Literal["b"]]:
    return Command(goto="b")


def to_c(state: State) -> Literal["c"]:
    return "c"


def graph(*names: str, **edges: Any) -> StateGraph:
    made = StateGraph(State, name="g")
    for name in names:
        made.add_node(name, plain)
    for start, ends in edges.items():
        for end in [ends] if isinstance(ends, str) else ends:
            made.add_edge(START if start == "start" else start, end)
    return made


BAD: list[tuple[Callable[[], Any], str]] = [
    (lambda: graph("a", "lost", start="a"), "nothing leads to 'lost' in graph 'g'"),
    (lambda: graph("a", "b", "c", start="a", a="b", b="a", c="b"), "nothing leads to 'c'"),
    (lambda: graph("a", "b", start="a", a="b", b="a"), "'a', 'b' in graph 'g' run in a circle that nothing leaves"),
    (lambda: graph("a", start=["a", "x"]), "an edge of '__start__' names 'x'.*it has: a"),
    (lambda: graph("a", start="a").add_conditional_edges("a", lambda s: "q", {"q": "x"}), "'x'"),
    (lambda: graph("a", start="a").add_conditional_edges("a", to_c), "'c'"),
    (lambda: graph("a", start="a").add_node("to", to_b).add_edge("a", "to"), "'b'"),
    (lambda: graph("a", start="a").add_edge(["a", "x"], "a"), "the join before 'a'.*'x'"),
    (lambda: graph("a", start="a").add_edge([], "a"), "waits for nobody"),
    (lambda: graph("a", start="a").add_conditional_edges("a", to_c, 7), "path_map.*is 7"),  # type: ignore[arg-type]
    (lambda: graph("a", start="a").add_conditional_edges("a", to_c, {"x": 7}), r"leads \['x'\]"),  # type: ignore[dict-item]
    (lambda: graph("a", start="a", end=END), "'end'"),
    (lambda: StateGraph(State).add_edge("a", START), "nothing leads to START"),
    (lambda: StateGraph(State).add_node(lambda state: None), "a lambda has no name"),
    (lambda: StateGraph(State).add_node("a", 7), "not int"),  # type: ignore[arg-type]
    (lambda: StateGraph(Unresolved), "annotation of state Unresolved does not resolve.*Nowhere"),
]


@pytest.mark.parametrize(("make", "words"), BAD)
def test_it_is_refused_with_the_reason(make: Callable[[], Any], words: str) -> None:
    with pytest.raises(GraphError, match=words):
        make().compile()


GOOD: list[Callable[[], StateGraph]] = [
    lambda: graph("a", "b", start="a").add_conditional_edges("a", lambda s: "b"),
    lambda: graph("b", start="b").add_node("to", to_b).add_edge(START, "to"),
    lambda: graph("a", "b", start="a", a="b").add_conditional_edges("b", lambda s: END, ["a", END]),
    lambda: graph("b").add_node("any", lambda s: Command(goto="b")).add_edge(START, "any"),
    lambda: graph("b").add_node("any", plain, destinations=["b"]).add_edge(START, "any"),
]


@pytest.mark.parametrize("make", GOOD)
def test_what_may_work_is_let_through(make: Callable[[], StateGraph]) -> None:
    make().compile()


async def test_a_route_that_answers_what_its_map_does_not_have() -> None:
    made = graph("a", start="a").add_conditional_edges("a", lambda s: "what", {"x": END}).compile()
    with pytest.raises(GraphError, match=r"after 'a' said 'what'; its path_map has \['x'\]"):
        await made.run({})
