"""What programs seldom do, through LangGraph and through ``weft.langgraph``: what comes out must be equal."""

import asyncio
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

import pytest
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langchain_core.tools import tool
from pydantic import BaseModel, TypeAdapter

from tests.langgraph.both import ONE, S, Scenario, Scenarios, alike, chain, says, tried
from weft.langgraph import MessagesState
from weft.langgraph.prebuilt.chat_agent_executor import AgentState
from weft.langgraph.prebuilt.tool_node import ToolCallWithContext

same = Scenarios()


@same
def the_middle_of_three_levels(lg: Any) -> list[Any]:
    def ask(name: str) -> Any:
        def node(state: S) -> Any:
            return {"log": [f"{name}={lg.interrupt(name)}"]}

        node.__name__ = name
        return node

    inner = lg.StateGraph(S).add_sequence([says("first"), ask("one"), ask("two")]).add_edge(lg.START, "first")
    middle = lg.StateGraph(S).add_node("inner", inner.compile(checkpointer=True)).add_edge(lg.START, "inner")
    outer = lg.StateGraph(S).add_node("middle", middle.compile(checkpointer=True)).add_edge(lg.START, "middle")
    graph = outer.compile(checkpointer=lg.InMemorySaver())
    graph.invoke({"n": 1, "log": []}, ONE)
    graph.invoke(lg.Command(resume="a"), ONE)
    there = graph.get_state(ONE, subgraphs=True).tasks[0].state.config
    done = graph.invoke(lg.Command(resume="b"), ONE)
    again = graph.invoke(None, there)
    forked = graph.update_state(there, {"log": ["forked"]})
    return [done, again, graph.invoke(None, forked), graph.get_state(ONE).next]


@same
def a_child_with_a_thread_of_its_own(lg: Any) -> list[Any]:
    saver = lg.InMemorySaver()
    child = chain(lg, "kept", checkpointer=saver)
    own: Any = {"configurable": {"thread_id": "child"}}

    def parent(state: S) -> Any:
        child.invoke({"n": state["n"], "log": []}, own)
        return {"log": ["parent"]}

    graph = lg.StateGraph(S).add_node("parent", parent).add_edge(lg.START, "parent").compile(checkpointer=saver)
    parts = [list(graph.stream({"n": n, "log": []}, ONE, subgraphs=True, stream_mode="updates")) for n in (1, 2)]
    state = child.get_state(own)
    return [state, state.config["configurable"]["checkpoint_ns"], len(list(child.get_state_history(own))), parts]


@same
def a_copy_of_a_point_with_updates(lg: Any) -> list[Any]:
    graph = chain(lg, "a", "b", checkpointer=lg.InMemorySaver())
    graph.invoke({"n": 1, "log": []}, ONE)
    old = next(one for one in graph.get_state_history(ONE) if one.next == ("b",))
    copied = graph.update_state(old.config, [lg.StateUpdate({"log": ["by hand"]}, "b")], "__copy__")
    seen = [graph.get_state(copied), graph.invoke(None, copied)]
    wrong = [
        tried(lambda: graph.bulk_update_state(ONE, [[lg.StateUpdate({}, "__copy__"), lg.StateUpdate({}, "a")]])),
        tried(lambda: graph.bulk_update_state(ONE, [[lg.StateUpdate({}, "a"), lg.StateUpdate({}, None)]])),
        tried(lambda: graph.update_state(old.config, ["no update"], "__copy__")),
    ]
    return [*seen, *wrong, list(graph.get_state_history(ONE))]


@same
def state_by_hand_before_anything_ran(lg: Any) -> list[Any]:
    graph = chain(lg, "a", checkpointer=lg.InMemorySaver())
    graph.update_state(ONE, {"n": 1, "log": ["by hand"]})
    return [graph.get_state(ONE).next, graph.invoke(None, ONE)]


