"""Programs of tasks, limits, and graphs inside graphs through LangGraph and through ``weft.langgraph``."""

import asyncio
import operator
from typing import Annotated, Any, TypedDict

import pytest

from tests.langgraph.both import ONE, S, Scenario, Scenarios, alike, nested, says, tried

same = Scenarios()


@same
def an_entrypoint_and_its_tasks(lg: Any) -> list[Any]:
    calls: list[str] = []

    @lg.task
    def double(n: int) -> int:
        calls.append(f"double {n}")
        return n * 2

    @lg.entrypoint(checkpointer=lg.InMemorySaver())
    def program(n: int) -> Any:
        futures = [double(i) for i in range(n)]
        answer = lg.interrupt({"sum": sum(one.result() for one in futures)})
        return f"{answer}!"

    first = list(program.stream(3, ONE, stream_mode="values"))
    state = program.get_state(ONE)
    second = list(program.stream(lg.Command(resume="ok"), ONE, stream_mode=["updates", "values"]))
    # tasks run side by side, so only what they did counts
    return [first, state.next, [i.value for i in state.interrupts], second[-2:], sorted(calls), program.get_state(ONE)]


@same
def an_entrypoint_remembers_what_it_saved(lg: Any) -> list[Any]:
    @lg.entrypoint(checkpointer=lg.InMemorySaver())
    async def count(n: int, *, previous: Any = None) -> Any:
        return lg.entrypoint.final(value=previous, save=(previous or 0) + n)

    return [asyncio.run(count.ainvoke(n, ONE)) for n in (1, 2, 3)]


@same
def tasks_are_retried_named_cached_and_called_from_nodes(lg: Any) -> list[Any]:
    calls: list[int] = []
    policy = lg.RetryPolicy(initial_interval=0.01, jitter=False, retry_on=ValueError)

    @lg.task(name="shaky", retry_policy=policy)
    async def shaky(n: int) -> int:
        calls.append(n)
        if len(calls) < 2:
            raise ValueError("no")
        return n

    @lg.task(cache_policy=lg.CachePolicy())
    def slow(n: int) -> int:
        calls.append(100)
        return n + 1

    async def node(state: S) -> Any:
        return {"n": await shaky(state["n"]) + await slow(1) + await slow(1)}

    graph = lg.StateGraph(S).add_node("node", node).add_edge(lg.START, "node").compile(cache=lg.InMemoryCache())

    async def all() -> Any:
        return [part async for part in graph.astream({"n": 4, "log": []}, stream_mode="updates")]

    return [asyncio.run(all()), calls]


@same
def two_tasks_ask_and_are_answered_one_after_the_other(lg: Any) -> list[Any]:
    @lg.task
    def ask(what: str) -> str:
        return f"{what}={lg.interrupt(what)}"

    @lg.entrypoint(checkpointer=lg.InMemorySaver())
    def program(_: str) -> Any:
        return [ask("a").result(), ask("b").result()]

    return [
        list(program.stream("go", ONE))[-1],
        list(program.stream(lg.Command(resume="1"), ONE))[-1],
        list(program.stream(lg.Command(resume="2"), ONE))[-1],
    ]


@same
def an_error_of_a_task_can_be_caught(lg: Any) -> list[Any]:
    @lg.task
    def breaks() -> None:
        raise KeyError("x")

    @lg.entrypoint()
    def program(_: Any) -> Any:
        return repr(tried(lambda: breaks().result()))

    return [program.invoke(1), tried(lambda: lg.task(breaks)()), tried(lambda: lg.entrypoint()(lambda: 1))]


@same
def a_deferred_node_waits_for_the_longest_branch(lg: Any) -> list[Any]:
    graph = lg.StateGraph(S)
    for name in ("a", "b", "b2", "c"):
        graph.add_node(name, says(name))
    graph.add_node("d", says("d"), defer=True)
    graph.add_edge(lg.START, "a").add_edge("a", "b").add_edge("a", "c").add_edge("b", "b2")
    graph.add_edge("b2", "d").add_edge("c", "d")
    compiled = graph.compile(checkpointer=lg.InMemorySaver())
    return [compiled.invoke({"n": 1, "log": []}, ONE), *compiled.get_state_history(ONE)]


@same
def steps_that_are_left(lg: Any) -> list[Any]:
    class T(TypedDict):
        log: Annotated[list[Any], operator.add]
        left: lg.RemainingSteps  # pyright: ignore[reportInvalidTypeForm]
        last: lg.IsLastStep  # pyright: ignore[reportInvalidTypeForm]

    def node(state: T) -> Any:
        return {"log": [(state["left"], state["last"])]}

    graph = lg.StateGraph(T).add_node("node", node).add_edge(lg.START, "node")
    graph.add_conditional_edges("node", lambda state: lg.END if state["left"] <= 2 else "node")
    compiled = graph.compile(checkpointer=lg.InMemorySaver())
    return [
        compiled.invoke({"log": []}, {**ONE, "recursion_limit": 5}),
        compiled.get_state(ONE).values,
        tried(lambda: compiled.invoke({"log": []}, {**ONE, "recursion_limit": 0})),
    ]


