"""A graph goes back: to before a run that is taken back, or to before a node that is to run again."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from weft.engine.graph import Graph
from weft.engine.step import Activation, Checkpoint
from weft.errors import UsageError
from weft.events import RunStarted
from weft.runtime import codec
from weft.runtime.below import conversation_then
from weft.runtime.conversation import Context, without
from weft.storage.base import RunRecord, Scope, Store


class Back(Struct, frozen=True):
    """Where a thread was, and what of it leaves the context."""

    values: Mapping[str, Any]
    step: int
    """The first that is taken back."""
    messages: tuple[int, int] | None
    """Numbers of the first and last message that leave."""

    @property
    def detail(self) -> dict[str, Any]:
        """As the event tells it."""
        return {"step": self.step, "messages": self.messages}


async def before_runs(
    store: Store, record: RunRecord, graph: Graph, runs: tuple[str, ...], now: Checkpoint, rows: str | None, head: int
) -> Back | None:
    """The state of the thread before the last of these runs that had begun; ``None`` where none had.

    Raises:
        UsageError: it was of another target.
    """
    for run_id in reversed(runs):
        scope = Scope(record.workspace)
        undone = await store.runs.get(scope, run_id)
        begun = await store.runs.events(scope, run_id, limit=1)
        started = begun[0].event if begun else None
        if not isinstance(started, RunStarted) or started.step == 0:
            continue
        if undone.target != record.target:
            raise UsageError(f"run {run_id} ran {undone.target!r}: what it did stays, only a run of its own undoes it")
        snapshot = await store.threads.earlier(record.thread_id, record.target, started.step)
        values = {} if snapshot is None else dict(codec.Slots(graph).read(snapshot))
        gone = (undone.first_message, head) if rows is not None and undone.first_message else None
        if rows is not None and rows in now.values:
            seen: Context = now.values[rows]
            values[rows] = seen if gone is None else without(seen, *gone)
        return Back(values, started.step, gone)
    return None


async def before_node(
    store: Store, scope: Scope, thread_id: str, path: str, graph: Graph, node: str, now: Checkpoint, head_seq: int
) -> tuple[Checkpoint, int]:
    """The checkpoint before ``node`` last began, as the next one: its activations are new, so nothing is reused.

    Of a conversation, what was said since is out of view. With the step that it went back to.

    Raises:
        UsageError: it has not run, or its checkpoint is not kept.
    """
    if node not in graph.nodes:
        raise UsageError(f"graph {graph.name!r} has no node {node!r}")
    before = now.step + 1
    while (snapshot := await store.threads.earlier(thread_id, path, before)) is not None:
        head = codec.decode_head(snapshot.head)
        if snapshot.step < now.step and any(one == node for _, one in head.nodes):
            found = await conversation_then(store, scope, thread_id, path, graph, snapshot, head_seq)
            return _again(found, now.step + 1), snapshot.step
        before = snapshot.step if head.parent is None else head.parent + 1  # where the thread was forked
    raise UsageError(f"node {node!r} has not run in this thread, or the checkpoint before it is not kept")


def _again(found: Checkpoint, step: int) -> Checkpoint:
    frontier = tuple([Activation(f"{step}:{one.node}~{i}", one.node, one.payload, one.sent)
                      for i, one in enumerate(found.frontier)])  # fmt: skip
    return replace(found, step=step, frontier=frontier, written={name: [value] for name, value in found.values.items()})
