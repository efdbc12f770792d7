"""The same graph through LangGraph and through ``weft.langgraph``: what comes out must be equal."""

import asyncio
import operator
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import pytest
from langchain_core.runnables import RunnableConfig
from pydantic import BaseModel

from tests.langgraph.both import outcome

Scenario = Callable[[Any], list[Any]]
SCENARIOS: list[Scenario] = []
ONE: Any = {"configurable": {"thread_id": "1"}}


def same(scenario: Scenario) -> Scenario:
    SCENARIOS.append(scenario)
    return scenario


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.__name__)
def test_both_give_the_same(scenario: Scenario) -> None:
    theirs = outcome(scenario, "langgraph")
    assert theirs
    assert outcome(scenario, "weft.langgraph") == theirs


class S(TypedDict):
    n: int
    log: Annotated[list[str], operator.add]


def says(name: str, **more: Any) -> Callable[[Any], Any]:
    def node(state: Any) -> Any:
        return {"log": [name], **more}

    node.__name__ = name
    return node


def tried(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except Exception as error:
        return error


def chain(lg: Any, *names: str, **options: Any) -> Any:
    graph = lg.StateGraph(S)
    graph.add_sequence([says(name) for name in names])
    graph.add_edge(lg.START, names[0])
    return graph.compile(**options)


MODES = ["values", "updates", "custom"]


@same
def a_chain_in_all_modes(lg: Any) -> list[Any]:
    graph = chain(lg, "a", "b")
    given = {"n": 1, "log": []}
    return [
        graph.invoke(given),
        *[list(graph.stream(given, stream_mode=mode)) for mode in MODES],
        list(graph.stream(given)),
        list(graph.stream(given, stream_mode=["values", "updates"])),
        graph.invoke(given, stream_mode="updates"),
        graph.invoke({"n": 3}),
        asyncio.run(graph.ainvoke(given)),
        graph.batch([given, {"n": 2, "log": ["x"]}]),
    ]


@same
def fan_out_and_join_in_order_of_names(lg: Any) -> list[Any]:
    graph = lg.StateGraph(S)
    for name in ("z", "b", "a", "end"):
        graph.add_node(name, says(name))
    for name in ("z", "b", "a"):
        graph.add_edge(lg.START, name)
    graph.add_edge(["z", "b", "a"], "end")
    compiled = graph.compile(checkpointer=lg.InMemorySaver())
    return [compiled.invoke({"n": 1}, ONE), *compiled.get_state_history(ONE)]


@same
def two_writers_are_an_error(lg: Any) -> list[Any]:
    graph = lg.StateGraph(S).add_node("a", says("a", n=1)).add_node("b", says("b", n=2))
    graph.add_edge(lg.START, "a").add_edge(lg.START, "b")
    return [tried(lambda: graph.compile().invoke({"n": 0}))]


@same
def conditional_edges_and_sends(lg: Any) -> list[Any]:
    class Work(TypedDict):
        items: list[str]
        done: Annotated[list[str], operator.add]

    graph = lg.StateGraph(Work)
    graph.add_node("split", lambda state: {})
    graph.add_node("work", lambda item: {"done": [item["item"].upper()]})
    graph.add_node("sum", lambda state: {"done": [str(len(state["done"]))]})
    graph.add_edge(lg.START, "split")
    graph.add_conditional_edges("split", lambda state: [lg.Send("work", {"item": one}) for one in state["items"]])
    graph.add_edge("work", "sum")
    compiled = graph.compile(checkpointer=lg.InMemorySaver())
    return [compiled.invoke({"items": ["c", "a", "b"]}, ONE), *compiled.get_state_history(ONE)]


@same
def a_route_sees_what_its_node_wrote(lg: Any) -> list[Any]:
    graph = lg.StateGraph(S)
    graph.add_node("more", lambda state: {"n": state["n"] + 1})
    graph.add_node("end", says("end"))
    graph.add_edge(lg.START, "more")
    graph.add_conditional_edges("more", lambda state: state["n"] < 4, {True: "more", False: "end"})
    return [graph.compile().invoke({"n": 0}), list(graph.compile().stream({"n": 0}, stream_mode="updates"))]


@same
def commands_go_and_write(lg: Any) -> list[Any]:
    def a(state: S) -> Any:
        return lg.Command(update={"log": ["a"]}, goto=["c", lg.Send("b", {"n": 7})])

    graph = lg.StateGraph(S).add_node("a", a, destinations=("b", "c"))
    graph.add_node("b", lambda state: {"log": [f"b{state['n']}"]}).add_node("c", says("c"))
    graph.add_edge(lg.START, "a")
    return [graph.compile().invoke({"n": 1}), list(graph.compile().stream({"n": 1}, stream_mode="values"))]


@same
def the_recursion_limit(lg: Any) -> list[Any]:
    graph = lg.StateGraph(S).add_node("a", says("a")).add_edge(lg.START, "a").add_edge("a", "a").compile()
    two = chain(lg, "a", "b")
    return [
        tried(lambda: graph.invoke({"n": 1}, {"recursion_limit": 5})),
        *[tried(lambda limit=limit: two.invoke({"n": 1}, {"recursion_limit": limit})) for limit in (1, 2, 3)],
    ]


def asking(lg: Any, **options: Any) -> Any:
    def ask(state: S) -> Any:
        first = lg.interrupt("first?")
        second = lg.interrupt({"second": first})
        return {"log": [f"{first}-{second}"]}

    graph = lg.StateGraph(S).add_node("a", says("a")).add_node("ask", ask).add_node("z", says("z"))
    graph.add_edge(lg.START, "a").add_edge("a", "ask").add_edge("ask", "z")
    return graph.compile(checkpointer=lg.InMemorySaver(), **options)


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
def state_is_updated_by_hand(lg: Any) -> list[Any]:
    graph = chain(lg, "a", "b", "c", checkpointer=lg.InMemorySaver(), interrupt_before=["b"])
    graph.invoke({"n": 1}, ONE)
    graph.update_state(ONE, {"n": 5, "log": ["hand"]})
    found = [graph.get_state(ONE)]
    graph.update_state(ONE, {"log": ["as b"]}, as_node="b")
    found += [graph.get_state(ONE), graph.invoke(None, ONE), graph.get_state(ONE)]
    graph.update_state(ONE, {"n": 9}, as_node="a")
    return [*found, graph.get_state(ONE), *graph.get_state_history(ONE)]


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
def retries(lg: Any) -> list[Any]:
    def run(error: type[Exception], policy: Any) -> Any:
        calls: list[int] = []

        def flaky(state: S) -> Any:
            calls.append(1)
            if len(calls) < 3:
                raise error("no")
            return {"log": [str(len(calls))]}

        graph = lg.StateGraph(S).add_node("flaky", flaky, retry_policy=policy).add_edge(lg.START, "flaky")
        return [tried(lambda: graph.compile().invoke({"n": 1})), len(calls)]

    quick = {"initial_interval": 0.001, "jitter": False}
    return [
        run(ConnectionError, lg.RetryPolicy(**quick)),
        run(ValueError, lg.RetryPolicy(**quick)),
        run(ValueError, lg.RetryPolicy(**quick, retry_on=ValueError)),
        run(ValueError, lg.RetryPolicy(**quick, retry_on=(KeyError, ValueError), max_attempts=2)),
        run(KeyError, lg.RetryPolicy(**quick, retry_on=lambda error: isinstance(error, KeyError))),
        run(KeyError, [lg.RetryPolicy(**quick, retry_on=ValueError), lg.RetryPolicy(**quick, retry_on=KeyError)]),
    ]


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
def a_command_for_the_parent(lg: Any) -> list[Any]:
    def up(state: S) -> Any:
        return lg.Command(graph=lg.Command.PARENT, update={"log": ["up"]}, goto="z")

    inner = lg.StateGraph(S).add_node("up", up).add_edge(lg.START, "up").compile()
    graph = lg.StateGraph(S).add_node("inner", inner).add_node("z", says("z")).add_edge(lg.START, "inner")
    return [graph.compile().invoke({"n": 1})]


@same
def custom_parts_config_and_context(lg: Any) -> list[Any]:
    @dataclass
    class Who:
        name: str

    def node(state: S, config: Any, runtime: Any) -> Any:
        lg.get_stream_writer()({"said": "hi"})
        runtime.stream_writer("and bye")
        return {"log": [config["configurable"]["colour"], runtime.context.name, lg.get_runtime(Who).context.name]}

    node.__annotations__.update(runtime=lg.Runtime, config=RunnableConfig)
    graph = lg.StateGraph(S, context_schema=Who).add_node("node", node).add_edge(lg.START, "node").compile()
    config = {"configurable": {"colour": "red"}}
    return [
        list(graph.stream({"n": 1}, config, stream_mode=["custom", "updates"], context={"name": "ann"})),
        graph.invoke({"n": 1}, config, context=Who("bob")),
    ]


@same
def schemas_of_input_output_and_nodes(lg: Any) -> list[Any]:
    class In(TypedDict):
        question: str

    class Out(TypedDict):
        answer: str

    class Private(TypedDict):
        secret: str

    class All(In, Out):
        pass

    def first(state: In) -> Private:
        return {"secret": state["question"][::-1]}

    def second(state: Private) -> Any:
        return {"answer": f"{sorted(state)} {state['secret']}", "unknown": 1}

    graph = lg.StateGraph(All, input_schema=In, output_schema=Out)
    graph.add_node(first).add_node(second)
    graph.add_edge(lg.START, "first").add_edge("first", "second")
    compiled = graph.compile()
    return [compiled.invoke({"question": "abc"}), list(compiled.stream({"question": "abc"}, stream_mode="values"))]


@same
def states_of_objects(lg: Any) -> list[Any]:
    @dataclass
    class D:
        n: int = 0
        log: Annotated[list[str], operator.add] = field(default_factory=list)

    class M(BaseModel):
        n: int = 0
        log: Annotated[list[str], operator.add] = []

    found: list[Any] = []
    for schema in (D, M):
        graph = lg.StateGraph(schema)
        graph.add_node("a", lambda state: {"n": state.n + 1, "log": [type(state).__name__]})
        graph.add_edge(lg.START, "a")
        compiled = graph.compile(checkpointer=lg.InMemorySaver())
        found += [compiled.invoke({"n": 1}, ONE), compiled.get_state(ONE).values, compiled.invoke(schema(n=5), ONE)]
    return found


@same
def pydantic_refuses_a_bad_input(lg: Any) -> list[Any]:
    class M(BaseModel):
        n: int

    graph = lg.StateGraph(M).add_node("a", lambda state: {"n": state.n + 1}).add_edge(lg.START, "a").compile()
    return [tried(lambda: graph.invoke({"n": "many"})), graph.invoke({"n": "4"})]


@same
def what_a_node_may_give(lg: Any) -> list[Any]:
    def run(given: Any) -> Any:
        graph = lg.StateGraph(S).add_node("a", lambda state: given).add_edge(lg.START, "a").compile()
        return [tried(lambda: list(graph.stream({"n": 1}, stream_mode=["updates", "values"])))]

    return [run(one) for one in (None, {}, {"nothing": 1}, 5, "text", [lg.Command(update={"n": 2}), {"log": ["x"]}])]


@same
def overwrite_goes_past_the_reducer(lg: Any) -> list[Any]:
    graph = lg.StateGraph(S).add_node("a", lambda state: {"log": lg.Overwrite(["new"])}).add_edge(lg.START, "a")
    return [graph.compile().invoke({"n": 1, "log": ["old"]})]


@same
def graphs_that_cannot_be(lg: Any) -> list[Any]:
    def node(state: S) -> Any:
        return {}

    return [
        tried(lambda: lg.StateGraph(S).add_node("a", node).add_node("a", node)),
        tried(lambda: lg.StateGraph(S).add_node("a", node).compile()),
        tried(lambda: lg.StateGraph(S).add_node("a", node).add_edge(lg.START, "b").compile()),
        tried(lambda: lg.StateGraph(S).add_edge(lg.END, "b")),
    ]


@same
def a_cached_node_runs_once(lg: Any) -> list[Any]:
    calls: list[int] = []

    def slow(state: S) -> Any:
        calls.append(1)
        return {"log": ["slow"]}

    graph = lg.StateGraph(S).add_node("slow", slow, cache_policy=lg.CachePolicy()).add_edge(lg.START, "slow")
    compiled = graph.compile(cache=lg.InMemoryCache())
    parts = [list(compiled.stream({"n": 1, "log": []})) for _ in range(2)]
    return [parts, len(calls)]


@same
def channels_by_name(lg: Any) -> list[Any]:
    class C(TypedDict):
        passing: Annotated[str, lg.EphemeralValue]
        some: Annotated[list[str], lg.Topic]
        either: Annotated[str, lg.AnyValue]
        log: NotRequired[Annotated[list[str], operator.add]]

    def see(state: Any) -> Any:
        return {"log": [str(sorted(state.items()))], "either": "same"}

    graph = lg.StateGraph(C).add_node("a", see).add_node("a2", see).add_node("b", see)
    graph.add_edge(lg.START, "a").add_edge(lg.START, "a2").add_edge("a", "b")
    return [graph.compile().invoke({"passing": "p", "either": "e"})]


@same
def messages_are_merged_by_id(lg: Any) -> list[Any]:
    from langchain_core.messages import AIMessage, HumanMessage, RemoveMessage  # noqa: PLC0415

    one, two = HumanMessage("one", id="1"), AIMessage("two", id="2")
    merged = lg.add_messages([one, two], [AIMessage("again", id="2"), RemoveMessage(id="1")])

    def answer(state: Any) -> Any:
        return {"messages": [AIMessage(f"you said {state['messages'][-1].content}", id="9")]}

    graph = lg.StateGraph(lg.MessagesState).add_node("answer", answer).add_edge(lg.START, "answer")
    compiled = graph.compile(checkpointer=lg.InMemorySaver())
    said = compiled.invoke({"messages": [("user", "hi")]}, ONE)["messages"]
    again = compiled.invoke({"messages": "there"}, ONE)["messages"]
    return [[[m.type, m.content] for m in some] for some in (merged, said, again)]


@same
def a_command_as_input_updates(lg: Any) -> list[Any]:
    graph = asking(lg)
    graph.invoke({"n": 1}, ONE)
    return [graph.invoke(lg.Command(resume="x", update={"n": 8}), ONE), graph.get_state(ONE).values]


@same
def async_nodes_and_streams(lg: Any) -> list[Any]:
    async def slow(state: S) -> Any:
        await asyncio.sleep(0.02)
        return {"log": ["slow"]}

    async def quick(state: S) -> Any:
        return {"log": ["quick"]}

    async def where(state: S) -> Literal["z"]:
        return "z"

    graph = lg.StateGraph(S).add_node("slow", slow).add_node("quick", quick).add_node("z", says("z"))
    graph.add_edge(lg.START, "slow").add_edge(lg.START, "quick").add_conditional_edges("slow", where)
    compiled = graph.compile(checkpointer=lg.InMemorySaver())

    async def main() -> list[Any]:
        parts = [part async for part in compiled.astream({"n": 1}, ONE, stream_mode="updates")]
        history = [one async for one in compiled.aget_state_history(ONE)]
        return [parts, await compiled.aget_state(ONE), history]

    return asyncio.run(main())


@same
def an_answer_survives_another_input(lg: Any) -> list[Any]:
    graph = asking(lg)
    graph.invoke({"n": 1}, ONE)
    return [graph.invoke({"n": 2, "log": ["new"]}, ONE), graph.get_state(ONE).next]


@same
def updates_in_bulk(lg: Any) -> list[Any]:
    graph = chain(lg, "a", "b", checkpointer=lg.InMemorySaver())
    graph.invoke({"n": 1}, ONE)
    update = lg.StateUpdate
    graph.bulk_update_state(ONE, [[update({"log": ["1"]}, "a")], [update({"log": ["2"]}, "b")]])
    return [graph.get_state(ONE), *graph.get_state_history(ONE)]


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
def a_state_that_is_one_value(lg: Any) -> list[Any]:
    plain = lg.StateGraph(dict).add_node("a", lambda state: {**state, "m": 2}).add_edge(lg.START, "a").compile()
    numbers = lg.StateGraph(Annotated[list[int], operator.add])
    numbers.add_node("a", lambda state: [len(state)]).add_edge(lg.START, "a")
    return [plain.invoke({"n": 1}), list(plain.stream({"n": 1})), numbers.compile().invoke([5, 6])]
