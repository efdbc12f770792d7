"""Nodes, edges, commands and states through LangGraph and through ``weft.langgraph``."""

import asyncio
import operator
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import pytest
from langchain_core.runnables import RunnableConfig
from pydantic import BaseModel

from tests.langgraph.both import ONE, S, Scenario, Scenarios, alike, chain, says, tried

same = Scenarios()


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
def a_state_that_is_one_value(lg: Any) -> list[Any]:
    plain = lg.StateGraph(dict).add_node("a", lambda state: {**state, "m": 2}).add_edge(lg.START, "a").compile()
    numbers = lg.StateGraph(Annotated[list[int], operator.add])
    numbers.add_node("a", lambda state: [len(state)]).add_edge(lg.START, "a")
    return [plain.invoke({"n": 1}), list(plain.stream({"n": 1})), numbers.compile().invoke([5, 6])]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("scenario", same.all, ids=lambda one: one.__name__)
def test_both_give_the_same(scenario: Scenario) -> None:
    alike(scenario)
