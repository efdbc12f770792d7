"""``StateGraph``: nodes that read a typed state and return what changes in it, joined by edges."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, TypeAlias, TypeVar, cast

from msgspec.structs import replace

from weft.engine.breaker import Breaker
from weft.engine.cache import Cache
from weft.engine.context import Target
from weft.engine.evolution import Migration, OnChange, evolution
from weft.engine.graph import NOTHING, Durability, Link, Schedule
from weft.engine.policy import Effect, Policy, Retry
from weft.errors import GraphError
from weft.runtime.limits import Limits
from weft.workflows.atmostonce import Reconcile
from weft.workflows.building import Declaration, DeclaredNode, build, is_target
from weft.workflows.checks import Sketch, check
from weft.workflows.commands import END as END
from weft.workflows.commands import START as START
from weft.workflows.commands import Command as Command
from weft.workflows.edges import Route, conditional
from weft.workflows.nodes import Function, Mapped, Shape, input_hint, links_of, name_of, see_called_with, shape_of
from weft.workflows.schema import Schema, schema_of
from weft.workflows.workflow import Workflow as Workflow

G = TypeVar("G", bound="StateGraph")
Work: TypeAlias = Callable[..., Any] | Target


class StateGraph:
    """Declares a graph step by step; ``compile`` checks it and freezes it.

    ``state`` is a ``TypedDict``, a dataclass or a Pydantic model. ``input_schema`` and ``output_schema`` say what of
    it comes in and goes out, where that is less; ``context_schema`` is the class of what runs are given as ``deps``.

    >>> from typing import TypedDict
    >>> class Count(TypedDict):
    ...     n: int
    >>> def more(state: Count) -> dict[str, int]:
    ...     return {"n": state["n"] + 1}
    >>> graph = StateGraph(Count).add_node("more", more).add_edge(START, "more").add_edge("more", END).compile()
    >>> graph.run_sync({"n": 1}).output
    {'n': 2}

    Raises:
        GraphError: a schema is not a state class, or two of them do not agree on a field.
    """

    def __init__(
        self,
        state: Any,
        context_schema: Any = None,
        *,
        input_schema: Any = None,
        output_schema: Any = None,
        writes: Mapping[str, Sequence[str]] = NOTHING,
        name: str = "graph",
    ) -> None:
        own = schema_of(state)
        self._made = Declaration(
            name=name,
            state=own,
            input=own,
            output=own,
            deps=context_schema,
            channels=dict(own.channels),
            nodes={},
            edges={START: []},
            joins=[],
            routes={},
            writers={},
        )
        self._made = replace(
            self._made,
            input=own if input_schema is None else self._joined(input_schema),
            output=own if output_schema is None else self._joined(output_schema),
        )
        self.writes(**writes)

    def _joined(self, schema: Any) -> Schema:
        """A further schema, whose fields are channels too: private ones, where the state does not have them."""
        found = schema_of(schema)
        for name, channel in found.channels.items():
            known = self._made.channels.setdefault(name, channel)
            if type(channel).__name__ != "LastValue" and type(known) is not type(channel):
                raise GraphError(f"field {name!r} of {found.type.__name__} has another reducer than in the state")
        return found

    # Nodes

    def add_node(
        self: G,
        node: str | Work,
        work: Work | None = None,
        *,
        input_schema: Any = None,
        input: Mapped | None = None,
        output: Mapped | None = None,
        retry: Retry | Sequence[Retry] | None = None,
        timeout: float | None = None,
        idle_timeout: float | None = None,
        cache: Cache | None = None,
        breaker: Breaker | None = None,
        fallback: str | Work | None = None,
        on_error: str | Function | None = None,
        effect: Effect = "idempotent",
        reconcile: Reconcile | None = None,
        defer: bool = False,
        listens: Sequence[str] = (),
        destinations: Sequence[str] | Mapping[str, str] = (),
    ) -> G:
        """Add a function of ``(state)`` or ``(state, ctx)``, plain or async; or an agent, or another graph.

        A function returns changes, a ``Command``, a list of them, or nothing. Plain functions run in the event
        loop: give slow ones a thread of their own. A target of its own state is given ``input`` and leaves its
        ``output`` in a field, or as a function says.

        ``timeout`` and ``idle_timeout`` are seconds of one attempt; whatever the node emits is a sign of life.
        When all attempts failed, ``fallback`` does the work (a function or target, or the name of a node to go to),
        then ``on_error`` (the name of a node that is sent a ``Failure``, or a function of ``(state, failure)``).
        ``defer`` waits until nothing else is left to run; ``listens`` names fields that wake the node.
        A node of ``effect="read"`` does nothing to the world: where only such follow one another, they are put on
        record together. With ``effect="once"`` it is never silently run a second time: while nobody knows whether it
        happened, ``reconcile(ctx, state)`` says what it returned, or ``NOT_DONE``; without it a person is asked.
        ``destinations`` says where its commands may lead, with labels for drawings if it is a dict.

        Raises:
            GraphError: the name is taken, or this is no node.
        """
        work = work if work is not None else cast("Work", node)
        name = node if isinstance(node, str) else name_of(node)
        if not name or name in (START, END):
            raise GraphError(f"{name!r} is no name for a node")
        if name in self._made.nodes:
            raise GraphError(f"graph {self._made.name!r} has a node {name!r} already")
        target = self._is_target(name, work)
        if not target and (input is not None or output is not None):
            raise GraphError(f"node {name!r} is a function: input= and output= are for agents and graphs")
        if reconcile is not None and effect != "once":
            raise GraphError(f"node {name!r} has a reconcile, which is for effect='once'")
        if callable(on_error):
            see_called_with(on_error, f"on_error of node {name!r} is a function of (state, failure)", None, None)
        shape = None if target else shape_of(cast("Function", work), name)
        hint = input_schema or (input_hint(shape, self._made.state.type) if shape else None)
        links, anywhere = self._leads(shape, destinations, work)
        self._made.nodes[name] = DeclaredNode(
            work=work,
            shape=shape,
            reads=None if hint is None else self._reads(hint, explicit=input_schema is not None),
            given=input,
            taken=output,
            policy=Policy(
                retry=tuple(retry) if isinstance(retry, list | tuple) else cast("Retry | None", retry),
                timeout=timeout,
                idle=idle_timeout,
                cache=cache,
                breaker=breaker,
                on_error=on_error if isinstance(on_error, str) else None,
                effect=effect,
            ),
            reconcile=reconcile,
            fallback=fallback,
            rescue=None if isinstance(on_error, str) else on_error,
            defer=defer,
            listens=tuple(listens),
            links=links,
            anywhere=anywhere,
        )
        return self

    def _is_target(self, name: str, work: Any) -> bool:
        """Raises: GraphError, where it is neither a target nor a function."""
        if isinstance(work, str):
            raise GraphError(f"node {name!r} needs a function, an agent or a graph")
        if isinstance(work, StateGraph):
            raise GraphError(f"node {name!r} is a graph that is not compiled: add_node({name!r}, graph.compile())")
        if not is_target(work) and not callable(work):
            raise GraphError(f"node {name!r} needs a function, an agent or a graph, not {type(work).__name__}")
        return is_target(work)

    def _leads(self, shape: Shape | None, destinations: Any, work: Any) -> tuple[tuple[Link, ...], bool]:
        if destinations:
            named = cast("Mapping[str, str]", destinations) if isinstance(destinations, Mapping) else None
            labels = named or dict.fromkeys(cast("Sequence[str]", destinations), "")
            return tuple(Link(to, label) for to, label in labels.items()), False
        if shape is None:
            return (), isinstance(work, Workflow)  # a command of it may be for this graph
        return links_of(shape.returns)

    def _reads(self, hint: Any, *, explicit: bool) -> Schema:
        """What a node reads, where that is not the state of the graph."""
        found = schema_of(hint)
        if explicit or all(type(channel).__name__ == "LastValue" for channel in found.channels.values()):
            for name, channel in found.channels.items():
                self._made.channels.setdefault(name, channel)
            return found
        return self._joined(hint)

    def add_sequence(self: G, nodes: Any, *more: Any) -> G:
        """Add nodes, where they are functions, and an edge from each to the next. ``(name, function)`` names one."""
        first = cast("list[Any]", nodes) if isinstance(nodes, list) else [nodes]
        given: list[Any] = [*first, *more]
        names: list[str] = []
        for one in given:
            if isinstance(one, str):
                names.append(one)
            elif isinstance(one, tuple):
                name, work = cast("tuple[str, Work]", one)
                self.add_node(name, work)
                names.append(name)
            else:
                self.add_node(one)
                names.append(name_of(one))
        for first, second in pairwise(names):
            self.add_edge(first, second)
        return self

    # Edges

    def add_edge(self: G, start: str | Sequence[str], end: str) -> G:
        """Run ``end`` after ``start``; with a list, once all in it have run (a join).

        Raises:
            GraphError: nothing comes before ``START`` or after ``END``; or it leads to no name.
        """
        if not isinstance(end, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # from users
            raise GraphError(f"an edge leads to the name of one node, not to {end!r}: add one for each")
        if end == START or start == END:
            raise GraphError("nothing leads to START, and nothing comes after END")
        if isinstance(start, str):
            self._made.edges.setdefault(start, []).append(end)
        else:
            self._made.joins.append((tuple(start), end))
        return self

    def set_entry_point(self: G, node: str) -> G:
        """The same as an edge from ``START``."""
        return self.add_edge(START, node)

    def set_finish_point(self: G, node: str) -> G:
        """The same as an edge to ``END``."""
        return self.add_edge(node, END)

    def add_conditional_edges(
        self: G, start: str, route: Route, to: Mapping[Any, str] | Sequence[str] | None = None
    ) -> G:
        """After ``start``, ask ``route(state)`` where to go: node names, ``Send`` values, or ``END``.

        ``to`` translates its answers into names; a list says which names it may answer.

        Raises:
            GraphError: ``to`` is neither.
        """
        self._made.routes.setdefault(start, []).append(conditional(start, route, to))
        return self

    def set_conditional_entry_point(self: G, route: Route, to: Mapping[Any, str] | Sequence[str] | None = None) -> G:
        """The same as conditional edges from ``START``."""
        return self.add_conditional_edges(START, route, to)

    def writes(self: G, **writers: Sequence[str]) -> G:
        """Say which nodes may write a field; all others fail if they do."""
        told = {field: (nodes,) if isinstance(nodes, str) else nodes for field, nodes in writers.items()}
        self._made.writers.update({field: frozenset(nodes) for field, nodes in told.items()})
        return self

    # The graph

    def compile(
        self,
        *,
        schedule: Schedule = "superstep",
        durability: Durability = "sync",
        max_concurrency: int | None = None,
        name: str | None = None,
        version: str = "",
        migrate: Mapping[tuple[str, str], Migration] | None = None,
        on_change: OnChange | None = None,
        limits: Limits | None = None,
    ) -> Workflow[Any]:
        """The graph, ready to run; at most ``max_concurrency`` of its nodes work at once in a run.

        With ``durability="sync"`` each step is on record before the next one begins, unless the nodes of both only
        ``read``. With ``"async"`` all steps that follow one another without waiting for anything are put on record
        together (``docs/graphs.md``).

        ``version``, ``migrate`` and ``on_change`` say what becomes of threads that an older version left in the
        midst of it (``docs/timetravel.md``).

        Raises:
            GraphError: it names what is not there, a node is never reached, or a circle has no way out.
        """
        check(self._sketch())
        made = self._made if name is None else replace(self._made, name=name)
        changes = evolution(version, migrate, on_change)
        return Workflow(build(made, schedule, max_concurrency, changes, durability), made.state, limits)

    def _sketch(self) -> Sketch:
        routes: dict[str, list[str]] = {}
        anywhere = {name for name, declared in self._made.nodes.items() if declared.anywhere}
        for start, edges in self._made.routes.items():
            for edge in edges:
                routes.setdefault(start, []).extend(link.to for link in edge.links)
                if not edge.links:
                    anywhere.add(start)
        for name, declared in self._made.nodes.items():
            also = [link.to for link in declared.links]
            also += [end for end in (declared.policy.on_error, declared.fallback) if isinstance(end, str)]
            if also:
                routes.setdefault(name, []).extend(also)
        woken = frozenset(name for name, declared in self._made.nodes.items() if declared.listens)
        return Sketch(
            self._made.name,
            frozenset(self._made.nodes),
            self._made.edges,
            self._made.joins,
            routes,
            frozenset(anywhere),
            woken,
        )
