"""From what was declared with a ``StateGraph`` to the graph that the engine runs."""

from collections.abc import Mapping
from typing import Any, cast

import msgspec
from msgspec import Struct

from weft.engine.cache import Cache
from weft.engine.channels import Barrier, Channel
from weft.engine.context import Context, NobodyAsks, Target
from weft.engine.evolution import UNVERSIONED, Evolution
from weft.engine.graph import NOTHING, Durability, Graph, Link, Node, NodeFn, Schedule, Send, State, Update
from weft.engine.policy import Failure, Policy
from weft.errors import GraphError
from weft.workflows.atmostonce import Reconcile, at_most_once
from weft.workflows.commands import END, START, Command, targets
from weft.workflows.edges import Conditional, followed, following, state_after
from weft.workflows.nodes import Mapped, Shape, of_function, of_target, payload_of, shape_of, update_of
from weft.workflows.schema import Schema, View, as_writes, is_state, typed
from weft.workflows.workflow import Workflow


class DeclaredNode(Struct, frozen=True, kw_only=True):
    """A node as it was added; what it reads is known when the graph is compiled."""

    work: Any
    shape: Shape | None
    """``None`` where it is a target."""
    reads: Schema | None
    given: Mapped | None
    taken: Mapped | None
    policy: Policy
    reconcile: Reconcile | None
    fallback: Any
    rescue: Any
    defer: bool
    listens: tuple[str, ...]
    links: tuple[Link, ...]
    anywhere: bool


class Declaration(Struct, frozen=True, kw_only=True):
    """A graph as its author declared it. Its dicts and lists grow until it is compiled."""

    name: str
    state: Schema
    input: Schema
    output: Schema
    deps: Any
    channels: dict[str, Channel]
    nodes: dict[str, DeclaredNode]
    edges: dict[str, list[str]]
    joins: list[tuple[tuple[str, ...], str]]
    routes: dict[str, list[Conditional]]
    writers: dict[str, frozenset[str]]


def build(
    made: Declaration,
    schedule: Schedule,
    parallel: int | None,
    changes: Evolution = UNVERSIONED,
    durability: Durability = "sync",
) -> Graph:
    """The engine's graph of what was declared and checked."""
    return _Build(made).graph(schedule, parallel, changes, durability)


