"""What is streamed, injected, stored and drawn, by LangGraph and by ``weft.langgraph``."""

import asyncio
import operator
from collections.abc import Collection
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.runnables import RunnableConfig, RunnableLambda
from pydantic import BaseModel

from tests.langgraph.both import ONE, S, Scenario, Scenarios, alike, asking, nested, says, tried
from weft.langgraph import StateGraph
from weft.langgraph.checkpoint.memory import InMemorySaver

same = Scenarios()


class Chat(TypedDict):
    messages: Annotated[list[Any], operator.add]


@same
def the_pieces_of_what_models_say(lg: Any) -> list[Any]:
    model = GenericFakeChatModel(messages=iter([AIMessage("hello to you", id="ai-1"), AIMessage("unheard", id="ai-2")]))

    def node(state: Any) -> Any:
        said = model.invoke(state["messages"])
        model.with_config(tags=[lg.TAG_NOSTREAM]).invoke("psst")
        return {"messages": [said, ToolMessage("t", tool_call_id="1", id="t-1")]}

    graph = lg.StateGraph(lg.MessagesState).add_node("node", node).add_edge(lg.START, "node").compile()
    parts = list(graph.stream({"messages": [HumanMessage("hi", id="h-1")]}, stream_mode="messages"))
    known = ("langgraph_node", "langgraph_step", "langgraph_triggers", "langgraph_path")
    return [[(one.type, one.content, one.id) for one, _ in parts], [{k: about[k] for k in known} for _, about in parts]]


@same
def messages_are_replaced_removed_and_pushed(lg: Any) -> list[Any]:
    def node(state: Any) -> Any:
        lg.push_message(AIMessage("pushed", id="p-1"))
        return {"messages": [HumanMessage("new", id="h-1")]}

    graph = lg.StateGraph(lg.MessagesState).add_node("node", node).add_edge(lg.START, "node").compile()
    given = {"messages": [{"role": "user", "content": "old", "id": "h-1"}, ("ai", "b")]}
    parts = list(graph.stream(given, stream_mode=["messages", "values"]))
    merged = lg.add_messages([HumanMessage("a", id="1")], [AIMessage("b", id="1"), ("user", "c")])
    return [
        [(mode, data[0].content) if mode == "messages" else len(data["messages"]) for mode, data in parts],
        [one.content for one in graph.invoke(given)["messages"]],
        [(one.type, one.content) for one in merged],
    ]


@same
def tasks_checkpoints_and_debug(lg: Any) -> list[Any]:
    def fails(state: S) -> Any:
        raise ValueError("no")

    graph = lg.StateGraph(S).add_node("a", says("a")).add_node("b", says("b"))
    graph.add_edge(lg.START, "a").add_edge("a", "b")
    compiled = graph.compile(checkpointer=lg.InMemorySaver())
    told: list[Any] = []
    for mode in ("tasks", "checkpoints", "debug"):
        config: Any = {"configurable": {"thread_id": mode}}
        for part in compiled.stream({"n": 1, "log": []}, config, stream_mode=mode):
            payload = part["payload"] if mode == "debug" else part
            told.append((mode, part.get("type"), part.get("step"), payload.get("name"), payload.get("next")))
            told.append((payload.get("input"), payload.get("result"), payload.get("values")))
    return told


@same
def the_second_version_of_streams(lg: Any) -> list[Any]:
    class P(BaseModel):
        n: int = 0

    def ask(state: P) -> Any:
        return {"n": state.n + lg.interrupt("how many?")}

    graph = lg.StateGraph(P).add_node("ask", ask).add_edge(lg.START, "ask").compile(checkpointer=lg.InMemorySaver())
    first = graph.invoke({"n": 1}, ONE, version="v2")
    parts = list(graph.stream(lg.Command(resume=2), ONE, stream_mode=["values", "updates"], version="v2"))
    shown = [(one["type"], one["ns"], getattr(one["data"], "n", one["data"])) for one in parts]
    return [type(first).__name__, first.value.n, [i.value for i in first.interrupts], shown]


