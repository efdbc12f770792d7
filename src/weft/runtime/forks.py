"""Lines that branch off: a thread that goes on from an earlier step, or a new one that begins there, perhaps edited."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from weft import events
from weft.engine.editing import edited, forked
from weft.engine.graph import Graph, Update
from weft.engine.step import Checkpoint
from weft.errors import UsageError
from weft.ids import new_id
from weft.messages import Message, user
from weft.runtime import codec
from weft.runtime.conversation import Context, Cut, Said, dump_context, dump_message
from weft.runtime.history import checkpoint_at, conversation_of, rows_channel
from weft.runtime.origin import Origin, dump
from weft.runtime.writing import taken
from weft.storage.base import Branch, CheckpointRow, FinishedRow, Happened, RunRecord, Scope, Snapshot, Store


class Edit(Struct, frozen=True, kw_only=True):
    """What is written to a checkpoint, and in whose name."""

    write: Mapping[str, Any] = {}
    """By channel: merged by the channel's rule, as a node's own writes are."""
    node: str = ""
    """The node that seems to have written it: it counts as done, and what follows it runs next. Without one only
    the values change."""
    goto: Sequence[str] | None = None
    """What runs next, whatever follows from the rest."""

    @property
    def empty(self) -> bool:
        return not (self.write or self.node or self.goto is not None)


class Fork(Struct, frozen=True, kw_only=True):
    """Where a thread goes on from now."""

    thread_id: str
    path: str
    step: int
    """Of the checkpoint that was made."""
    parent: int
    """Of the one that it continues."""
    run_id: str
    """The run that stands for the fork in the lists."""
    next: tuple[str, ...]


UNCHANGED = Edit()


async def fork(
    store: Store,
    scope: Scope,
    graph: Graph,
    thread_id: str,
    path: str,
    *,
    at: int | None = None,
    into: str | None = None,
    edit: Edit = UNCHANGED,
) -> Fork:
    """Take ``thread_id`` back to step ``at`` of the graph at ``path``, or with ``into`` begin a new thread there.

    The steps that are left stay on record, and their messages stay rows; the context no longer holds them.

    Raises:
        NotFound: no such thread or step.
        Conflict: a run of the thread is running, or thread ``into`` is there already.
        GraphError: the edit is against the graph's rules.
        UsageError: the path is that of a graph whose call is over, or ``into`` the thread itself.
        SchemaMismatch: the graph has changed so that it cannot read this state.
    """
    if into == thread_id:
        raise UsageError(
            f"thread {thread_id!r} cannot be forked into itself: leave `into` out, and it goes back itself"
        )
    thread = await store.threads.get(scope, thread_id)
    newest = await store.history.at(scope, thread_id, path)
    snapshot = newest if at is None or at == newest.step else await store.history.at(scope, thread_id, path, at)
    if "/" in path:
        await _check_open(store, scope, thread_id, path, into)
    before = await checkpoint_at(store, scope, thread_id, path, graph, snapshot)
    after = before if edit.empty else await _edited(graph, before, edit)
    seen = codec.decode_head(snapshot.head).head_seq
    if into is None:
        step, last = newest.step + 1, thread.head_seq
        after = replace(after, step=step) if snapshot is newest else forked(after, step)
    else:
        step, last = snapshot.step + bool(after.frontier), seen
        after = forked(after, step)
    target = path.partition("/")[0]
    run = RunRecord(
        id=new_id("run"),
        thread_id=into or thread_id,
        target=target,
        workspace=scope.workspace,
        user_id=thread.user_id,
        status="finished",
        origin=dump(Origin(kind="fork")),
    )
    now = events.now()
    branch = Branch(run=run, source=thread_id, upto=last if into else 0, events=[])
    after, head_seq = _talk(graph, after, path, branch, seen=seen, last=last, at=now)
    branch.checkpoint = _whole(graph, after, path, head_seq, None if into else snapshot.step)
    if snapshot is newest and into is None:
        branch.finished = _still_done(path, after, snapshot)
    changed = tuple(edit.write)
    source = thread_id if into else ""
    told: list[events.Event] = [
        events.RunStarted(target),
        events.ThreadForked(step, snapshot.step, source, edit.node, changed),
        events.RunFinished(None),
    ]
    place = tuple(path.split("/"))
    branch.events = [Happened(now, place, event) for event in told]
    await store.history.branch(scope, branch)
    return Fork(
        thread_id=run.thread_id,
        path=path,
        step=step,
        parent=snapshot.step,
        run_id=run.id,
        next=tuple([one.node for one in after.frontier]),
    )


async def _check_open(store: Store, scope: Scope, thread_id: str, path: str, into: str | None) -> None:
    """A called graph can be taken back as long as the call is open: its caller takes its answer then."""
    if into is not None:
        raise UsageError("a new thread begins with a target of its own, not with a graph that one called: leave `path`")
    parts = path.split("/")
    above = await store.history.at(scope, thread_id, "/".join(parts[:-2]))
    if parts[-2] not in {id for id, _ in codec.decode_head(above.head).nodes}:
        step = parts[-2].partition(":")[0]
        raise UsageError(
            f"the call at {path!r} is over; fork {'/'.join(parts[:-2])!r} at step {step}, and it is made again"
        )
    if len(parts) > 3:
        await _check_open(store, scope, thread_id, "/".join(parts[:-2]), None)


async def _edited(graph: Graph, checkpoint: Checkpoint, edit: Edit) -> Checkpoint:
    writes = {name: typed(graph, name, value) for name, value in edit.write.items()}
    update = Update(writes)
    node = graph.nodes.get(edit.node)
    if node is not None and node.follow is not None and edit.goto is None:
        update = await node.follow(checkpoint.values, update)
    return edited(graph, checkpoint, update, node=edit.node, goto=edit.goto)


def typed(graph: Graph, name: str, value: Any) -> Any:
    """A value from outside, in the type that a write to this channel has.

    Raises:
        UsageError: it is not one.
    """
    channel = graph.channels.get(name)
    if channel is None:
        return value
    if channel.stored == "rows":
        return _sayings(value)
    return taken(graph, name, value)


def _sayings(value: Any) -> list[Message | Cut]:
    given = cast("list[Any]", value) if isinstance(value, list) else [value]
    sayings: list[Message | Cut] = []
    for one in given:
        if isinstance(one, Message | Cut):
            sayings.append(one)
        elif isinstance(one, str):
            sayings.append(user(one))
        else:
            try:
                sayings.append(msgspec.convert(one, Message))
            except msgspec.ValidationError as error:
                raise UsageError(f"a conversation takes text and messages, not this: {error}") from error
    return sayings


def _talk(
    graph: Graph, checkpoint: Checkpoint, path: str, branch: Branch, *, seen: int, last: int, at: float
) -> tuple[Checkpoint, int]:
    """Hide the messages of the line that is left, number those that the edit said; the number of the last."""
    rows = rows_channel(graph)
    if rows is None or rows not in checkpoint.values:
        return checkpoint, last
    context: Context = checkpoint.values[rows]
    conversation = conversation_of(path)
    left = ((seen + 1, last),) if last > seen else ()
    said: list[Said] = []
    for one in context.said:
        if one.seq == 0:
            last += 1
            one = Said(one.message, last, one.tokens)
            branch.messages.append(dump_message(one, conversation, branch.run.id, at))
        said.append(one)
    context = replace(context, said=tuple(said), skipped=(*context.skipped, *left))
    branch.context = dump_context(context, conversation)
    return replace(checkpoint, values={**checkpoint.values, rows: context}), last


def _whole(graph: Graph, checkpoint: Checkpoint, path: str, head_seq: int, parent: int | None) -> CheckpointRow:
    """The checkpoint with all its values, so that nothing appended later mixes with what another line appended."""
    written = {name: [value] for name, value in checkpoint.values.items()}
    return codec.dump_checkpoint(
        graph,
        replace(checkpoint, written=written),
        codec.Slots(graph),
        path,
        head_seq=head_seq,
        parent=parent,
        source="fork",
    )


def _still_done(path: str, checkpoint: Checkpoint, snapshot: Snapshot) -> list[FinishedRow]:
    """Of the activations that are to run, those that are done already stay done."""
    waits = {one.id for one in checkpoint.frontier}
    return [replace(row, path=path, step=checkpoint.step) for row in snapshot.finished if row.activation in waits]