@same
def tools_outside_of_a_graph(lg: Any) -> list[Any]:
    @tool
    def shout(text: str) -> str:
        """Shout."""
        return text.upper()

    @tool
    def found(key: str, runtime: lg.ToolRuntime) -> str:
        """Look up."""
        return f"{runtime.store.get(('a',), key).value['is']} for {runtime.tool_call_id}"

    store = lg.InMemoryStore()
    store.put(("a",), "k", {"is": "there"})
    asked = [{"name": "shout", "args": {"text": "hi"}, "id": "1"}, {"name": "found", "args": {"key": "k"}, "id": "2"}]
    given = {"messages": [AIMessage("", tool_calls=asked)]}
    node = lg.ToolNode([shout, found])
    config: Any = {"configurable": {"__pregel_runtime": lg.Runtime(store=store)}}
    return [
        [one.content for one in node.invoke(given, config)["messages"]],
        [one.content for one in asyncio.run(node.ainvoke(given, config))["messages"]],
    ]


@same
def a_run_is_drained(lg: Any) -> list[Any]:
    control = lg.RunControl()

    def stops(state: S) -> Any:
        control.request_drain("enough")
        return {"log": ["stops"]}

    graph = lg.StateGraph(S).add_node(stops).add_node("then", says("then")).add_edge(lg.START, "stops")
    built = graph.add_edge("stops", "then").compile(checkpointer=lg.InMemorySaver())
    try:
        ended: Any = built.invoke({"n": 1, "log": []}, ONE, control=control)
    except lg.GraphDrained as drained:
        ended = drained.reason
    return [ended, built.get_state(ONE).next, built.invoke(None, ONE)]


@same
def a_step_takes_too_long(lg: Any) -> list[Any]:
    async def slow(state: S) -> Any:
        await asyncio.sleep(5)

    graph = lg.StateGraph(S).add_node(slow).add_edge(lg.START, "slow").compile()
    graph.step_timeout = 0.1
    return [tried(lambda: asyncio.run(graph.ainvoke({"n": 1, "log": []})))]


@same
def an_error_handler_goes_on_where_it_failed(lg: Any) -> list[Any]:
    came: list[str] = []

    def fails(state: S) -> Any:
        came.append("node")
        raise RuntimeError("boom")

    def handler(state: S, error: lg.NodeError) -> Any:
        came.append(f"handler of {error.node}: {'boom' in str(error.error)}")
        if len(came) == 2:
            raise KeyError("the handler fails too")
        return {"log": ["mended"]}

    graph = lg.StateGraph(S).add_node("fails", fails, error_handler=handler).add_edge(lg.START, "fails")
    built = graph.compile(checkpointer=lg.InMemorySaver())
    return [tried(lambda: built.invoke({"n": 1, "log": []}, ONE)), built.invoke(None, ONE), came]


@same
def a_node_that_cancels_itself_fails(lg: Any) -> list[Any]:
    async def cancels(state: S) -> Any:
        raise asyncio.CancelledError

    graph = lg.StateGraph(S).add_node(cancels).add_edge(lg.START, "cancels").compile()
    error = tried(lambda: asyncio.run(graph.ainvoke({"n": 1, "log": []})))
    return [error, error.node]


@same
def signs_of_life(lg: Any) -> list[Any]:
    async def works(state: S, runtime: lg.Runtime) -> Any:
        for _ in range(4):
            await asyncio.sleep(0.15)
            runtime.heartbeat()
        return {"log": ["done"]}

    async def writes(state: S, runtime: lg.Runtime) -> Any:
        for _ in range(4):
            await asyncio.sleep(0.15)
            runtime.stream_writer("still here")
        return {"log": ["written"]}

    async def says_nothing(state: S) -> Any:
        await asyncio.sleep(5)

    def built(node: Any, **limit: Any) -> Any:
        graph = lg.StateGraph(S).add_node("node", node, timeout=lg.TimeoutPolicy(idle_timeout=0.5, **limit))
        return graph.add_edge(lg.START, "node").compile()

    def run(graph: Any) -> Any:
        return tried(lambda: asyncio.run(graph.ainvoke({"n": 1, "log": []})))

    silent = run(built(says_nothing))
    return [
        run(built(works)),
        run(built(writes)),
        run(built(writes, refresh_on="heartbeat")),
        (type(silent).__name__, silent.kind, silent.node),
    ]


