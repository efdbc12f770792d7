"""Property: however questions are nested, and in whatever order they are answered, each effect happens exactly once.

A nesting is a tree: steps one after the other, side by side, as sends, in a loop, in a sub-graph, in a sub-agent.
Each leaf asks and then does something that is counted. Between two answers the process may be another one.
"""

import asyncio
import itertools
import operator
import tempfile
from collections import Counter
from typing import Annotated, Any, TypedDict

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from weft import END, START, Agent, App, Context, Send, StateGraph, interrupt, tool
from weft.models.scripted import Scripted, call
from weft.runtime.result import Result


class Notes(TypedDict, total=False):
    said: Annotated[list[str], operator.add]
    turns: Annotated[int, operator.add]


Tree = Any
"""``("leaf", asks)``, or a kind with the trees below it."""
KINDS = ("sequence", "parallel", "send", "loop", "graph", "agent")

TREES: st.SearchStrategy[Tree] = st.recursive(
    st.tuples(st.just("leaf"), st.integers(0, 2)),
    lambda below: st.tuples(st.sampled_from(KINDS), st.lists(below, min_size=1, max_size=3)),
    max_leaves=5,
)


class World:
    """Builds targets of a tree anew, as another process would, and counts what happens."""

    def __init__(self, schedule: Any) -> None:
        self.schedule = schedule
        self.done: Counter[str] = Counter()

    def build(self, tree: Tree, name: str) -> Any:
        """A target that does what the tree says."""
        kind, inner = tree
        if kind == "leaf":
            return (
                self._graph(name)
                .add_node("leaf", self._leaf(name, inner))
                .add_edge(START, "leaf")
                .compile(schedule=self.schedule)
            )
        below = [self.build(one, f"{name}{index}") for index, one in enumerate(inner)]
        if kind == "agent":
            return self._agent(name, below)
        return self._composed(kind, name, below).compile(schedule=self.schedule)

    def _graph(self, name: str) -> StateGraph:
        return StateGraph(Notes, name=name)

    def _leaf(self, name: str, asks: int) -> Any:
        async def leaf(state: Notes, ctx: Context[Any]) -> Notes:
            answers = [interrupt({"leaf": name, "number": number}, schema=str) for number in range(asks)]
            self.done[ctx.idempotency_key] += 1
            return {"said": [f"{name}={'+'.join(answers)}"]}

        return leaf

    def _calling(self, target: Any) -> Any:
        async def node(state: Any, ctx: Context[Any]) -> Notes:
            out = await ctx.call(target, "go" if isinstance(target, Agent) else {})
            self.done[ctx.idempotency_key] += 1
            return {"said": [out] if isinstance(out, str) else out.get("said", [])}

        return node

    def _composed(self, kind: str, name: str, below: list[Any]) -> StateGraph:
        graph = self._graph(name)
        if kind == "send":
            by_name = {target.name: target for target in below}

            async def one(payload: Any, ctx: Context[Any]) -> Notes:
                return await self._calling(by_name[payload])({}, ctx)

            graph.add_node("one", one)
            return graph.add_conditional_edges(START, lambda state: [Send("one", target.name) for target in below])
        names = [f"n{index}" for index in range(len(below))]
        for node, target in zip(names, below, strict=True):
            graph.add_node(node, self._calling(target))
        if kind == "parallel":
            for node in names:
                graph.add_edge(START, node)
            return graph.add_node("join", lambda state: {}).add_edge(names, "join")
        graph.add_edge(START, names[0])
        for first, second in itertools.pairwise(names):
            graph.add_edge(first, second)
        if kind == "loop":
            graph.add_node("again", lambda state: {"turns": 1}).add_edge(names[-1], "again")
            graph.add_conditional_edges("again", lambda state: END if state.get("turns", 0) >= 2 else names[0])
        return graph

    def _agent(self, name: str, below: list[Any]) -> Any:
        def tool_of(target: Any) -> Any:
            @tool(name=f"t_{target.name}", approval=len(below) == 2, effect="once" if len(below) == 3 else "idempotent")
            async def use(ctx: Context[Any]) -> str:
                """Call it."""
                out = await ctx.call(target, "go" if isinstance(target, Agent) else {})
                self.done[ctx.idempotency_key] += 1
                return str(out)

            return use

        calls = [call(f"t_{target.name}") for target in below]
        return Agent(name, model=Scripted([calls, f"{name} is done"], order="turn"), tools=[tool_of(t) for t in below])


def expected(tree: Tree, times: int = 1) -> tuple[int, int]:
    """How many questions a tree asks in all, and how many effects it has."""
    kind, inner = tree
    if kind == "leaf":
        return inner * times, times
    times = times * 2 if kind == "loop" else times
    both = [expected(one, times) for one in inner]
    approvals = len(inner) * times if kind == "agent" and len(inner) == 2 else 0
    return sum(q for q, _ in both) + approvals, sum(e for _, e in both) + len(inner) * times


async def answered(world: World, tree: Tree, data: st.DataObject, url: str) -> tuple[Result[Any], dict[str, int]]:
    """Run the tree and answer what it asks, in any order, some at a time, each time by another process."""
    asked: dict[str, int] = {}
    app = App(targets=[world.build(tree, "x")], store=url)
    result = await app.run("x", "go" if tree[0] == "agent" else {}, thread="t")
    while result.paused:
        ids = sorted(question.id for question in result.questions)
        assert len(ids) == len(set(ids))
        for id in ids:
            asked.setdefault(id, 0)
        chosen = data.draw(st.lists(st.sampled_from(ids), min_size=1, unique=True))
        kinds = {question.id: question.kind for question in result.questions}
        assert "outcome" not in kinds.values(), "nothing was cut off"
        if data.draw(st.booleans()):
            await app.close()
            app = App(targets=[world.build(tree, "x")], store=url)
        for id in chosen:
            asked[id] += 1
        answers = {id: True if kinds[id] == "approval" else f"a{len(asked)}" for id in chosen}
        result = await app.resume(result.run_id, answers)
    await app.close()
    return result, asked


def whole(tree: Tree) -> Tree:
    """A leaf alone is no tree to speak of."""
    return ("sequence", [tree]) if tree[0] == "leaf" else tree


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(tree=TREES.map(whole), schedule=st.sampled_from(["superstep", "eager"]), data=st.data())
def test_each_effect_happens_once_under_any_nesting(tree: Tree, schedule: str, data: st.DataObject) -> None:
    world = World(schedule)
    with tempfile.TemporaryDirectory() as directory:
        url = f"sqlite:///{directory}/weft.db?synchronous=OFF"
        result, asked = asyncio.run(answered(world, tree, data, url))
    questions, effects = expected(tree)
    assert result.status == "finished"
    assert (len(asked), set(asked.values()) - {1}) == (questions, set())
    assert (len(world.done), set(world.done.values())) == (effects, {1})
