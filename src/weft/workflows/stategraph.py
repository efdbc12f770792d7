"""``StateGraph``: nodes that read a typed state and return what changes in it, joined by edges."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final, Generic, TypeAlias, cast

import msgspec
from msgspec import Struct

from weft.engine.channels import UNSET, Barrier, Channel, LastValue
from weft.engine.context import Context
from weft.engine.graph import NOTHING, Graph, Node, NodeFn, Schedule, Send, State, Update
from weft.engine.policy import DEFAULT, Policy, Retry
from weft.errors import GraphError
from weft.runtime.limits import Limits
from weft.runtime.result import Out
from weft.runtime.run import Runnable
from weft.workflows.schema import as_writes, channels_of, view_of

START: Final = "__start__"
END: Final = "__end__"

Route: TypeAlias = Callable[..., Any]


class Command(Struct, frozen=True, kw_only=True):
    """What a node may return to write state and say where to go, at once."""

    update: Any = None
    goto: str | Send | Sequence[str | Send] = ()


class StateGraph:
    """Declares a graph step by step; ``compile`` checks it and freezes it.

    >>> from typing import TypedDict
    >>> class Count(TypedDict):
    ...     n: int
    >>> def more(state: Count) -> dict[str, int]:
    ...     return {"n": state["n"] + 1}
    >>> graph = StateGraph(Count).add_node("more", more).add_edge(START, "more").add_edge("more", END).compile()
    >>> graph.run_sync({"n": 1}).output
    {'n': 2}
    """

    def __init__(self, state: Any, *, name: str = "graph") -> None:
        self._name = name
        self._channels = channels_of(state)
        self._view = view_of(state)
        self._nodes: dict[str, tuple[NodeFn, Policy]] = {}
        self._edges: dict[str, list[str]] = {START: []}
        self._joins: list[tuple[tuple[str, ...], str]] = []
        self._routes: dict[str, list[tuple[Route, Mapping[str, str] | None]]] = {}
        self._writers: dict[str, frozenset[str]] = {}

    def add_node(
        self,
        node: str | Callable[..., Any],
        run: Callable[..., Any] | None = None,
        *,
        retry: Retry | None = None,
        timeout: float | None = None,
        on_error: str | None = None,
    ) -> "StateGraph":
        """Add a function of ``(state)`` or ``(state, ctx)``, plain or async.

        It returns changes, a ``Command`` or nothing.
        Plain functions run in the event loop: give slow ones a thread of their own.

        Raises:
            GraphError: the name is taken.
        """
        function = run if run is not None else node
        name = node if isinstance(node, str) else node.__name__
        if not callable(function):
            raise GraphError(f"node {name!r} needs a function")
        if name in self._nodes or name in (START, END):
            raise GraphError(f"graph {self._name!r} has a node {name!r} already")
        self._nodes[name] = (
            self._adapted(name, function),
            Policy(retry=retry, timeout=timeout, on_error=on_error),
        )
        return self

    def add_edge(self, start: str | Sequence[str], end: str) -> "StateGraph":
        """Run ``end`` after ``start``; with a list, once all in it have run (a join)."""
        if isinstance(start, str):
            self._edges.setdefault(start, []).append(end)
        else:
            self._joins.append((tuple(start), end))
        return self

    def add_sequence(self, *nodes: str | Callable[..., Any]) -> "StateGraph":
        """Add nodes, where they are functions, and an edge from each to the next."""
        names = [node if isinstance(node, str) else node.__name__ for node in nodes]
        for node in nodes:
            if not isinstance(node, str):
                self.add_node(node)
        for first, second in pairwise(names):
            self.add_edge(first, second)
        return self

    def add_conditional_edges(self, start: str, route: Route, to: Mapping[str, str] | None = None) -> "StateGraph":
        """After ``start``, ask ``route(state)`` where to go: node names, ``Send`` values, or ``END``.

        ``to`` translates its answers into names.
        """
        self._routes.setdefault(start, []).append((route, to))
        return self

    def writes(self, **writers: Sequence[str]) -> "StateGraph":
        """Say which nodes may write a field; all others fail if they do."""
        self._writers |= {field: frozenset(nodes) for field, nodes in writers.items()}
        return self

    def compile(
        self, *, schedule: Schedule = "superstep", name: str | None = None, limits: Limits | None = None
    ) -> "Workflow[Any]":
        """The graph, ready to run.

        Raises:
            GraphError: an edge leads nowhere, or nothing runs at the start.
        """
        if not self._edges[START] and START not in self._routes:
            raise GraphError(f"graph {self._name!r} has no edge from START")
        channels: dict[str, Channel] = dict(self._channels)
        joined: dict[str, list[str]] = {}
        for index, (names, end) in enumerate(self._joins):
            channels[f"join:{index}:{end}"] = Barrier(frozenset(names))
            joined.setdefault(end, []).append(f"join:{index}:{end}")
        nodes = [
            self._node(name, run, policy, tuple(joined.get(name, ()))) for name, (run, policy) in self._nodes.items()
        ]
        for end in (*self._edges, *self._routes, *self._edges[START]):
            if end not in (START, END) and end not in self._nodes:
                raise GraphError(f"an edge names {end!r}; graph {self._name!r} has no such node")
        visible = tuple(self._channels)
        graph = Graph(
            name or self._name,
            channels=channels,
            nodes=nodes,
            enter=self._enter,
            leave=lambda values: {key: values[key] for key in visible if key in values},
            schedule=schedule,
            writers=self._writers,
        )
        return Workflow(graph, limits)

    def _node(self, name: str, run: NodeFn, policy: Policy, listens: tuple[str, ...]) -> Node:
        joins = [f"join:{index}:{end}" for index, (names, end) in enumerate(self._joins) if name in names]
        routes = self._routes.get(name, [])
        if joins or routes:
            run = self._followed(name, run, tuple(joins), routes)
        then = tuple(end for end in self._edges.get(name, []) if end != END)
        return Node(name=name, run=run, then=then, listens=listens, policy=policy or DEFAULT)

    def _followed(
        self, name: str, run: NodeFn, joins: tuple[str, ...], routes: Sequence[tuple[Route, Mapping[str, str] | None]]
    ) -> NodeFn:
        """``run``, then what its joins and conditional edges need to know."""

        async def follow(state: State, payload: Any, ctx: Context[Any]) -> Update:
            update = await run(state, payload, ctx)
            writes = {**update.writes, **dict.fromkeys(joins, name)} if joins else update.writes
            goto, sends = list(update.goto), list(update.sends)
            after = self._seen(_after(self._channels, state, update.writes))
            for route, to in routes:
                where = route(after)
                if type(where) is str and to is None:
                    if where != END:
                        goto.append(where)
                    continue
                more, sent = _targets(await where if inspect.isawaitable(where) else where, to)
                goto.extend(more)
                sends.extend(sent)
            return Update(writes, sends, goto)

        return follow

    def _seen(self, values: State) -> Any:
        return values if self._view is None else self._view(values)

    def _enter(self, input: Any) -> Update:
        writes = as_writes(input, self._channels, "the input")
        for key, value in writes.items():
            channel = self._channels.get(key)
            if channel is None:
                raise GraphError(f"the input has {key!r}, which the state of graph {self._name!r} has not")
            writes[key] = _typed(value, channel.takes)
        goto = [end for end in self._edges[START] if end != END]
        sends: list[Send] = []
        for route, to in self._routes.get(START, []):
            more, sent = _targets(route(self._seen(_after(self._channels, NOTHING, writes))), to)
            goto.extend(more)
            sends.extend(sent)
        return Update(writes, sends, goto)

    def _adapted(self, name: str, function: Callable[..., Any]) -> NodeFn:
        """A user's function as the engine calls it; looked at once."""
        view, known = self._view, self._channels
        with_context = _takes_context(function)
        waits = inspect.iscoroutinefunction(function)

        async def run(state: State, payload: Any, ctx: Context[Any]) -> Update:
            seen = payload if payload is not None else view(state) if view is not None else state
            given = function(seen, ctx) if with_context else function(seen)
            if waits:
                given = await given
            if isinstance(given, dict):
                return Update(cast("dict[str, Any]", given))
            return await _update(given, known, name)

        return run