@same
def one_place_for_the_defaults_of_nodes(lg: Any) -> list[Any]:
    calls: list[int] = []

    def shaky(state: S) -> Any:
        calls.append(1)
        raise ConnectionError("no")

    graph = lg.StateGraph(S).set_node_defaults(
        retry_policy=lg.RetryPolicy(initial_interval=0.01, max_attempts=2, jitter=False)
    )
    graph.add_node("shaky", shaky).add_edge(lg.START, "shaky")
    return [tried(lambda: graph.compile().invoke({"n": 1, "log": []})), len(calls)]


@same
def a_time_limit_is_an_error_of_its_own(lg: Any) -> list[Any]:
    async def slow(state: S) -> Any:
        await asyncio.sleep(5)

    graph = lg.StateGraph(S).add_node("slow", slow, timeout=lg.TimeoutPolicy(run_timeout=0.05))
    compiled = graph.add_edge(lg.START, "slow").compile()
    error = tried(lambda: asyncio.run(compiled.ainvoke({"n": 1, "log": []})))
    return [error, error.node, error.kind, error.run_timeout]


@same
def an_error_handler_takes_the_place_of_a_node(lg: Any) -> list[Any]:
    def breaks(state: S) -> Any:
        raise ValueError("no")

    def handler(state: S, error: lg.NodeError) -> Any:  # pyright: ignore[reportInvalidTypeForm]
        return {"log": [f"{error.node} {error.error!r} {state['n']}"]}

    graph = lg.StateGraph(S).add_node("breaks", breaks, error_handler=handler).add_edge(lg.START, "breaks")
    return [graph.compile().invoke({"n": 1, "log": []})]


@same
def the_state_of_a_graph_inside(lg: Any) -> list[Any]:
    graph = nested(lg)
    graph.invoke({"n": 1, "log": []}, ONE)
    state = graph.get_state(ONE, subgraphs=True)
    inside = state.tasks[0].state
    graph.update_state(inside.config, {"log": ["by hand"]})
    return [
        state,
        graph.get_state(ONE),
        graph.get_state(ONE, subgraphs=True),
        list(graph.get_state_history(inside.config)),
        graph.invoke(lg.Command(resume="this"), ONE),
    ]


@same
def streams_of_a_graph_inside(lg: Any) -> list[Any]:
    graph = nested(lg)
    modes = ["values", "updates", "custom"]

    def parts(given: Any) -> list[Any]:
        found = graph.stream(given, ONE, stream_mode=modes, subgraphs=True)
        return [([name.partition(":")[0] for name in place], mode, data) for place, mode, data in found]

    return [parts({"n": 1, "log": []}), parts(lg.Command(resume="x"))]


@same
def going_on_from_a_point_of_a_graph_inside(lg: Any) -> list[Any]:
    graph = nested(lg, checkpointer=True)
    graph.invoke({"n": 1, "log": []}, ONE)
    inside = graph.get_state(ONE, subgraphs=True).tasks[0].state.config
    graph.invoke(lg.Command(resume="first"), ONE)
    again = graph.invoke(None, inside)
    fork = graph.update_state(inside, {"log": ["forked"]})
    return [again, graph.invoke(None, fork), graph.invoke(lg.Command(resume="second"), fork)]


@same
def a_graph_inside_keeps_its_state_where_it_says_so(lg: Any) -> list[Any]:
    inner = lg.StateGraph(S).add_node("one", says("one")).add_edge(lg.START, "one").compile(checkpointer=True)
    outer = lg.StateGraph(S).add_node("inner", lambda state: {"n": len(inner.invoke({"log": ["in"]})["log"])})
    graph = outer.add_edge(lg.START, "inner").compile(checkpointer=lg.InMemorySaver())
    found = [graph.invoke({"n": 0, "log": []}, ONE)["n"] for _ in range(3)]
    first = [one for one in graph.get_state_history(ONE) if one.next == ("inner",)][-1]
    return [found, graph.invoke(None, first.config)["n"], tried(lambda: inner.invoke({"log": []}, ONE))]


@same
def several_interrupts_in_sends_loops_and_graphs_inside(lg: Any) -> list[Any]:
    def ask(state: Any) -> Any:
        answers = [lg.interrupt(f"{state['name']} {i}") for i in range(2)]
        return {"log": ["+".join(answers)]}

    inner = lg.StateGraph(S).add_node("ask", lambda state: ask({"name": "inner"})).add_edge(lg.START, "ask").compile()
    graph = lg.StateGraph(S).add_node("ask", ask).add_node("inner", inner).add_node("end", says("end"))
    graph.add_conditional_edges(
        lg.START, lambda state: [lg.Send("ask", {"name": "a"}), lg.Send("ask", {"name": "b"}), "inner"]
    )
    graph.add_edge("ask", "end").add_edge("inner", "end")
    compiled = graph.compile(checkpointer=lg.InMemorySaver())
    result = compiled.invoke({"n": 0, "log": []}, ONE)
    found: list[Any] = []
    while asked := result.get("__interrupt__"):
        found.append(sorted(one.value for one in asked))
        result = compiled.invoke(lg.Command(resume={one.id: one.value.upper() for one in asked}), ONE)
    return [found, sorted(result["log"])]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("scenario", same.all, ids=lambda one: one.__name__)
def test_both_give_the_same(scenario: Scenario) -> None:
    alike(scenario)
