"""Graphs that a resting run is in the midst of, below its own: found by their paths, and written to while it rests."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

from msgspec.structs import replace

from weft import events
from weft.engine.context import Target
from weft.engine.graph import Graph, Update
from weft.engine.step import Checkpoint
from weft.errors import NotFound, UsageError
from weft.runtime import codec
from weft.runtime.conversation import Context, dump_context
from weft.runtime.history import checkpoint_at, conversation_of, rows_channel
from weft.runtime.journal import Journal
from weft.runtime.steering import Steering
from weft.storage.base import Scope, Snapshot, Store

Find = Callable[[str], Target]


class Level(NamedTuple):
    """A graph that is under way, at its path."""

    path: str
    graph: Graph
    checkpoint: Checkpoint
    snapshot: Snapshot

    @property
    def finished(self) -> Mapping[str, Update]:
        """What is done of its open step."""
        return codec.load_updates(self.graph, self.snapshot.finished)


def graph_at(graph: Graph, path: str, find: Find) -> Graph:
    """The graph at a path below ``graph``: the one that a node runs, or a target of the app with that name.

    Raises:
        UsageError: there is none that we know.
    """
    parts = path.split("/")
    for activation, called in zip(parts[1::2], parts[2::2], strict=False):
        name = called.partition("#")[0].partition("[")[0]
        node = graph.nodes.get(activation.partition(":")[2].partition("#")[0].partition("~")[0])
        inside: Target | None = None if node is None else node.inside
        try:
            graph = find(name).graph() if inside is None or inside.name != name else inside.graph()
        except NotFound:
            raise UsageError(
                f"{name!r}, which was called at {path!r}, is neither a node's own graph nor a target of the app"
            ) from None
    return graph


async def level_at(store: Store, scope: Scope, thread_id: str, graph: Graph, path: str, find: Find) -> Level:
    """The graph at ``path``, below ``graph``, whose call is still open.

    Raises:
        UsageError: nothing is under way there.
        NotFound, SchemaMismatch: it left no state, or one that this graph cannot read.
    """
    parts = path.split("/")
    if len(parts) % 2 == 0:
        raise UsageError(f"{path!r} is no path of a graph: target/step:node/graph#1, as the history tells it")
    for end in range(1, len(parts), 2):
        above = "/".join(parts[:end])
        try:
            snapshot = await store.history.at(scope, thread_id, above)
        except NotFound:
            raise UsageError(f"nothing is under way at {path!r}") from None
        if parts[end] not in {id for id, _ in codec.decode_head(snapshot.head).nodes}:
            raise UsageError(f"the call at {path!r} is over, or was never made")
    inner = graph_at(graph, path, find)
    try:
        snapshot = await store.history.at(scope, thread_id, path)
    except NotFound:
        raise UsageError(f"nothing is under way at {path!r}") from None
    return Level(path, inner, await checkpoint_at(store, scope, thread_id, path, inner, snapshot), snapshot)


def unknown(name: str) -> Target:
    """Finds nothing. Raises: NotFound."""
    raise NotFound(f"nothing here is called {name!r}")


async def keep(journal: Journal, steering: Steering, written: Collection[tuple[Level, Sequence[Checkpoint]]]) -> None:
    """Put what was written below on record, in one transaction with all that is held and the commands that did it."""
    told, row = steering.flush()
    for before, amended in written:
        _keep(journal, before, amended)
    stored = journal.commit(happened=told, steering=row)
    if stored is not None:
        await stored


def still_done(
    journal: Journal, graph: Graph, path: str, last: Checkpoint, finished: Mapping[str, Update]
) -> dict[str, Update]:
    """What of the open step need not run at ``last`` either: on record under its step, with the commit that follows."""
    done = [one for one in last.frontier if one.id in finished]
    for one in done:
        row = codec.dump_update(graph, path, last.step, one, finished[one.id])
        journal.commit(finished=(row,), hold=True)
    return {one.id: finished[one.id] for one in done}


def _keep(journal: Journal, before: Level, amended: Sequence[Checkpoint]) -> None:
    graph, path, last = before.graph, before.path, amended[-1]
    slots = codec.Slots(graph)
    if last.frontier == before.checkpoint.frontier:
        slots.read(before.snapshot)
    place, rows = tuple(path.split("/")), rows_channel(graph)
    still_done(journal, graph, path, last, before.finished)
    for checkpoint in amended:
        row = codec.dump_checkpoint(graph, checkpoint, slots, path, head_seq=journal.head_seq)
        seen: Context | None = None if rows is None or rows not in checkpoint.written else checkpoint.values[rows]
        journal.commit(
            place,
            happened=(events.StepCommitted(checkpoint.step, codec.changed_channels(graph, row)),),
            contexts=() if seen is None else (dump_context(seen, conversation_of(path)),),
            checkpoints=(row,),
            hold=True,
        )


async def conversation_then(
    store: Store, scope: Scope, thread_id: str, path: str, graph: Graph, snapshot: Snapshot, head_seq: int
) -> Checkpoint:
    """The checkpoint as it was; what was said since is out of view, though it stays on record."""
    found = await checkpoint_at(store, scope, thread_id, path, graph, snapshot)
    rows, seen = rows_channel(graph), codec.decode_head(snapshot.head).head_seq
    if rows is None or rows not in found.values or head_seq <= seen:
        return found
    context: Context = found.values[rows]
    values: dict[str, Any] = {**found.values, rows: replace(context, skipped=(*context.skipped, (seen + 1, head_seq)))}
    return replace(found, values=values)
