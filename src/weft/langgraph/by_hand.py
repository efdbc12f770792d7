"""Writing to the state of a thread by hand, as though a node had done it."""

from collections.abc import Container, Sequence
from typing import Any, cast

from msgspec.structs import replace

from weft.engine.step import Activation, Checkpoint, apply, begin
from weft.langgraph.builder import Built
from weft.langgraph.errors import InvalidUpdateError
from weft.langgraph.points import Point
from weft.langgraph.running import Invocation
from weft.langgraph.words import END, START, StateUpdate


async def updated(made: Invocation, updates: Sequence[StateUpdate], *, apply_done: bool) -> None:
    """Write these as one superstep, and put what comes of it on record. ``apply_done``: with what was done already.

    Raises:
        InvalidUpdateError: it is not clear which node, or there is no such node.
    """
    if len(updates) > 1:
        _check_several(updates)
    point, before = made.point, made.point.checkpoint
    values, as_node = updates[0].values, updates[0].as_node or ("" if updates[0].values is None else None)
    if as_node == "":
        await made.put(before, "update", point.by, point.ran)
    elif as_node == "__copy__":
        if not point.id:
            raise InvalidUpdateError("Cannot copy a non-existent checkpoint")
        made.point = Point(id=point.parent or "", checkpoint=Checkpoint(), versions={}, metadata=point.metadata, at="")
        await made.put(before, "fork", point.by, point.ran)
        if isinstance(values, list) and values:
            await updated(made, _listed(cast("list[Any]", values)), apply_done=False)
    elif as_node == "__input__":
        entering = Activation("0:__start__", START, dict(values))
        entered = Checkpoint(step=before.step, values=before.values, frontier=(entering,))
        await made.put(entered, "input", ())
    else:
        nodes = [one.as_node or _last(made.built, point) for one in updates]
        if START in nodes:
            given = await made.built.entered(values, before.values)
            after = begin(made.built.graph, Checkpoint(step=before.step, values=before.values), given)
            for one in before.frontier:
                if one.node == START and made.saver is not None and made.trail is not None:
                    await made.saver.finish(made.trail, point.id, one.id, made.storable(given))
        else:
            after = await _as_nodes(made, nodes, updates, apply_done=apply_done)
        await made.put(after, "update", nodes)


def _check_several(updates: Sequence[StateUpdate]) -> None:
    alone = {END: "when clearing state", "__input__": "when updating as input"}
    if (first := updates[0].as_node) == "__copy__":
        raise InvalidUpdateError("Cannot copy checkpoint with multiple updates")
    if first in alone and (first != END or updates[0].values is None):
        raise InvalidUpdateError(f"Cannot apply multiple updates {alone[first]}")
    if any(one.as_node is None for one in updates):
        raise InvalidUpdateError("as_node is required when applying multiple updates")


def _listed(values: Sequence[Any]) -> list[StateUpdate]:
    """The updates of a copy, those of one node together.

    Raises:
        InvalidUpdateError: one is none.
    """
    by_node: dict[Any, list[StateUpdate]] = {}
    for one in values:
        if not isinstance(one, tuple | list):
            raise InvalidUpdateError(f"Invalid update item: {one} when copying checkpoint")
        parts = cast("Sequence[Any]", one)
        by_node.setdefault(parts[1], []).append(StateUpdate(parts[0], parts[1]))
    return [one for some in by_node.values() for one in some]


async def _as_nodes(
    made: Invocation, nodes: Sequence[str], updates: Sequence[StateUpdate], *, apply_done: bool
) -> Checkpoint:
    """The state after these nodes, by hand, and those that were done already."""
    point, before = made.point, made.point.checkpoint
    done = [(one, point.done[one.id]) for one in before.frontier if one.id in point.done] if apply_done else []
    for index, (node, update) in enumerate(zip(nodes, updates, strict=True)):
        if node == END:
            continue
        if node not in made.built.specs:
            raise InvalidUpdateError(f"Node {node} does not exist")
        given = await made.built.update(node, update.values, before.values, None)
        for one in before.frontier:
            if one.node == node and made.saver is not None and made.trail is not None:
                await made.saver.finish(made.trail, point.id, one.id, given)
        done.append((Activation(f"{before.step}:{node}!{index}", node), given))
    waiting = _joined(made, {activation.id for activation, _ in done})
    frontier = tuple([activation for activation, _ in done])
    checkpoint = Checkpoint(step=before.step, values=before.values, frontier=(*frontier, *waiting))
    after = apply(made.built.graph, checkpoint, done) if done else checkpoint
    return Checkpoint(step=after.step, values=after.values) if END in nodes else _once(after)


def _joined(made: Invocation, done: Container[str]) -> list[Activation]:
    """What a join has woken: it stays, whatever is written by hand. What edges led to gives way to what follows."""
    nodes, point = made.built.graph.nodes, made.point
    led = {name for node in point.by if node in nodes for name in nodes[node].then}
    waiting = [one for one in point.checkpoint.frontier if nodes[one.node].listens and one.node not in led]
    return [one for one in waiting if not one.sent and one.id not in done]


def _once(after: Checkpoint) -> Checkpoint:
    """Each node once, under the number of this step."""
    sent = [one for one in after.frontier if one.sent]
    names = sorted({one.node for one in after.frontier if not one.sent})
    return replace(after, frontier=(*[Activation(f"{after.step}:{name}", name) for name in names], *sent))


def _last(built: Built, point: Point) -> str:
    if not built.starts:
        return next(iter(built.specs))
    if not point.by and not point.ran:
        return START
    if len(point.by) == 1:
        return point.by[0]
    raise InvalidUpdateError("Ambiguous update, specify as_node")
