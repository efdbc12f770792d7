"""A checkpoint written to from outside, and one taken up again under a new number: pure functions, as the step is."""

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from weft.engine.channels import UNSET
from weft.engine.graph import END, Graph, Update
from weft.engine.step import Activation, Checkpoint, apply
from weft.errors import GraphError

NOBODY = ""


def forked(checkpoint: Checkpoint, step: int) -> Checkpoint:
    """The same state under another number; what is still to run gets ids of its own, so that nothing which ran
    for the old ones is taken for theirs.

    >>> forked(Checkpoint(step=3, frontier=(Activation("3:a", "a"), Activation("3:b#0", "b", 7, True))), 9).frontier
    (Activation(id='9:a', node='a', payload=None, sent=False), Activation(id='9:b#0', node='b', payload=7, sent=True))
    """
    return replace(checkpoint, step=step, frontier=_renamed(checkpoint.frontier, step), written={})


def edited(
    graph: Graph,
    checkpoint: Checkpoint,
    update: Update,
    *,
    node: str = NOBODY,
    goto: Sequence[str] | None = None,
) -> Checkpoint:
    """The checkpoint as though ``node`` had made this update; the step stays, the caller gives it its number.

    An activation of the node that was to run has run by this, and its siblings stay. Where it was not to run, what
    follows it runs instead of what was to; a join after it that was to run still is. ``goto`` says what runs next,
    instead of all this. As ``NOBODY`` only the values change: what is to run stays as it is.

    Raises:
        GraphError: there is no such node, or it may not write this.
    """
    if node:
        if node not in graph.nodes:
            raise GraphError(f"graph {graph.name!r} has no node {node!r}; there is: {graph.node_names}")
        graph.check(node, update)
        mine = next((one for one in checkpoint.frontier if one.node == node), None)
        before = checkpoint
        if mine is None:
            mine = Activation("", node)
            update, woken = _beside_joins(graph, checkpoint, update)
            before = replace(checkpoint, frontier=(mine, *woken))
        done = apply(graph, before, [(mine, update)])
    else:
        _check(graph, update)
        done = _valued(graph, checkpoint, update)
    if goto is not None:
        goto = [name for name in goto if name != END]
        unknown = [name for name in goto if name not in graph.nodes]
        if unknown:
            raise GraphError(
                f"graph {graph.name!r} has no node {unknown[0]!r} to go on to; there is: {graph.node_names}"
            )
        done = replace(done, frontier=tuple([Activation(f"{done.step}:{name}", name) for name in dict.fromkeys(goto)]))
    return replace(done, step=checkpoint.step)


def _beside_joins(graph: Graph, checkpoint: Checkpoint, update: Update) -> tuple[Update, list[Activation]]:
    """The update without what says to a join that its node is done, where that join was to run; it still is."""
    woken = [one for one in checkpoint.frontier if not one.sent and _heard(graph, one) & update.writes.keys()]
    heard = frozenset[str]().union(*[_heard(graph, one) for one in woken])
    return replace(update, writes={name: value for name, value in update.writes.items() if name not in heard}), woken


def _heard(graph: Graph, activation: Activation) -> frozenset[str]:
    return frozenset(graph.nodes[activation.node].listens)


def _check(graph: Graph, update: Update) -> None:
    for name in update.writes:
        if name not in graph.channels:
            known = ", ".join(sorted(graph.channels))
            raise GraphError(f"graph {graph.name!r} has no channel {name!r}; there is: {known}")
        if name in graph.writers:
            may = ", ".join(sorted(graph.writers[name])) or "nobody"
            raise GraphError(f"only {may} may write to channel {name!r}: say as which node you write")


def _valued(graph: Graph, checkpoint: Checkpoint, update: Update) -> Checkpoint:
    values: dict[str, Any] = dict(checkpoint.values)
    written: dict[str, list[Any]] = {}
    for name, value in update.writes.items():
        values[name] = graph.channels[name].merge(values.get(name, UNSET), [value])
        written[name] = [value]
    return replace(checkpoint, values=values, written=written)


def _renamed(frontier: tuple[Activation, ...], step: int) -> tuple[Activation, ...]:
    """Only the step in their ids changes; those of an eager graph may come from several, and may not collide."""
    renamed: dict[str, Activation] = {}
    for i, one in enumerate(frontier):
        id = f"{step}:{one.id.partition(':')[2] or one.node}"
        id = f"{id}~{i}" if id in renamed else id
        renamed[id] = replace(one, id=id)
    return tuple(renamed.values())
