"""What can never be meant is refused where it is written, in words that say what to do."""

import operator
from collections.abc import Callable
from typing import Annotated, Any, TypedDict

import pytest

from weft import (
    START,
    Agent,
    Barrier,
    BinaryOperatorAggregate,
    Breaker,
    Command,
    Ephemeral,
    Overwrite,
    Retry,
    Send,
    StateGraph,
    tool,
)
from weft.errors import GraphError, UsageError


class State(TypedDict, total=False):
    n: int
    said: Annotated[list[str], operator.add]


class Gate(TypedDict, total=False):
    gate: Annotated[tuple[str, ...], Barrier(frozenset({"a", "b"}))]
    once: Annotated[str, Ephemeral]


class NoNames(TypedDict):
    gate: Annotated[tuple[str, ...], Barrier]


class NoFold(TypedDict):
    said: Annotated[list[str], BinaryOperatorAggregate]


class OneArgument(TypedDict):
    said: Annotated[list[str], lambda value: value]


def one(work: Any = lambda state: {}, schema: Any = State, **options: Any) -> StateGraph:
    return StateGraph(schema, name="g").add_node("n", work, **options).add_edge(START, "n")


poet = Agent("poet", model="demo")
any_: Any = None
REFUSED: list[tuple[Callable[[], Any], str]] = [
    (lambda: StateGraph(NoNames), r"'gate': Barrier needs.*Barrier\(frozenset"),
    (lambda: StateGraph(NoFold), "'said': BinaryOperatorAggregate needs"),
    (lambda: StateGraph(OneArgument), r"the reducer of field 'said' is called with \(value, update\)"),
    (lambda: one().add_node("", lambda state: {}), "'' is no name"),
    (lambda: one().add_node("__end__", lambda state: {}), "'__end__' is no name"),
    (lambda: one().add_node("inner", one()), r"not compiled: add_node\('inner', graph.compile\(\)\)"),
    (lambda: one(lambda: {}), r"node 'n' is a function of \(state\) or \(state, ctx\)"),
    (lambda: one(lambda state, ctx, more: {}), "missing a required argument: 'more'"),
    (lambda: one(on_error=lambda failure: {}), r"on_error of node 'n' is a function of \(state, failure\)"),
    (lambda: one(input="n"), "input= and output= are for agents and graphs"),
    (lambda: one(poet, input="topic", output="said").compile(), "'topic' for 'poet'; there is n, said"),
    (lambda: one(poet, input="n", output="words").compile(), "'words' for 'poet'"),
    (lambda: one(reconcile=lambda ctx, state: None), "has a reconcile, which is for effect='once'"),
    (lambda: one().add_edge("n", any_ or ["a", "b"]), "one node.*add one for each"),
    (lambda: one().add_conditional_edges("n", any_ or "n"), "ask a function, not 'n'"),
    (lambda: one().writes(m=["n"]).compile(), r"'writes=' in graph 'g' names \['m'\]"),
    (lambda: one().compile(schedule=any_ or "lazy"), "'superstep' or 'eager', not 'lazy'"),
    (lambda: one().compile(max_concurrency=0), "one is the least"),
]


@pytest.mark.parametrize(("make", "words"), REFUSED)
def test_a_graph_that_is_written_wrongly(make: Callable[[], Any], words: str) -> None:
    with pytest.raises(GraphError, match=words):
        make()


UNUSABLE: list[tuple[Callable[[], Any], str]] = [
    (lambda: one(effect="Once"), "'read', 'idempotent' or 'once', not 'Once'"),
    (lambda: tool(effect=any_ or "Once")(len), "'read', 'idempotent' or 'once', not 'Once'"),
    (
        lambda: tool(reconcile=lambda ctx, arguments: None)(one),
        "reconcile is for effect='once', and this tool is 'idempotent'",
    ),
    (lambda: Retry(attempts=0), "one attempt or more"),
    (lambda: Retry(pause=-1), "0 seconds or more"),
    (lambda: one(retry=3), "a Retry is wanted, not 3"),
    (lambda: one(cache=True), "a Cache is wanted, not True"),
    (lambda: one(timeout=0), "timeout is a number of seconds above 0, not 0"),
    (lambda: one(idle_timeout="5"), "idle_timeout is a number of seconds above 0, not '5'"),
    (lambda: Breaker(failures=0), "after 1 failure or more"),
    (lambda: one().compile(on_change=any_ or "explode"), "one of go_on, pin, refuse"),
]


@pytest.mark.parametrize(("make", "words"), UNUSABLE)
def test_an_option_that_can_never_be_meant(make: Callable[[], Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        make()


RUNS: list[tuple[StateGraph, Any, str]] = [
    (one().add_conditional_edges(START, lambda state: [Send("x", 1)]), {}, "the input goes on to 'x'.*it has: n"),
    (one(), Command(goto="x"), "the input goes on to 'x'"),
    (one(lambda state: Command(resume=1)), {}, "are for a paused run"),
    (one(lambda state: {"said": 3}), {}, "channel 'said' of graph 'g': its reducer failed on 3: TypeError"),
    (one(lambda state: {"gate": "c"}, Gate), {}, "'c' was written to it; it waits for a, b"),
    (one(lambda state: {"gate": ["a"]}, Gate), {}, "was written to it; it waits for a, b"),
    (one(poet, input="n", output="n"), {}, "node 'n' gives 'n' to 'poet', and nothing was written to it yet"),
]


@pytest.mark.parametrize(("graph", "input", "words"), RUNS)
async def test_what_a_run_does_wrongly(graph: StateGraph, input: Any, words: str) -> None:
    with pytest.raises(GraphError, match=words):
        await graph.compile().run(input)


async def test_one_name_is_enough_to_say_who_writes() -> None:
    graph = StateGraph(State, writes={"n": "node"}).add_node("node", lambda state: {"n": 1}).add_edge(START, "node")
    assert (await graph.compile().run({})).output == {"n": 1}


async def test_an_overwritten_value_of_one_step_is_the_value() -> None:
    assert (await one(lambda state: {"once": Overwrite("x")}, Gate).compile().run({})).output == {"once": "x"}
