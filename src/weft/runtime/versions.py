"""A state meets a graph that has changed since: does it fit, can it be brought over, or must it wait?"""

from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol, runtime_checkable

from msgspec import Struct

from weft.engine.channels import UNSET
from weft.engine.evolution import OnChange, check_on_change
from weft.engine.graph import Graph
from weft.engine.step import Checkpoint
from weft.errors import SchemaMismatch, WeftError
from weft.runtime import codec
from weft.storage.base import Snapshot

Older = Callable[[str, str, str], Graph | None]
"""The registered graph of this name with that version. (The hash of its shape is given too.)"""


class Verdict(Struct, frozen=True):
    """What becomes of a state that another version of its graph left."""

    kind: Literal["same", "fits", "migrates", "pinned", "breaks"]
    why: str = ""
    """Where it breaks: what does not fit, and what to do."""


class Meeting(Struct, frozen=True):
    """What an app says of graphs that changed."""

    on_change: OnChange = "go_on"
    older: Older = lambda name, version, hash: None


ALONE = Meeting()


def meet(graph: Graph, snapshot: Snapshot, meeting: Meeting = ALONE) -> Verdict:
    """Whether ``graph`` can go on from ``snapshot``."""
    head, now = codec.decode_head(snapshot.head), graph.evolution.version
    if snapshot.version == graph.version and head.version == now:
        return Verdict("same")
    policy = graph.evolution.on_change or meeting.on_change
    if head.version != now and graph.evolution.way(head.version) is not None:
        return _tried("migrates", graph, snapshot)
    names = f"version {head.version!r}" if head.version != now else f"shape {snapshot.version}"
    if policy == "pin":
        if meeting.older(graph.name, head.version, snapshot.version) is not None:
            return Verdict("pinned")
        return Verdict("breaks", f"it is pinned to {names} of {graph.name!r}: give the app that one too")
    if policy == "refuse":
        told = f"it was left by {names} of {graph.name!r}, which refuses others"
        return Verdict("breaks", f"{told}: deploy that one, or give the graph `migrate=`")
    return _tried("fits", graph, snapshot)


def _tried(kind: Literal["migrates", "fits"], graph: Graph, snapshot: Snapshot) -> Verdict:
    try:
        slots = codec.Slots(graph)
        if kind == "migrates":
            migrated(graph, snapshot)
            codec.load_frontier(graph, snapshot)
        else:
            codec.load_checkpoint(graph, snapshot, slots)
            codec.load_updates(graph, snapshot.finished)
            gone = sorted(set(snapshot.ranges).difference(graph.channels))
            if gone and codec.decode_head(snapshot.head).frontier:
                return Verdict(
                    "breaks", f"graph {graph.name!r} no longer has {gone[0]!r}, which holds a value: {_ADVICE}"
                )
    except WeftError as error:
        return Verdict("breaks", str(error))
    except Exception as error:  # a migration is the author's code
        return Verdict("breaks", f"a migration failed: {type(error).__name__}: {error}")
    return Verdict(kind)


_ADVICE = "bring it back, give the graph `migrate=`, or pin the old version"


def fitting(graph: Graph, snapshot: Snapshot | None, meeting: Meeting) -> Graph:
    """The graph to go on with.

    Raises:
        SchemaMismatch: neither this one nor an older one can.
    """
    if snapshot is None:
        return graph
    verdict = meet(graph, snapshot, meeting)
    if verdict.kind == "breaks":
        raise SchemaMismatch(verdict.why)
    if verdict.kind == "pinned":
        return meeting.older(graph.name, codec.decode_head(snapshot.head).version, snapshot.version) or graph
    return graph


def needs_migration(graph: Graph, snapshot: Snapshot) -> bool:
    """Whether the author gave functions for this very change."""
    if not graph.evolution.migrate:
        return False
    return graph.evolution.way(codec.decode_head(snapshot.head).version) is not None


def migrated(graph: Graph, snapshot: Snapshot) -> dict[str, Any]:
    """The values of an older version in the form of this one, in their types.

    Raises:
        SchemaMismatch: what the functions made does not fit.
    """
    state: Mapping[str, Any] = plain_values(graph, snapshot)
    for function in graph.evolution.way(codec.decode_head(snapshot.head).version) or ():
        state = function(dict(state))
    values: dict[str, Any] = {}
    for name, value in state.items():
        channel = graph.channels.get(name)
        if channel is None:
            raise SchemaMismatch(f"the migration left {name!r}, which graph {graph.name!r} does not have")
        values[name] = codec.decode(codec.encode(value, f"state[{name!r}]"), channel.of, f"state[{name!r}]")
    return values


def plain_values(graph: Graph, snapshot: Snapshot) -> dict[str, Any]:
    """The values on record as plain JSON. What was folded is folded by the graph that there is now."""
    values: dict[str, Any] = {}
    for _, slot in snapshot.slots:
        channel = graph.channels.get(slot.channel)
        if channel is not None and channel.stored == "rows":
            continue
        if slot.op == "set":
            values[slot.channel] = codec.decode(slot.body)
            continue
        updates = codec.decode(slot.body)
        if channel is not None:
            values[slot.channel] = channel.merge(values.get(slot.channel, UNSET), updates)
        elif isinstance(values.get(slot.channel), list):
            values[slot.channel] = [*values[slot.channel], *(item for one in updates for item in one)]
        else:
            raise SchemaMismatch(f"{slot.channel!r} was folded by a rule that graph {graph.name!r} no longer has")
    return values


@runtime_checkable
class Versioned(Protocol):
    """A target whose author says which version it is."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    def graph(self) -> Any: ...


class Shelf:
    """The older versions of an app's targets, for runs that are pinned to them."""

    def __init__(self, on_change: OnChange) -> None:
        check_on_change(on_change)
        self._older: dict[tuple[str, str], Versioned] = {}
        self.meeting = Meeting(on_change, self._find)

    def put(self, target: object, newest: object) -> bool:
        """Keep it beside the newest one of its name; False where nothing tells the two apart."""
        if not isinstance(target, Versioned) or not isinstance(newest, Versioned):
            return False
        key = (target.name, target.version)
        if target.version == newest.version or key in self._older:
            return False
        self._older[key] = target
        return True

    def _find(self, name: str, version: str, hash: str) -> Graph | None:
        target = self._older.get((name, version))
        return None if target is None else target.graph()


def load(graph: Graph, snapshot: Snapshot, slots: codec.Slots, *, open: bool) -> Checkpoint:
    """The checkpoint on record, migrated if it must be. Raises: SchemaMismatch."""
    if not needs_migration(graph, snapshot):
        return codec.load_checkpoint(graph, snapshot, slots, open=open)
    slots.whole = True
    frontier = codec.load_frontier(graph, snapshot) if open else ()
    return Checkpoint(step=snapshot.step, values=migrated(graph, snapshot), frontier=frontier)
