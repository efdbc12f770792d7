"""Threads, their past and their failures through LangGraph and through ``weft.langgraph``."""

import time
import uuid
from functools import partial
from typing import Any

import pytest

from tests.langgraph.both import ONE, S, Scenario, Scenarios, alike, asking, chain, says, tried

same = Scenarios()


@same
def state_is_updated_by_hand(lg: Any) -> list[Any]:
    graph = chain(lg, "a", "b", "c", checkpointer=lg.InMemorySaver(), interrupt_before=["b"])
    graph.invoke({"n": 1}, ONE)
    graph.update_state(ONE, {"n": 5, "log": ["hand"]})
    found = [graph.get_state(ONE)]
    graph.update_state(ONE, {"log": ["as b"]}, as_node="b")
    found += [graph.get_state(ONE), graph.invoke(None, ONE), graph.get_state(ONE)]
    graph.update_state(ONE, {"n": 9}, as_node="a")
    return [*found, graph.get_state(ONE), *graph.get_state_history(ONE)]


def joined(lg: Any, **options: Any) -> Any:
    graph = lg.StateGraph(S)
    for name in "abcjpz":
        graph.add_node(name, says(name), **(options if name == "j" else {}))
    graph.add_edge(lg.START, "a").add_edge("a", "b").add_edge("a", "c").add_edge(["b", "c"], "j").add_edge("c", "p")
    return graph.add_edge("j", "z").compile(checkpointer=lg.InMemorySaver(), interrupt_before=["j"])


@same
def a_join_that_was_to_run_still_is_after_an_update_by_hand(lg: Any) -> list[Any]:
    found: list[Any] = []
    for options in ({}, {"defer": True}):
        for as_node in (None, "a", "b", "c", "j", "p", "z"):
            graph = joined(lg, **options)
            graph.invoke({"n": 1}, ONE)
            written = tried(partial(graph.update_state, ONE, {"log": ["hand"]}, as_node=as_node))
            found.append(written if isinstance(written, Exception) else None)
            found += [graph.get_state(ONE), graph.invoke(None, ONE), graph.get_state(ONE).next, graph.invoke(None, ONE)]
    return found


@same
def what_failed_is_told_in_words_and_threads_have_names(lg: Any) -> list[Any]:
    def fails(state: S) -> Any:
        raise RuntimeError("no")

    graph = lg.StateGraph(S).add_node(fails).add_edge(lg.START, "fails").compile(checkpointer=lg.InMemorySaver())
    found: list[Any] = []
    for number, durability in enumerate(("sync", "async", "exit")):
        where: Any = {"configurable": {"thread_id": uuid.UUID(int=number)}}
        found.append(tried(partial(graph.invoke, {"n": 1}, where, durability=durability)))
        state = graph.get_state(where)
        found += [state, state.tasks[0].error, state.config["configurable"]["thread_id"]]
    return found


@same
def time_travel_and_forks(lg: Any) -> list[Any]:
    graph = chain(lg, "a", "b", "c", checkpointer=lg.InMemorySaver())
    graph.invoke({"n": 1}, ONE)
    history = list(graph.get_state_history(ONE))
    at_b = next(one for one in history if one.next == ("b",))
    replayed = graph.invoke(None, at_b.config)
    found: list[Any] = [replayed, *graph.get_state_history(ONE)]
    forked = graph.update_state(at_b.config, {"log": ["fork"]})
    found += [graph.invoke(None, forked), graph.get_state(ONE), graph.get_state(at_b.config)]
    return [*found, len(list(graph.get_state_history(ONE))), *graph.get_state_history(ONE, limit=2)]


@same
def a_thread_goes_on_with_new_input(lg: Any) -> list[Any]:
    graph = chain(lg, "a", checkpointer=lg.InMemorySaver())
    other: Any = {"configurable": {"thread_id": "2"}}
    return [
        graph.invoke({"n": 1, "log": ["x"]}, ONE),
        graph.invoke({"n": 2, "log": ["y"]}, ONE),
        graph.invoke({"n": 3}, other),
        *graph.get_state_history(ONE),
        graph.get_state({"configurable": {"thread_id": "none"}}),
        tried(lambda: graph.invoke({"n": 1})),
        tried(lambda: graph.invoke(None, {"configurable": {"thread_id": "empty"}})),
    ]


