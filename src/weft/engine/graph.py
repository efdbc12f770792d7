"""Graphs: what runs after what. A ``Graph`` is a frozen value, shared by any number of runs."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from copy import copy
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, get_args

from msgspec import Struct

from weft.engine.channels import Channel
from weft.engine.context import Context
from weft.engine.evolution import UNVERSIONED, Evolution
from weft.engine.policy import DEFAULT, Policy
from weft.errors import GraphError

NOTHING: Mapping[str, Any] = MappingProxyType({})


class Send(Struct, frozen=True):
    """Run ``node`` next, with ``payload``: one activation for each send."""

    node: str
    payload: Any = None


class Update(Struct, frozen=True):
    """What a node gives back: values for channels, and what to run next beside its fixed successors."""

    writes: Mapping[str, Any] = NOTHING
    sends: Sequence[Send] = ()
    goto: Sequence[str] = ()
    instead: bool = False
    """Whether ``sends`` and ``goto`` replace the fixed successors."""


class Leaving(GraphError):
    """A node of a graph that was called by another graph says what the calling node does. Control flow."""

    def __init__(self, message: str, command: Any = None) -> None:
        super().__init__(message)
        self.command = command


class Link(Struct, frozen=True):
    """Where a node may lead, for drawings and checks."""

    to: str
    """A node, or ``END``."""
    label: str = ""
    sure: bool = False
    """Whether it is always followed."""


END = "__end__"
"""What a ``Link`` that leaves the graph leads to."""

State: TypeAlias = Mapping[str, Any]
NodeFn: TypeAlias = Callable[[State, Any, Context[Any]], Awaitable[Update]]
FollowFn: TypeAlias = Callable[[State, Update], Awaitable[Update]]
Schedule: TypeAlias = Literal["superstep", "eager"]
Durability: TypeAlias = Literal["sync", "async"]


class Node(Struct, frozen=True, kw_only=True):
    """One place in a graph where work is done."""

    name: str
    run: NodeFn
    """Gets an immutable snapshot of the state, the payload of a ``Send`` (else ``None``), and a context."""
    then: tuple[str, ...] = ()
    """The nodes that always run after it."""
    listens: tuple[str, ...] = ()
    """Channels that wake it."""
    payload: Any = Any
    """The type of what a ``Send`` to this node carries: its codec."""
    policy: Policy = DEFAULT
    follow: FollowFn | None = None
    """What else its update says when somebody writes in its name: where its conditional edges lead."""
    defer: bool = False
    """Whether it waits until nothing else is left to run. A ``Send`` does not wait."""
    links: tuple[Link, ...] = ()
    """Where it may lead beside ``then``."""
    inside: Any = None
    """The target that it runs, where that is all it does."""


class Graph:
    """Nodes, channels, and how an input enters and an output leaves.

    ``writers`` says who may write a channel; one that is not in it may be written by every node.
    ``schedule`` is ``superstep`` (all activations of a step commit together) or ``eager`` (each
    commits when it is done and wakes what is ready); at most ``parallel`` nodes of a run work at once.
    ``durability`` is ``sync`` (a step is on record before the next begins, unless the nodes of both only ``read``)
    or ``async`` (it may get there with those that follow, while nothing waits: a crash may run some steps again).
    ``first`` says where an input may lead, for drawings.

    Raises:
        GraphError: something is named that is not there.
    """

    __slots__ = (
        "_names",
        "allowed",
        "channels",
        "deferred",
        "durability",
        "enter",
        "evolution",
        "first",
        "guarded",
        "leave",
        "listeners",
        "name",
        "nodes",
        "parallel",
        "passing",
        "reading",
        "schedule",
        "version",
        "writers",
    )

    def __init__(
        self,
        name: str,
        *,
        channels: Mapping[str, Channel],
        nodes: Sequence[Node],
        enter: Callable[[Any], Update],
        leave: Callable[[State], Any],
        schedule: Schedule = "superstep",
        durability: Durability = "sync",
        writers: Mapping[str, frozenset[str]] = NOTHING,
        evolution: Evolution = UNVERSIONED,
        first: Sequence[Link] = (),
        parallel: int | None = None,
    ) -> None:
        self.name = name
        self.channels = MappingProxyType(dict(channels))
        self.nodes = MappingProxyType({node.name: node for node in nodes})
        self.enter = enter
        self.leave = leave
        self.evolution = evolution
        self.schedule: Schedule = schedule
        self.durability: Durability = durability
        self.first = tuple(first)
        self.parallel = parallel
        self.guarded = frozenset(node.name for node in nodes if node.policy.guards)
        self.deferred = frozenset(node.name for node in nodes if node.defer)
        self.reading = frozenset(node.name for node in nodes if node.policy.effect == "read")
        self.writers = MappingProxyType(dict(writers))
        if durability not in get_args(Durability):
            raise GraphError(f"durability of graph {name!r} is 'sync' or 'async', not {durability!r}")
        if schedule not in get_args(Schedule):
            raise GraphError(f"the schedule of graph {name!r} is 'superstep' or 'eager', not {schedule!r}")
        if parallel is not None and parallel < 1:
            raise GraphError(f"of graph {name!r} {parallel!r} nodes may work at once: one is the least")
        if len(self.nodes) != len(nodes):
            raise GraphError(f"graph {name!r} has two nodes of the same name")
        self._check_names()
        self.passing = tuple(key for key, channel in self.channels.items() if channel.passing)
        self.listeners = MappingProxyType(
            {
                channel: names
                for channel in self.channels
                if (names := tuple(node.name for node in nodes if channel in node.listens))
            }
        )
        self._names = frozenset(self.nodes)
        self.allowed = MappingProxyType({node.name: self._writable(node.name) for node in nodes})
        self.version = self._hash()

    def graph(self) -> "Graph":
        """A graph is a target itself."""
        return self

    def rewired(self, node: Node) -> "Graph":
        """The same graph with ``node`` in the place of the one of its name."""
        other = copy(self)
        other.nodes = MappingProxyType({**self.nodes, node.name: node})
        return other

    def check(self, node: str, update: Update) -> None:
        """See that ``node`` may do what it did.

        Raises:
            GraphError: it wrote where it may not, or to what is not there.
        """
        if update.writes and not self.allowed[node].issuperset(update.writes):
            for channel in update.writes:
                if channel not in self.channels:
                    raise GraphError(f"node {node!r} wrote to {channel!r}; graph {self.name!r} has no such channel")
                if channel not in self.allowed[node]:
                    may = ", ".join(sorted(self.writers[channel])) or "nobody"
                    raise GraphError(f"node {node!r} may not write to channel {channel!r}; only {may} may")
        if update.sends or not self._names.issuperset(update.goto):
            self.lead(f"node {node!r}", update)

    def lead(self, who: str, update: Update) -> None:
        """See that an update goes on to nodes that are there.

        Raises:
            GraphError: it does not.
        """
        for target in (*update.goto, *[send.node for send in update.sends]):
            if target not in self.nodes:
                raise GraphError(
                    f"{who} goes on to {target!r}; graph {self.name!r} has no such node; it has: {self.node_names}"
                )

    @property
    def node_names(self) -> str:
        """The names of its nodes, for whoever named another one."""
        return ", ".join(sorted(name for name in self.nodes if not name.startswith("__")))

    def _writable(self, node: str) -> frozenset[str]:
        return frozenset(key for key in self.channels if key not in self.writers or node in self.writers[key])

    def _check_names(self) -> None:
        for node in self.nodes.values():
            self._known(node.name, "runs after", node.then, self.nodes)
            self._known(node.name, "listens to", node.listens, self.channels)
            self._known(node.name, "handles errors with", node.policy.handlers, self.nodes)
        self._known("writes=", "names", tuple(self.writers), self.channels)
        for channel, writers in self.writers.items():
            self._known(channel, "may be written by", tuple(writers), self.nodes)

    def _known(self, who: str, does: str, named: Sequence[str], known: Mapping[str, Any]) -> None:
        if unknown := [name for name in named if name not in known]:
            raise GraphError(f"{who!r} in graph {self.name!r} {does} {unknown}, which is not there")

    def _hash(self) -> str:
        shape = [
            sorted((key, type(channel).__name__, repr(channel.of)) for key, channel in self.channels.items()),
            sorted((node.name, node.then, node.listens, repr(node.payload)) for node in self.nodes.values()),
            self.schedule,
            *sorted(self.deferred),
        ]
        return hashlib.sha256(repr(shape).encode()).hexdigest()[:12]