class Workflow(Runnable[Any, Out], Generic[Out]):
    """A compiled graph: run it, stream it, serve it from an ``App``."""

    __slots__ = ("_graph", "limits", "name")

    def __init__(self, graph: Graph, limits: Limits | None = None) -> None:
        self.name = graph.name
        self.limits = limits
        self._graph = graph

    def graph(self) -> Graph:
        return self._graph


async def _update(given: Any, known: Mapping[str, Channel], name: str) -> Update:
    if inspect.isawaitable(given):
        given = await given
    if given is None:
        return Update()
    if isinstance(given, Update):
        return given
    if isinstance(given, Command):
        goto, sends = _targets(given.goto, None)
        return Update(as_writes(given.update, known, f"node {name!r}"), sends, goto)
    return Update(as_writes(given, known, f"node {name!r}"))


def _targets(given: Any, to: Mapping[str, str] | None) -> tuple[list[str], list[Send]]:
    """Names and sends in what a route or a ``Command`` says."""
    if given is None:
        return [], []
    items = cast("Sequence[Any]", given) if isinstance(given, list | tuple) else (given,)
    goto: list[str] = []
    sends: list[Send] = []
    for item in items:
        if isinstance(item, Send):
            sends.append(item)
            continue
        target = to[item] if to is not None else item
        if target != END:
            goto.append(target)
    return goto, sends


def _after(channels: Mapping[str, Channel], state: State, writes: Mapping[str, Any]) -> Mapping[str, Any]:
    """The state as a node's own writes will make it: what its conditional edges decide on."""
    if not writes:
        return state
    values = dict(state)
    for key, value in writes.items():
        channel = channels.get(key)
        if type(channel) is LastValue:
            values[key] = value
        elif channel is not None:
            values[key] = channel.merge(values.get(key, UNSET), [value])
    return values


def _typed(value: Any, of: Any) -> Any:
    """JSON from outside in the declared type; what has it already stays as it is."""
    given: Any = value
    if not isinstance(value, dict | list):
        return given
    try:
        return msgspec.convert(given, of)
    except (msgspec.ValidationError, TypeError):
        return given


def _takes_context(function: Callable[..., Any]) -> bool:
    """Whether it wants a second argument."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    positional = [one for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    return len(positional) >= 2 and (positional[1].default is inspect.Parameter.empty or positional[1].name == "ctx")
