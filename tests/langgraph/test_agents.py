"""Agents, tools, and many runs at once through LangGraph and through ``weft.langgraph``."""

import asyncio
import time
from typing import Annotated, Any

import pytest
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.tools import tool

from tests.langgraph.both import ONE, S, Scenario, Scenarios, alike, tried

same = Scenarios()


class Model(GenericFakeChatModel):
    def bind_tools(self, tools: Any, **_: Any) -> Any:
        return self


def calls(*named: tuple[str, dict[str, Any]]) -> AIMessage:
    return AIMessage(
        "", id="c-1", tool_calls=[{"name": n, "args": a, "id": f"{n}{i}"} for i, (n, a) in enumerate(named)]
    )


@same
def tools_are_called_with_what_is_injected(lg: Any) -> list[Any]:
    @tool
    def add(a: int, b: int) -> int:
        """Add."""
        if a == 13:
            raise RuntimeError("unlucky")
        return a + b

    @tool
    def peek(
        x: int, state: Annotated[dict[str, Any], lg.InjectedState], n: Annotated[int, lg.InjectedState("n")]
    ) -> str:
        """Peek."""
        return f"{x} {n} {len(state['messages'])}"

    @tool
    def keep(x: int, store: Annotated[Any, lg.InjectedStore()]) -> str:
        """Keep."""
        store.put(("k",), "x", {"x": x})
        return "kept"

    class T(lg.MessagesState):
        n: int

    node = lg.ToolNode([add, peek, keep])
    graph = lg.StateGraph(T).add_node("tools", node).add_edge(lg.START, "tools").compile(store=lg.InMemoryStore())

    def run(*named: tuple[str, dict[str, Any]]) -> Any:
        found = graph.invoke({"messages": [calls(*named)], "n": 5})["messages"][1:]
        return [(one.name, one.status, one.content.splitlines()[0]) for one in found]

    told = lg.StateGraph(T).add_node("tools", lg.ToolNode([add], handle_tool_errors=True))
    told = told.add_edge(lg.START, "tools").compile()
    return [
        run(("add", {"a": 1, "b": 2}), ("peek", {"x": 3}), ("keep", {"x": 4})),
        run(("add", {"a": "one", "b": 2}), ("nothing", {})),
        tried(lambda: run(("add", {"a": 13, "b": 2}))),
        told.invoke({"messages": [calls(("add", {"a": 13, "b": 2}))]})["messages"][-1].content,
        lg.tools_condition({"messages": [calls(("add", {}))]}),
        lg.tools_condition([AIMessage("done")]),
    ]


@same
def an_agent_calls_tools_until_it_has_an_answer(lg: Any) -> list[Any]:
    @tool
    def book(hotel: str) -> str:
        """Book."""
        return f"booked {lg.interrupt(f'really {hotel}?')}"

    found: list[Any] = []
    for version in ("v1", "v2"):
        model = Model(messages=iter([calls(("book", {"hotel": "Ritz"})), AIMessage("done", id="d")]))
        agent = lg.create_react_agent(
            model, [book], prompt="be kind", checkpointer=lg.InMemorySaver(), version=version, name="clerk"
        )
        first = agent.invoke({"messages": [("user", "hi")]}, ONE)
        second = agent.invoke(lg.Command(resume="yes"), ONE)
        found += [first["__interrupt__"], agent.get_state(ONE).next, [one.content for one in second["messages"]]]
        found += [second["messages"][-1].name, agent.get_graph().draw_mermaid()]
    return found


@same
def a_tool_hands_over_with_a_command(lg: Any) -> list[Any]:
    @tool
    def hand_over(to: str) -> Any:
        """Hand over."""
        return lg.Command(goto=to, graph=lg.Command.PARENT, update={"messages": [("user", f"over to {to}")]})

    alice = lg.create_react_agent(Model(messages=iter([calls(("hand_over", {"to": "bob"}))])), [hand_over])
    bob = lg.create_react_agent(Model(messages=iter([AIMessage("bob here", id="b")])), [])
    graph = lg.StateGraph(lg.MessagesState).add_node("alice", alice).add_node("bob", bob).add_edge(lg.START, "alice")
    return [[one.content for one in graph.compile().invoke({"messages": [("user", "hi")]})["messages"]]]


@same
def many_at_once(lg: Any) -> list[Any]:
    def slow(state: S) -> Any:
        time.sleep(0.1)
        return {"log": [str(state["n"])]}

    graph = lg.StateGraph(S).add_node("slow", slow).add_edge(lg.START, "slow").compile()
    given = [{"n": n, "log": []} for n in range(5)]
    return [graph.batch(given), asyncio.run(graph.abatch(given)), graph.nodes["slow"].invoke({"n": 7})]


@same
def no_more_at_once_than_the_config_says(lg: Any) -> list[Any]:
    now: list[int] = []
    most: list[int] = []

    async def work(state: Any) -> Any:
        now.append(1)
        most.append(len(now))
        await asyncio.sleep(0.02)
        now.pop()

    graph = lg.StateGraph(S).add_node("work", work)
    graph.add_conditional_edges(lg.START, lambda state: [lg.Send("work", {"n": n}) for n in range(9)])
    asyncio.run(graph.compile().ainvoke({"n": 1, "log": []}, {"max_concurrency": 3}))
    return [max(most), len(most)]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("scenario", same.all, ids=lambda one: one.__name__)
def test_both_give_the_same(scenario: Scenario) -> None:
    alike(scenario)
