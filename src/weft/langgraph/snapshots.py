"""The state of a thread, as it is shown: with what its tasks ask and did, and with the graphs inside them."""

from typing import Any

from weft.engine.step import Checkpoint, apply
from weft.langgraph.points import Point
from weft.langgraph.recording import Recorded
from weft.langgraph.streaming import Shared, ordered, ordered_path, results
from weft.langgraph.words import START, Config, PregelTask, StateSnapshot

NOBODY = Shared(lambda _namespace, _mode, _data: None, None, None)
"""For graphs that are looked at, not run."""


async def snapshot(compiled: Any, saver: Any, config: Config, *, subgraphs: bool = False) -> StateSnapshot:
    """The state at the point that ``config`` names, or now."""
    where = config["configurable"]
    namespace = where.get("checkpoint_ns", "")
    return await _of(located(compiled, namespace), namespace, saver, config, subgraphs=subgraphs)


async def _of(compiled: Any, namespace: str, saver: Any, config: Config, *, subgraphs: bool) -> StateSnapshot:
    made, id = standing(compiled, namespace, saver, config)
    point = await saver.find(made.trail, id)
    if point is None:
        return StateSnapshot({}, (), config, None, None, None, (), ())
    made.point = point
    return await shown_at(made, latest=id is None, subgraphs=subgraphs)


def located(compiled: Any, namespace: str) -> Any:
    """The graph of a namespace.

    Raises:
        ValueError: there is none.
    """
    for part in namespace.split("|") if namespace else ():
        name = part.partition(":")[0]
        if name.isdigit():
            continue
        if name not in compiled.built.inner:
            raise ValueError(f"Subgraph {namespace} not found")
        compiled = compiled.built.inner[name]
    return compiled


def standing(compiled: Any, namespace: str, saver: Any, config: Config) -> tuple[Recorded, str | None]:
    """A graph in its namespace, and the point that ``config`` names."""
    where = config["configurable"]
    if namespace and compiled.checkpointer is True:
        namespace = stable(namespace)
    made = Recorded(compiled, {**config, "configurable": {**where}}, saver, NOBODY, namespace)
    map: dict[str, str] = where.get("checkpoint_map") or {}
    made.parents = {key: id for key, id in map.items() if key != namespace}
    return made, where.get("checkpoint_id") or map.get(namespace)


def stable(namespace: str) -> str:
    """The namespace of a graph that goes on from run to run."""
    return "|".join(part.partition(":")[0] for part in namespace.split("|"))


async def shown_at(made: Recorded, *, latest: bool, subgraphs: bool = False) -> StateSnapshot:
    """The point at which ``made`` stands; ``latest``: with what was done after it."""
    point, built = made.point, made.built
    made.parents = point.metadata.get("parents") or {}
    states: dict[str, Any] = dict(made.states())
    if subgraphs and made.saver is not None:
        inside = {one.id: one.node for one in point.checkpoint.frontier}
        for task, where in states.items():
            inner, namespace = built.inner[inside[task]], where["configurable"]["checkpoint_ns"]
            states[task] = await _of(inner, namespace, made.saver, where, subgraphs=True)
    tasks = [_task(made, one, states, latest=latest) for one in ordered(built, point.checkpoint.frontier)]
    done = {made.id_of(id) for id in point.done} if latest else set[str]()
    return StateSnapshot(
        values=built.whole(_after(made) if latest else point.checkpoint.values),
        next=tuple([task.name for task in tasks if task.id not in done]),
        config=made.at(point.id),
        metadata=point.metadata,
        created_at=point.at,
        parent_config=None if point.parent is None else made.at(point.parent),
        tasks=tuple(tasks),
        interrupts=tuple([asked for task in tasks for asked in task.interrupts]),
    )


def _after(made: Recorded) -> Any:
    """The values with what finished tasks of the step wrote."""
    point = made.point
    done = [(one, point.done[one.id]) for one in point.checkpoint.frontier if one.id in point.done]
    if not any(update.writes for _, update in done):
        return point.checkpoint.values
    of_these = Checkpoint(values=point.checkpoint.values, frontier=tuple([one for one, _ in done]))
    return apply(made.built.graph, of_these, done).values


def _task(made: Recorded, one: Any, states: dict[str, Any], *, latest: bool) -> PregelTask:
    point: Point = made.point
    update = point.done.get(one.id)
    result = None if update is None else results(update, made.built.keys)
    if one.node == START and update is None:
        result = made.built.given(one.payload)
    asked = () if latest and update is not None else tuple([asked for asked, _ in point.asked.get(one.id, ())])
    error = point.errors.get(one.id)
    return PregelTask(made.task_id(one), one.node, ordered_path(one), error, asked, states.get(one.id), result)