@same
def what_nodes_ask_for(lg: Any) -> list[Any]:
    @dataclass
    class Who:
        name: str

    store = lg.InMemoryStore()
    store.put(("users",), "ann", {"likes": "tea"})

    def plain(state: S, config: RunnableConfig) -> Any:
        return {"log": [config["configurable"]["x"], *config["tags"]]}

    async def runtime(state: S, runtime: lg.Runtime) -> Any:  # pyright: ignore[reportInvalidTypeForm]
        item = await runtime.store.aget(("users",), runtime.context.name)
        return {"log": [item.value["likes"], str(runtime.previous)]}

    def both(state: S, *, writer: lg.StreamWriter, store: lg.BaseStore) -> Any:  # pyright: ignore[reportInvalidTypeForm]
        writer({"progress": 1})
        lg.get_stream_writer()({"progress": 2})
        return {"log": [one.key for one in store.search(("users",))]}

    class Caller:
        def __call__(self, state: S) -> Any:
            return {"log": [lg.get_config()["metadata"]["langgraph_node"]]}

    graph = lg.StateGraph(S, context_schema=Who)
    graph.add_sequence([plain, runtime, both, ("caller", Caller()), ("runnable", RunnableLambda(says("runnable")))])
    graph.add_edge(lg.START, "plain")
    compiled = graph.compile(store=store).with_config(tags=["t"])
    config = {"configurable": {"x": "y"}}
    return [
        asyncio.run(compiled.ainvoke({"n": 1, "log": []}, config, context={"name": "ann"})),
        asyncio.run(compiled.ainvoke({"n": 1, "log": []}, config, context=Who("ann"), stream_mode="custom")),
    ]


@same
def a_store_of_items(lg: Any) -> list[Any]:
    store = lg.InMemoryStore(index={"dims": 2, "embed": lambda texts: [[len(t), t.count("a")] for t in texts]})
    for key, value in (("1", {"text": "aaaa", "n": 1}), ("2", {"text": "bbbb", "n": 2}), ("3", {"text": "ab", "n": 3})):
        store.put(("u", key), key, value, index=["text"])
    store.put(("v",), "x", {"n": 9}, index=False)
    store.delete(("v",), "y")
    found = store.search(("u",), query="aa", limit=2)
    return [
        [(one.key, round(one.score, 3)) for one in found],
        [one.key for one in store.search(("u",), filter={"n": {"$gte": 2}})],
        sorted(store.list_namespaces(prefix=("u",))),
        store.list_namespaces(max_depth=1),
        store.get(("v",), "x").value,
        store.get(("v",), "y"),
        type(tried(lambda: store.put((), "x", {}))).__name__,
    ]


@same
def only_the_last_point_with_durability_exit(lg: Any) -> list[Any]:
    graph = nested(lg)
    first = graph.invoke({"n": 1, "log": []}, ONE, durability="exit")
    states = list(graph.get_state_history(ONE))
    last = graph.invoke(lg.Command(resume="x"), ONE, durability="exit")
    return [first, len(states), states[0].next, last, len(list(graph.get_state_history(ONE)))]


@same
def histories_are_filtered_and_cut(lg: Any) -> list[Any]:
    graph = lg.StateGraph(S).add_sequence([says("a"), says("b"), says("c")]).add_edge(lg.START, "a")
    compiled = graph.compile(checkpointer=lg.InMemorySaver())
    compiled.invoke({"n": 1, "log": []}, {**ONE, "metadata": {"who": "ann"}})
    all = list(compiled.get_state_history(ONE))
    return [
        [one.next for one in compiled.get_state_history(ONE, limit=2)],
        [one.next for one in compiled.get_state_history(ONE, before=all[2].config)],
        [one.next for one in compiled.get_state_history(ONE, filter={"source": "input"})],
        [one.next for one in compiled.get_state_history(ONE, filter={"who": "ann"}, limit=1)],
        compiled.get_state(all[1].config),
    ]


@same
def channels_of_other_kinds(lg: Any) -> list[Any]:
    class T(TypedDict):
        all: Annotated[list[str], lg.DeltaChannel(lambda known, new: known + [one for some in new for one in some])]
        live: Annotated[Any, lg.UntrackedValue]

    def a(state: T) -> Any:
        return {"all": ["a"], "live": "x"}

    graph = lg.StateGraph(T).add_node("a", a).add_node("b", lambda state: {"all": [state["live"]]})
    graph = graph.add_edge(lg.START, "a").add_edge("a", "b").compile(checkpointer=lg.InMemorySaver())
    return [graph.invoke({"all": ["in"]}, ONE)["all"], "live" in graph.get_state(ONE).values, graph.get_state(ONE).next]


