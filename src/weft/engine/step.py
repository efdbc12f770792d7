"""The algebra of a step: pure functions. No clock, no I/O, no await.

A checkpoint holds the *frontier*: the activations that are still to run. ``begin`` and ``apply`` make
the next checkpoint from what nodes returned. Superstep and eager schedules are the same algebra:
one applies a whole frontier at once, the other each activation by itself. Nodes that were woken stand in
the frontier by name, then sends in the order in which they were made: so their writes come in the same
order in every run. Everything that is hard
about concurrency, retries and crashes lives elsewhere, so this can be tested with tables.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from weft.engine.channels import UNSET
from weft.engine.graph import NOTHING, Graph, Send, Update
from weft.errors import GraphError

NO_WRITES: Mapping[str, list[Any]] = MappingProxyType({})


class Activation(Struct, frozen=True):
    """One run of one node. Its id is unique in the thread and the same after a restart."""

    id: str
    node: str
    payload: Any = None
    sent: bool = False
    """Whether a ``Send`` made it, so that the payload counts."""


class Checkpoint(Struct, frozen=True, kw_only=True):
    """Everything needed to go on with a graph, at the edge between two steps."""

    step: int = 0
    values: Mapping[str, Any] = NOTHING
    frontier: tuple[Activation, ...] = ()
    held: tuple[str, ...] = ()
    """Deferred nodes that were woken: they run when nothing else is left."""
    written: Mapping[str, list[Any]] = NO_WRITES
    """The updates of the last step by channel: what a store has to add."""


def begin(graph: Graph, checkpoint: Checkpoint, input: Any) -> Checkpoint:
    """The checkpoint with ``input`` written, as though a node had done it.

    Raises:
        GraphError: it cannot be written, or leads to a node that is not there.
    """
    update = graph.enter(input)
    graph.lead("the input", update)
    return _next(graph, checkpoint, (), (update,), {}, [])


def amend(graph: Graph, checkpoint: Checkpoint, update: Update) -> Checkpoint:
    """The checkpoint with an update written between two steps, by nobody in the graph.

    Its frontier stays, and so do the values that live for one step: no step was taken.

    Raises:
        GraphError: the update cannot stand.
    """
    after = _next(graph, checkpoint, checkpoint.frontier, (update,), {}, [])
    passing = {name: checkpoint.values[name] for name in graph.passing if name in checkpoint.values}
    return replace(after, values={**passing, **after.values}) if passing else after


def apply(graph: Graph, checkpoint: Checkpoint, done: Sequence[tuple[Activation, Update]]) -> Checkpoint:
    """The state after the activations in ``done``, in this order, made these updates.

    Raises:
        GraphError: two updates cannot stand together; the checkpoint given is still good.
    """
    if len(done) == len(checkpoint.frontier):
        rest: tuple[Activation, ...] = ()
    else:
        finished = {activation.id for activation, _ in done}
        rest = tuple(activation for activation in checkpoint.frontier if activation.id not in finished)
    woken: dict[str, None] = {}
    updates: list[Update] = []
    for activation, update in done:
        if not update.instead:
            for name in graph.nodes[activation.node].then:
                woken[name] = None
        updates.append(update)
    return _next(graph, checkpoint, rest, updates, woken, [])


def _next(
    graph: Graph,
    checkpoint: Checkpoint,
    rest: tuple[Activation, ...],
    updates: Sequence[Update],
    woken: dict[str, None],
    sends: list[Send],
) -> Checkpoint:
    written: dict[str, list[Any]] = {}
    for update in updates:
        for name, value in update.writes.items():
            if name in written:
                written[name].append(value)
            else:
                written[name] = [value]
        if update.goto:
            for name in update.goto:
                woken[name] = None
        if update.sends:
            sends.extend(update.sends)
    values = _merge(graph, checkpoint.values, rest, written, woken) if written or graph.passing else checkpoint.values
    step, held = checkpoint.step + 1, checkpoint.held
    if graph.deferred:
        woken, held = _hold(graph, woken, held, idle=not rest and not sends)
    if len(woken) == 1 and not sends and not rest:
        (name,) = woken
        frontier = (Activation(f"{step}:{name}", name),)
    else:
        frontier = (*rest, *_activations(step, woken, sends))
    return Checkpoint(step=step, values=values, frontier=frontier, held=held, written=written)


def _activations(step: int, woken: dict[str, None], sends: Sequence[Send]) -> Iterator[Activation]:
    for name in sorted(woken):
        yield Activation(f"{step}:{name}", name)
    for i, send in enumerate(sends):
        yield Activation(f"{step}:{send.node}#{i}", send.node, send.payload, True)


def _hold(
    graph: Graph, woken: dict[str, None], held: tuple[str, ...], *, idle: bool
) -> tuple[dict[str, None], tuple[str, ...]]:
    """What of the woken runs now, and who waits: deferred nodes, until all the others are done."""
    held = (*held, *[name for name in woken if name in graph.deferred and name not in held])
    now = {name: None for name in woken if name not in graph.deferred}
    return (dict.fromkeys(held), ()) if idle and not now else (now, held)


def _merge(
    graph: Graph,
    before: Mapping[str, Any],
    rest: tuple[Activation, ...],
    written: Mapping[str, list[Any]],
    woken: dict[str, None],
) -> Mapping[str, Any]:
    values = {**before}
    for name in graph.passing:
        if name in values and name not in written and not _awaited(graph, name, rest):
            del values[name]
    channels, listening = graph.channels, graph.listeners
    for name, updates in written.items():
        channel = channels[name]
        try:
            value = channel.merge(values.get(name, UNSET), updates)
        except GraphError as error:
            raise GraphError(f"channel {name!r} of graph {graph.name!r}: {error}") from error.__cause__
        if name in listening and channel.ready(value):
            value = channel.woken(value)
            for listener in listening[name]:
                woken[listener] = None
        if value is UNSET:
            values.pop(name, None)
        else:
            values[name] = value
    return values


def _awaited(graph: Graph, channel: str, rest: tuple[Activation, ...]) -> bool:
    """Whether an activation that has not finished was woken by this channel and may still read it."""
    return any(channel in graph.nodes[activation.node].listens for activation in rest)


def step_of(activation: str) -> int:
    """The step that woke an activation: its id begins with it."""
    return int(activation.partition(":")[0])
