"""What a thread was: its checkpoints, and the state and messages at any of them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from weft.engine.graph import Graph
from weft.engine.step import Checkpoint
from weft.errors import UsageError
from weft.messages import Message
from weft.runtime import codec
from weft.runtime.conversation import WHOLE, Context, View, dump_context, load_context, load_view
from weft.storage.base import CheckpointNote, MessageRow, Scope, Snapshot, Store

ALL = 1_000_000


class Moment(Struct, frozen=True, kw_only=True):
    """A checkpoint: where a thread stood at the edge between two steps."""

    thread_id: str
    path: str
    """Of the graph: the target's name, or the way to a graph that it called."""
    step: int
    parent: int | None
    """The step it continues, where a fork made it; the steps between the two are a branch that was left."""
    source: codec.Source
    """What made it: a step, an input, a fork, a migration."""
    run_id: str | None
    at: float
    """Seconds since the epoch."""
    made_by: tuple[str, ...]
    """The nodes whose updates it took in."""
    next: tuple[str, ...]
    """The nodes that are to run."""
    changed: tuple[str, ...]
    """The channels that were written."""
    version: str
    """As the author of the graph called it."""
    graph: str
    """Hash of the graph's shape."""
    head_seq: int
    """The number of the thread's last message then."""


class StateView(Struct, frozen=True, kw_only=True):
    """A state as it was."""

    thread_id: str
    path: str
    step: int
    next: tuple[str, ...]
    values: Mapping[str, Any]
    """By channel, in their types; without the conversation."""
    messages: tuple[tuple[int, Message], ...] = ()
    """What of the conversation was in view, with numbers."""
    summary: str | None = None
    """What stood for the messages before these."""


async def history(
    store: Store, scope: Scope, thread_id: str, path: str, *, before: int | None = None, limit: int = 50
) -> list[Moment]:
    """The checkpoints of the graph at ``path`` with a step below ``before``, newest first.

    Raises:
        NotFound: no such thread, or it is not yours.
    """
    notes = await store.history.checkpoints(scope, thread_id, path, before=before, limit=limit + 1)
    heads = [codec.decode_head(note.head) for note in notes]
    return [
        _moment(thread_id, path, note, head, heads[i + 1] if i + 1 < len(heads) else None)
        for i, (note, head) in enumerate(zip(notes[:limit], heads, strict=False))
    ]


def _moment(thread_id: str, path: str, note: CheckpointNote, head: codec.Head, before: codec.Head | None) -> Moment:
    waits = {id for id, _ in head.nodes}
    ran = [node for id, node in before.nodes if id not in waits] if before and head.source == "step" else []
    return Moment(
        thread_id=thread_id,
        path=path,
        step=note.step,
        parent=head.parent,
        source=head.source,
        run_id=note.run_id,
        at=note.at,
        made_by=tuple(ran),
        next=tuple([node for _, node in head.nodes]),
        changed=note.changed,
        version=head.version,
        graph=note.version,
        head_seq=head.head_seq,
    )


async def state(
    store: Store, scope: Scope, thread_id: str, path: str, graph: Graph | None, *, at: int | None = None
) -> StateView:
    """The state at a step; the newest without one. Without its graph the values are plain JSON.

    Raises:
        NotFound: no such thread or step.
        SchemaMismatch: the graph has changed so that it cannot read this state.
    """
    snapshot = await store.history.at(scope, thread_id, path, at)
    head = codec.decode_head(snapshot.head)
    if graph is None:
        values, context = raw(snapshot), None
    else:
        values = codec.Slots(graph).read(snapshot)
        context = await context_at(store, scope, thread_id, path, graph, snapshot)
    return StateView(
        thread_id=thread_id,
        path=path,
        step=snapshot.step,
        next=tuple([node for _, node in head.nodes]),
        values=values,
        messages=() if context is None else tuple([(one.seq, one.message) for one in context.said]),
        summary=None if context is None else context.summary,
    )


def rows_channel(graph: Graph) -> str | None:
    """The channel that holds the graph's conversation."""
    return next((name for name, channel in graph.channels.items() if channel.stored == "rows"), None)


def conversation_of(path: str) -> str:
    """The name of the conversation that the graph at ``path`` holds."""
    return path if "/" in path else ""


def view_at(graph: Graph, snapshot: Snapshot) -> View:
    """What of the conversation was in view."""
    rows = rows_channel(graph)
    bodies = [slot.body for _, slot in snapshot.slots if slot.channel == rows]
    return load_view(bodies[-1]) if bodies else WHOLE


async def context_at(
    store: Store, scope: Scope, thread_id: str, path: str, graph: Graph, snapshot: Snapshot
) -> Context | None:
    """The context as it was; ``None`` for a graph without a conversation."""
    if rows_channel(graph) is None:
        return None
    view, last = view_at(graph, snapshot), codec.decode_head(snapshot.head).head_seq
    said: Sequence[MessageRow] = ()
    conversation = conversation_of(path)
    if last:
        said = await store.threads.messages(
            scope, thread_id, conversation=conversation, after=view.start - 1, before=last + 1, limit=ALL
        )
    return load_context(dump_context(view, conversation), said)


async def checkpoint_at(
    store: Store, scope: Scope, thread_id: str, path: str, graph: Graph, snapshot: Snapshot
) -> Checkpoint:
    """The checkpoint as the engine knows it, with its conversation."""
    checkpoint = codec.load_checkpoint(graph, snapshot, codec.Slots(graph))
    context = await context_at(store, scope, thread_id, path, graph, snapshot)
    if context is not None:
        checkpoint = msgspec.structs.replace(
            checkpoint, values={**checkpoint.values, rows_channel(graph) or "": context}
        )
    return checkpoint


def raw(snapshot: Snapshot) -> dict[str, Any]:
    """The values of a graph that is not at hand, as plain JSON.

    Raises:
        UsageError: a channel folds its updates, and only the graph knows how.
    """
    values: dict[str, Any] = {}
    for _, slot in snapshot.slots:
        given = json.loads(slot.body)
        if slot.op == "set":
            values[slot.channel] = given
        elif isinstance(values.get(slot.channel), list) and all(isinstance(one, list) for one in given):
            values[slot.channel] = [*values[slot.channel], *(item for one in given for item in one)]
        else:
            raise UsageError(
                f"channel {slot.channel!r} folds its updates as its graph says: give the graph as `target`"
            )
    return values


async def root_path(store: Store, scope: Scope, thread_id: str, path: str | None) -> str:
    """The path that is meant: the last target of the thread where none is named.

    Raises:
        NotFound: no such thread.
    """
    if path is not None:
        return path.strip("/")
    return (await store.threads.get(scope, thread_id)).target