@same
def what_is_wrong_is_told_at_once(lg: Any) -> list[Any]:
    def builder() -> Any:
        return lg.StateGraph(S).add_node("a", says("a"))

    chain = builder().add_edge(lg.START, "a").compile()
    saved = builder().add_edge(lg.START, "a").compile(checkpointer=lg.InMemorySaver())
    return [
        tried(lambda: builder().add_node("a", says("a"))),
        tried(lambda: builder().add_node("x:y", says("a"))),
        tried(lambda: builder().add_edge("b", lg.END).add_edge(lg.START, "a").compile()),
        tried(lambda: builder().compile()),
        tried(lambda: builder().add_sequence([])),
        tried(lambda: builder().add_edge(["zz"], "a")),
        tried(lambda: builder().add_edge(lg.START, "a").compile(interrupt_before=["zz"])),
        tried(lambda: builder().add_edge(lg.START, "a").compile(checkpointer="memory")),
        tried(lambda: saved.invoke({"n": 1})),
        tried(lambda: chain.invoke(None)),
        tried(lambda: chain.invoke(7)),
        tried(lambda: chain.get_state(ONE)),
        tried(lambda: chain.invoke(lg.Command(resume=1))),
        tried(lambda: saved.update_state(ONE, {"n": 1}, as_node="zz")),
        tried(lambda: lg.interrupt("outside")),
        issubclass(lg.NodeInterrupt, lg.GraphInterrupt),
        issubclass(lg.GraphInterrupt, lg.GraphBubbleUp),
    ]


@same
def who_stops_listening_stops_the_graph(lg: Any) -> list[Any]:
    found: list[Any] = []
    for mode in ("values", "updates"):
        ran: list[str] = []

        def node(state: S, ran: list[str] = ran) -> Any:
            ran.append("node")
            return {"log": ["node"]}

        graph = lg.StateGraph(S).add_node("a", node).add_node("b", node).add_node("c", node)
        graph.add_edge(lg.START, "a").add_edge("a", "b").add_edge("b", "c")
        made = graph.compile(checkpointer=lg.InMemorySaver())
        stream = made.stream({"n": 1}, ONE, stream_mode=mode)
        found.append(next(stream))
        stream.close()
        found += [list(ran), made.get_state(ONE), made.invoke(None, ONE)]
    return found


@same
def drawings(lg: Any) -> list[Any]:
    inner = lg.StateGraph(S).add_node("x", says("x")).add_edge(lg.START, "x").compile()
    graph = lg.StateGraph(S).add_node("a", says("a")).add_node("inner", inner)
    graph.add_node("c", says("c"), destinations=("a",))
    graph.add_edge(lg.START, "a").add_edge("inner", "c")
    graph.add_conditional_edges("a", lambda state: "x", {"yes": "inner", "no": lg.END})
    compiled = graph.compile(interrupt_before=["inner"])
    calls = lg.StateGraph(S).add_node("calls", lambda state: inner.invoke(state)).add_edge(lg.START, "calls").compile()
    shown = [compiled.get_graph(), compiled.get_graph(xray=True), calls.get_graph(), calls.get_graph(xray=1)]
    return [one.draw_mermaid() for one in shown]


@same
def a_graph_that_a_method_calls_is_seen(lg: Any) -> list[Any]:
    inside = asking(lg, interrupt_before=["z"])

    class Desk:
        def work(self, state: S) -> Any:
            return {"log": inside.invoke({"n": 1})["log"]}

    graph = lg.StateGraph(S).add_node("work", Desk().work).add_edge(lg.START, "work")
    made = graph.compile(checkpointer=lg.InMemorySaver())
    made.invoke({"n": 1}, ONE)
    (task,) = made.get_state(ONE, subgraphs=True).tasks
    return [[name for name, _ in made.get_subgraphs()], task.state.next, task.state.values]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("scenario", same.all, ids=lambda one: one.__name__)
def test_both_give_the_same(scenario: Scenario) -> None:
    alike(scenario)


async def test_a_step_that_is_told_of_is_on_record_however_long_that_takes() -> None:
    class Slow(InMemorySaver):
        async def keep(self, trail: Any, point: Any, hidden: Collection[str] = ()) -> None:
            await asyncio.sleep(0.1)
            await super().keep(trail, point, hidden)

    graph = StateGraph(S).add_sequence([says("a"), says("b")]).add_edge("__start__", "a")
    made = graph.compile(checkpointer=Slow())
    async with aclosing(made.astream({"n": 1, "log": []}, ONE, stream_mode="updates")) as parts:
        assert await anext(parts) == {"a": {"log": ["a"]}}
        await asyncio.sleep(0.02)  # it is being put on record now
    state = await made.aget_state(ONE)
    assert (state.next, state.values["log"]) == (("b",), ["a"])
