"""Writing to the state of a thread by hand, as though a node had done it."""

from collections.abc import Sequence

from weft.engine.step import Activation, Checkpoint, apply, begin
from weft.langgraph.builder import Built
from weft.langgraph.points import Point
from weft.langgraph.running import Invocation
from weft.langgraph.words import END, START, InvalidUpdateError, StateUpdate


async def updated(made: Invocation, updates: Sequence[StateUpdate], *, apply_done: bool) -> None:
    """Write these as one superstep, and put what comes of it on record. ``apply_done``: with what was done already.

    Raises:
        InvalidUpdateError: it is not clear which node, or there is no such node.
    """
    point, before = made.point, made.point.checkpoint
    values, as_node = updates[0].values, updates[0].as_node or ("" if updates[0].values is None else None)
    if as_node == "":
        await made.put(before, "update", point.by, point.ran)
    elif as_node == "__copy__":
        made.point = Point(id=point.parent or "", checkpoint=Checkpoint(), versions={}, metadata=point.metadata, at="")
        await made.put(before, "fork", point.by, point.ran)
    elif as_node == "__input__":
        entering = Activation("0:__start__", START, dict(values))
        entered = Checkpoint(step=before.step, values=before.values, frontier=(entering,))
        await made.put(entered, "input", ())
    else:
        nodes = [one.as_node or _last(made.built, point) for one in updates]
        if START in nodes:
            given = await made.built.entered(values, before.values)
            after = begin(made.built.graph, Checkpoint(step=before.step, values=before.values), given)
        else:
            after = await _as_nodes(made, nodes, updates, apply_done=apply_done)
        await made.put(after, "update", nodes)


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
    frontier = tuple([activation for activation, _ in done])
    checkpoint = Checkpoint(step=before.step, values=before.values, frontier=frontier)
    after = apply(made.built.graph, checkpoint, done) if done else checkpoint
    return Checkpoint(step=after.step, values=after.values) if END in nodes else after


def _last(built: Built, point: Point) -> str:
    if len(built.specs) == 1:
        return next(iter(built.specs))
    if not point.by and not point.ran:
        return START
    if len(point.by) == 1:
        return point.by[0]
    raise InvalidUpdateError("Ambiguous update, specify as_node")