@same
def a_late_node_is_tried_again(lg: Any) -> list[Any]:
    came: list[int] = []

    async def late(state: S) -> Any:
        came.append(1)
        await asyncio.sleep(5 if len(came) == 1 else 0)
        return {"log": ["in time"]}

    @lg.task(timeout=0.1)
    async def slow(n: int) -> int:
        await asyncio.sleep(5)
        return n

    @lg.entrypoint()
    async def program(n: int) -> int:
        return await slow(n)

    retry = lg.RetryPolicy(initial_interval=0.01, jitter=False, retry_on=lg.NodeTimeoutError)
    graph = lg.StateGraph(S).add_node("late", late, timeout=0.5, retry_policy=retry).add_edge(lg.START, "late")
    ran = asyncio.run(graph.compile().ainvoke({"n": 1, "log": []}))
    return [ran, len(came), tried(lambda: asyncio.run(program.ainvoke(1)))]


@same
def a_route_sees_what_its_node_gave_beside_the_state(lg: Any) -> list[Any]:
    def node(state: S) -> Any:
        return {"log": ["a"], "beside": "b"}

    graph = lg.StateGraph(S).add_node("a", node).add_node("b", says("b")).add_edge(lg.START, "a")
    graph.add_conditional_edges("a", lambda state: state["beside"], ["b", lg.END])
    return [graph.compile().invoke({"n": 1, "log": []})]


@same
def a_node_that_is_a_dict_of_functions(lg: Any) -> list[Any]:
    node = {"log": lambda state: [f"n is {state['n']}"], "n": lambda state: state["n"] + 1}
    graph = lg.StateGraph(S).add_node("a", node).add_edge(lg.START, "a")
    return [graph.compile().invoke({"n": 1, "log": []})]


@same
def what_an_object_must_have(lg: Any) -> list[Any]:
    @dataclass
    class Input:
        name: str
        size: int | None
        colour: str = "red"

    graph = lg.StateGraph(Input).add_node("a", lambda state: {}).add_edge(lg.START, "a").compile()
    return [graph.get_input_jsonschema(), graph.get_output_jsonschema()]


@same
def debug_without_a_checkpointer(lg: Any) -> list[Any]:
    graph = chain(lg, "a")
    return [list(graph.stream({"n": 1, "log": []}, stream_mode=["values", "debug", "checkpoints"]))]


@same
def one_name_as_a_map_of_a_path_is_none(lg: Any) -> list[Any]:
    def route(state: S) -> Literal["b", "__end__"]:
        return "b" if state["n"] else "__end__"

    graph = lg.StateGraph(S).add_node("a", says("a")).add_node("b", says("b")).add_edge(lg.START, "a")
    graph.add_conditional_edges("a", route, "a")
    return [graph.compile().invoke({"n": n, "log": []}) for n in (0, 1)]


class Chat(BaseModel):
    messages: list[AnyMessage]


@same
def messages_have_ids_where_a_reducer_or_a_listener_needs_them(lg: Any) -> list[Any]:
    def add(state: Chat) -> Any:
        return {"messages": [*state.messages, AIMessage("hello")]}

    graph = lg.StateGraph(Chat).add_node("add", add).add_edge(lg.START, "add").compile()
    given = {"messages": [HumanMessage("hi")]}
    quiet = [one.id for one in graph.invoke(given)["messages"]]
    heard = [one.id is None for one, _ in graph.stream(given, stream_mode="messages")]
    return [quiet, heard]


def test_what_examples_of_langgraph_import_is_where_they_look_for_it() -> None:
    places = {
        "graph.message": ("AnyMessage", "add_messages"),
        "graph.state": ("END", "START", "StateGraph", "CompiledStateGraph"),
        "managed": ("IsLastStep", "RemainingSteps"),
        "managed.is_last_step": ("IsLastStep", "RemainingSteps"),
    }
    for module, names in places.items():
        for package in ("langgraph", "weft.langgraph"):
            assert [name for name in names if not hasattr(import_module(f"{package}.{module}"), name)] == []


def test_the_states_of_messages_and_agents_are_types_for_pydantic() -> None:
    for state in (MessagesState, AgentState, ToolCallWithContext):
        assert TypeAdapter(state).json_schema()["type"] == "object"


@same
def an_agent_takes_no_unknown_options(lg: Any) -> list[Any]:
    model = GenericFakeChatModel(messages=iter([AIMessage("hi")]))
    return [tried(lambda: lg.create_react_agent(model, [], colour="red"))]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("scenario", same.all, ids=lambda one: one.__name__)
def test_both_give_the_same(scenario: Scenario) -> None:
    alike(scenario)