@same
def a_failed_step_is_taken_up_where_it_failed(lg: Any) -> list[Any]:
    calls: list[str] = []

    def good(state: S) -> Any:
        calls.append("good")
        return {"log": ["good"]}

    def bad(state: S) -> Any:
        time.sleep(0.05)
        calls.append("bad")
        if calls.count("bad") == 1:
            raise ValueError("not yet")
        return {"log": ["bad"]}

    graph = lg.StateGraph(S).add_node("good", good).add_node("bad", bad)
    graph.add_edge(lg.START, "good").add_edge(lg.START, "bad")
    compiled = graph.compile(checkpointer=lg.InMemorySaver())
    failed = tried(lambda: compiled.invoke({"n": 1}, ONE))
    return [failed, compiled.get_state(ONE).next, compiled.invoke(None, ONE), sorted(calls)]


@same
def sub_graphs_share_and_stream(lg: Any) -> list[Any]:
    inner = chain(lg, "x", "y")
    graph = lg.StateGraph(S).add_node("a", says("a")).add_node("inner", inner)
    graph.add_edge(lg.START, "a").add_edge("a", "inner")
    compiled = graph.compile(checkpointer=lg.InMemorySaver())
    parts = list(compiled.stream({"n": 1}, ONE, subgraphs=True))
    return [
        [(len(namespace), data) for namespace, data in parts],
        compiled.get_state(ONE),
        list(compiled.stream({"n": 2}, ONE, stream_mode="values")),
    ]


@same
def a_command_for_the_parent(lg: Any) -> list[Any]:
    def up(state: S) -> Any:
        return lg.Command(graph=lg.Command.PARENT, update={"log": ["up"]}, goto="z")

    inner = lg.StateGraph(S).add_node("up", up).add_edge(lg.START, "up").compile()
    graph = lg.StateGraph(S).add_node("inner", inner).add_node("z", says("z")).add_edge(lg.START, "inner")
    return [graph.compile().invoke({"n": 1})]


@same
def a_command_as_input_updates(lg: Any) -> list[Any]:
    graph = asking(lg)
    graph.invoke({"n": 1}, ONE)
    return [graph.invoke(lg.Command(resume="x", update={"n": 8}), ONE), graph.get_state(ONE).values]


@same
def updates_in_bulk(lg: Any) -> list[Any]:
    graph = chain(lg, "a", "b", checkpointer=lg.InMemorySaver())
    graph.invoke({"n": 1}, ONE)
    update = lg.StateUpdate
    graph.bulk_update_state(ONE, [[update({"log": ["1"]}, "a")], [update({"log": ["2"]}, "b")]])
    return [graph.get_state(ONE), *graph.get_state_history(ONE)]


@same
def tasks_in_detail(lg: Any) -> list[Any]:
    graph = chain(lg, "a", "b", checkpointer=lg.InMemorySaver())
    parts = list(graph.stream({"n": 1}, ONE, stream_mode="debug"))
    return [
        [(part["step"], part["type"]) for part in parts],
        list(chain(lg, "a").stream({"n": 1}, stream_mode="tasks")),
    ]


@same
def a_failure_is_on_record(lg: Any) -> list[Any]:
    def bad(state: S) -> Any:
        raise ValueError("bad")

    graph = lg.StateGraph(S).add_node("bad", bad).add_edge(lg.START, "bad")
    compiled = graph.compile(checkpointer=lg.InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1", "team": "red"}, "metadata": {"origin": "test"}}
    error = tried(lambda: compiled.invoke({"n": 1}, config))
    state = compiled.get_state(ONE)
    return [error, state.next, bool(state.tasks[0].error), state.metadata["team"], state.metadata["origin"]]


@same
def history_is_filtered(lg: Any) -> list[Any]:
    graph = chain(lg, "a", "b", checkpointer=lg.InMemorySaver())
    graph.invoke({"n": 1}, ONE)
    history = list(graph.get_state_history(ONE))
    return [
        *graph.get_state_history(ONE, filter={"source": "input"}),
        *graph.get_state_history(ONE, before=history[1].config),
        graph.get_state(history[2].config),
    ]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("scenario", same.all, ids=lambda one: one.__name__)
def test_both_give_the_same(scenario: Scenario) -> None:
    alike(scenario)