class _Build:
    """From what was declared to the engine's graph."""

    def __init__(self, made: Declaration) -> None:
        self._name, self._state, self._input, self._output = made.name, made.state, made.input, made.output
        self._own: Mapping[str, Channel] = dict(made.channels)
        self._deps = made.deps
        self._nodes = dict(made.nodes)
        self._edges = {start: list(ends) for start, ends in made.edges.items()}
        self._joins = list(made.joins)
        self._routes = {start: list(edges) for start, edges in made.routes.items()}
        self._writers = dict(made.writers)
        hidden = bool(self._joins) or len(self._own) > len(self._state.channels)
        self._view: View | None = self._state.narrow() if hidden else self._state.view

    def graph(self, schedule: Schedule, parallel: int | None, changes: Evolution, durability: Durability) -> Graph:
        channels: dict[str, Channel] = dict(self._own)
        joined: dict[str, list[str]] = {}
        for index, (names, end) in enumerate(self._joins):
            if end != END:
                channels[f"join:{index}:{end}"] = Barrier(frozenset(names))
                joined.setdefault(end, []).append(f"join:{index}:{end}")
        nodes = [self._node(name, node, tuple(joined.get(name, ()))) for name, node in self._nodes.items()]
        routes = self._routes.get(START, ())
        waits = any(edge.waits for edge in routes)
        if routes:
            nodes.append(self._entry())
        visible = tuple(self._output.channels)
        return Graph(
            self._name,
            channels=channels,
            nodes=nodes,
            enter=self._later if waits else self._enter,
            leave=lambda values: {key: values[key] for key in visible if key in values},
            schedule=schedule,
            durability=durability,
            writers=self._writers,
            first=self._links(START),
            parallel=parallel,
            evolution=changes,
        )

    def _links(self, name: str) -> tuple[Link, ...]:
        """Where it may lead, for drawings."""
        found = [Link(end, sure=True) for end in self._edges.get(name, ()) if end == END or name == START]
        found += [Link(end, sure=True) for names, end in self._joins if name in names]
        for edge in self._routes.get(name, ()):
            found += edge.links or [Link(other) for other in (*self._nodes, END) if other != name]
        if name in self._nodes:
            node = self._nodes[name]
            found += node.links
            found += [Link(node.fallback, "fallback")] if isinstance(node.fallback, str) else []
        return tuple(found)

    def _node(self, name: str, declared: DeclaredNode, listens: tuple[str, ...]) -> Node:
        joins = [
            f"join:{index}:{end}" for index, (names, end) in enumerate(self._joins) if name in names and end != END
        ]
        routes = self._routes.get(name, [])
        run, follow = self._work(name, declared, declared.work, declared.shape), None
        if joins or routes:
            follow = following(name, tuple(joins), routes, self._own, self._view)
            run = followed(run, follow, () if joins else routes, self._own, self._view)
        policy = msgspec.structs.replace(
            declared.policy, rescue=self._rescue(name, declared, follow), cache=self._cache(declared)
        )
        return Node(
            name=name,
            run=run,
            then=tuple(dict.fromkeys(end for end in self._edges.get(name, []) if end != END)),
            listens=(*listens, *declared.listens),
            payload=payload_of(declared.shape.hint) if declared.shape else Any,
            policy=policy,
            follow=follow,
            defer=declared.defer,
            links=self._links(name),
            inside=declared.work if declared.shape is None else None,
        )

    def _work(self, name: str, declared: DeclaredNode, work: Any, shape: Shape | None) -> NodeFn:
        run = self._plain_work(name, declared, work, shape)
        if declared.policy.effect != "once":
            return run
        return at_most_once(name, run, self._own, declared.reconcile)

    def _plain_work(self, name: str, declared: DeclaredNode, work: Any, shape: Shape | None) -> NodeFn:
        if shape is None:
            inner = cast("Workflow[Any]", work).schema if isinstance(work, Workflow) else None
            return of_target(name, cast("Target", work), inner, self._own, declared.given, declared.taken)
        view, instance = self._view, self._state.view
        if declared.reads is not None:
            view, instance = declared.reads.narrow(), declared.reads.view
        if not is_state(shape.hint):
            instance = None
        apart = declared.policy.timeout is not None or declared.policy.idle is not None
        return of_function(name, work, shape, view, self._own, instance, self._deps, apart=apart)

    def _cache(self, declared: DeclaredNode) -> Cache | None:
        """The cache, whose key sees what the node sees."""
        cache = declared.policy.cache
        if cache is None:
            return None
        key, view = cache.key, declared.reads.narrow() if declared.reads is not None else self._state.narrow()
        return Cache(lambda state, payload: key(view(state), payload), ttl=cache.ttl, kept=cache.kept)

    def _rescue(self, name: str, declared: DeclaredNode, follow: Any) -> Any:
        """What takes the node's place: its fallback, then its error function."""
        fallback, last = declared.fallback, declared.rescue
        if fallback is None and last is None:
            return None
        instead: NodeFn | None = None
        if fallback is not None and not isinstance(fallback, str):
            shape = None if is_target(fallback) else shape_of(fallback)
            instead = self._work(name, declared, fallback, shape)

        async def rescue(state: State, payload: Any, ctx: Context[Any], failure: Failure) -> Update:
            if isinstance(fallback, str):
                sends = () if payload is None else (Send(fallback, payload),)
                return Update(sends=sends, goto=() if sends else (fallback,), instead=True)
            try:
                if instead is not None:
                    update = await instead(state, payload, ctx)
                    return update if follow is None else await follow(state, update)
            except Exception as error:
                if last is None:
                    raise
                failure = _failed(name, error)
            seen = payload if payload is not None else state if self._view is None else self._view(state)
            update = await update_of(last(seen, failure), self._own, name)
            return update if follow is None else await follow(state, update)

        return rescue

    # The input

    def _entry(self) -> Node:
        """A node of its own for conditional edges from START that have to wait, or ask something."""
        follow = following(START, (), self._routes[START], self._own, self._view)

        async def run(state: State, payload: Any, ctx: Context[Any]) -> Update:
            return await follow(state, Update())

        then = tuple(end for end in self._edges[START] if end != END)
        return Node(name=START, run=run, then=then, follow=follow, links=self._links(START))

    def _written(self, input: Any) -> tuple[dict[str, Any], Update | None]:
        """What an input writes; for a ``Command`` also where it goes."""
        command = cast("Command[Any]", input) if isinstance(input, Command) else None
        writes = as_writes(input if command is None else command.update, self._own, "the input")
        for key, value in writes.items():
            channel = self._input.channels.get(key) or (self._own.get(key) if command is not None else None)
            if channel is None:
                raise GraphError(f"the input has {key!r}, which the state of graph {self._name!r} has not")
            writes[key] = typed(value, channel.takes)
        if command is None:
            return writes, None
        if command.resume is not None:
            raise GraphError("answers to questions are for a paused run: give them to `resume` of the app")
        goto, sends = targets(command.goto, None, "the input")
        return writes, Update(writes, sends, goto)

    def _later(self, input: Any) -> Update:
        writes, update = self._written(input)
        return update or Update(writes, goto=(START,))

    def _enter(self, input: Any) -> Update:
        writes, update = self._written(input)
        if update is not None:
            return update
        goto = [end for end in self._edges[START] if end != END]
        sends: list[Send] = []
        try:
            for edge in self._routes.get(START, ()):
                after = state_after(self._own, NOTHING, writes)
                more, sent = targets(edge.route(after if self._view is None else self._view(after)), edge.to, edge.who)
                goto.extend(more)
                sends.extend(sent)
        except NobodyAsks:
            return Update(writes, goto=(START,))
        return Update(writes, sends, goto)


def is_target(work: Any) -> bool:
    """Whether it is something with a graph: an agent, a workflow."""
    return not isinstance(work, type) and callable(getattr(work, "graph", None)) and hasattr(work, "name")


def _failed(node: str, error: Exception) -> Failure:
    from_weft = getattr(error, "code", "bug")
    return Failure(node=node, code=str(from_weft), message=str(error) or type(error).__name__)
