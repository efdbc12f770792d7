"""StateGraph: reducers, edges, joins, routes, sends, commands, both schedules, bad graphs."""

import operator
from dataclasses import dataclass, field
from typing import Annotated, Any, TypedDict

import pytest

from weft import END, START, Command, Retry, Send, StateGraph
from weft.engine.channels import Topic
from weft.errors import GraphError


class State(TypedDict, total=False):
    log: Annotated[list[str], operator.add]
    n: int
    total: Annotated[int, operator.add]
    seen: Annotated[tuple[str, ...], Topic(str)]


def step(name: str) -> Any:
    def run(state: State) -> dict[str, Any]:
        return {"log": [name]}

    run.__name__ = name
    return run


async def test_a_sequence_and_a_reducer() -> None:
    graph = StateGraph(State).add_sequence(step("a"), step("b")).add_edge(START, "a").add_edge("b", END).compile()
    result = await graph.run({"log": ["start"], "n": 1})
    assert result.output == {"log": ["start", "a", "b"], "n": 1}


async def test_branches_and_a_join_that_waits_for_both() -> None:
    graph = StateGraph(State)
    for name in ("a", "b", "b2", "end"):
        graph.add_node(step(name))
    graph.add_edge(START, "a").add_edge(START, "b").add_edge("b", "b2").add_edge(["a", "b2"], "end")
    for schedule in ("superstep", "eager"):
        result = await graph.compile(schedule=schedule).run({})
        assert sorted(result.output["log"]) == ["a", "b", "b2", "end"]
        assert result.output["log"][-1] == "end"


async def test_a_loop_with_a_route_that_sees_what_its_node_wrote() -> None:
    def count(state: State) -> dict[str, Any]:
        return {"n": state["n"] + 1, "total": 1}

    def on(state: State) -> str:
        return "count" if state["n"] < 5 else END

    graph = StateGraph(State).add_node("count", count).add_edge(START, "count").add_conditional_edges("count", on)
    assert (await graph.compile().run({"n": 0})).output == {"n": 5, "total": 5}


async def test_map_reduce_with_sends() -> None:
    def work(payload: int) -> dict[str, Any]:
        return {"total": payload, "seen": (str(payload),)}

    graph = (
        StateGraph(State)
        .add_node("fan", lambda state: None)
        .add_node("work", work)
        .add_edge(START, "fan")
        .add_conditional_edges("fan", lambda state: [Send("work", i) for i in range(1, 4)])
        .add_edge("work", "sum")
        .add_node("sum", step("sum"))
        .compile()
    )
    assert (await graph.run({})).output == {"total": 6, "seen": ("1", "2", "3"), "log": ["sum"]}


async def test_commands_and_translated_routes() -> None:
    async def first(state: State, ctx: Any) -> Command:
        return Command(update={"log": [ctx.run.user_id]}, goto="third")

    graph = (
        StateGraph(State)
        .add_node("first", first)
        .add_node(step("second"))
        .add_node(step("third"))
        .add_conditional_edges(START, lambda state: "yes", {"yes": "first", "no": "second"})
        .compile()
    )
    assert (await graph.run({})).output == {"log": ["local", "third"]}


@dataclass
class Shop:
    item: str
    prices: Annotated[list[float], operator.add] = field(default_factory=list[float])


async def test_a_dataclass_state() -> None:
    def price(shop: Shop) -> dict[str, Any]:
        return {"prices": [float(len(shop.item))]}

    graph = StateGraph(Shop).add_node("price", price).add_edge(START, "price").compile()
    assert (await graph.run(Shop("bread"))).output == {"item": "bread", "prices": [5.0]}
    assert (await graph.run({"item": "tea"})).output == {"item": "tea", "prices": [3.0]}


async def test_retries_of_a_node() -> None:
    tries: list[int] = []

    def flaky(state: State) -> dict[str, Any]:
        tries.append(1)
        if len(tries) < 3:
            raise OSError("line busy")
        return {"n": len(tries)}

    graph = StateGraph(State).add_node("flaky", flaky, retry=Retry(pause=0.001, on=(OSError,))).add_edge(START, "flaky")
    assert (await graph.compile().run({})).output == {"n": 3}


async def test_only_those_who_may_write_a_field_do() -> None:
    graph = StateGraph(State).add_node("a", lambda state: {"n": 1}).add_node("b", lambda state: {"n": 2})
    graph.add_edge(START, "a").writes(n=["b"])
    with pytest.raises(GraphError, match="'a' may not write to channel 'n'; only b may"):
        await graph.compile().run({})


BAD: list[tuple[Any, str]] = [
    (lambda: StateGraph(int), "a TypedDict, a dataclass or a Pydantic model"),
    (lambda: StateGraph(State).add_node("a", step("a")).compile(), "no edge from START"),
    (lambda: StateGraph(State).add_node("a", step("a")).add_node("a", step("a")), "already"),
    (lambda: StateGraph(State).add_node("a", step("a")).add_edge(START, "a").add_edge("a", "b").compile(), "'b'"),
    (lambda: StateGraph(State).add_node("a", step("a")).add_edge(START, "a").add_edge("x", "a").compile(), "'x'"),
    (lambda: StateGraph(State).add_edge(START, "a").compile(), "'a'"),
]


@pytest.mark.parametrize(("make", "words"), BAD)
def test_a_graph_that_cannot_be_is_refused_with_the_reason(make: Any, words: str) -> None:
    with pytest.raises(GraphError, match=words):
        make()


@pytest.mark.parametrize(
    ("given", "words"),
    [({"nope": 1}, "'nope'"), (7, "int")],
)
async def test_an_input_that_does_not_fit_is_refused(given: Any, words: str) -> None:
    graph = StateGraph(State).add_node(step("a")).add_edge(START, "a").compile()
    with pytest.raises(GraphError, match=words):
        await graph.run(given)


async def test_a_node_that_returns_nonsense_is_told() -> None:
    graph = StateGraph(State).add_node("a", lambda state: 7).add_edge(START, "a").compile()
    with pytest.raises(GraphError, match="node 'a' gave int"):
        await graph.run({})
