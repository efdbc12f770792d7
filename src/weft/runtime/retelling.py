"""Replays of graphs: what plain functions gave is taken from the record, checkpoint by checkpoint, and none runs again.

A node that called something is no plain function: it runs, and what it calls takes its answers from the record.
"""

from collections.abc import Awaitable, Mapping
from typing import Any

from msgspec.structs import replace

from weft.engine.channels import Overwrite
from weft.engine.context import Context
from weft.engine.graph import Graph, Node, NodeFn, State, Update
from weft.engine.policy import DEFAULT
from weft.engine.scheduler import Recorder
from weft.engine.step import Activation, Checkpoint
from weft.errors import ReplayMissed
from weft.runtime import codec
from weft.runtime.history import history, rows_channel
from weft.runtime.journal import Journal
from weft.runtime.replaying import Recorded
from weft.storage.base import Scope, Snapshot, Store

_DONE = Update(instead=True)


class Retold:
    """The engine's ``Recorder`` of a graph that is replayed: in front of the one that puts it on record anew."""

    def __init__(self, recorder: Recorder, past: Recorded, store: Store, scope: Scope, path: tuple[str, ...]) -> None:
        self._recorder, self._past, self._store, self._scope = recorder, past, store, scope
        self._path = path
        self._origin = "/".join(past.place(path))
        self._shift = past.shift if len(path) == 1 else 0
        self._steps: set[int] = set()
        """The checkpoints that the run left."""
        self._skipped = False
        """Whether something of the open step was taken from the record."""
        self._instead: Checkpoint | None = None
        self._graph: Graph | None = None

    async def of(self, graph: Graph) -> Graph:
        """The graph whose plain functions do nothing."""
        before: int | None = None
        while page := await history(
            self._store, self._scope, self._past.thread, self._origin, before=before, limit=200
        ):
            self._steps.update(moment.step for moment in page if moment.run_id == self._past.run)
            before = page[-1].step
        self._graph = graph
        told = graph
        for node in graph.nodes.values():
            told = told.rewired(replace(node, run=self._told(node), policy=DEFAULT))
        return told

    def _told(self, node: Node) -> NodeFn:
        run = node.run

        async def told(state: State, payload: Any, ctx: Context[Any]) -> Update:
            if self._past.live(ctx.path) or self._past.acted(ctx.path):
                return await run(state, payload, ctx)
            self._skipped = True
            return _DONE

        return told

    # The engine's recorder

    def context(self, activation: Activation) -> Context[Any]:
        return self._recorder.context(activation)

    def started(self, activation: Activation, attempt: int) -> None:
        self._recorder.started(activation, attempt)

    def finished(self, activation: Activation, update: Update, *, alone: bool) -> None:
        self._recorder.finished(activation, update, alone=alone)

    def failed(self, activation: Activation, error: Exception, attempt: int, *, retrying: bool) -> None:
        self._recorder.failed(activation, error, attempt, retrying=retrying)

    def edge(self, checkpoint: Checkpoint) -> Checkpoint | None:
        instead, self._instead = self._instead, None
        changed = self._recorder.edge(checkpoint if instead is None else instead)
        return instead if changed is None else changed

    def commit(self, checkpoint: Checkpoint) -> Awaitable[None] | None:
        if not self._skipped:
            return self._recorder.commit(checkpoint)
        self._skipped = False
        return self._as_recorded(checkpoint)

    async def _as_recorded(self, checkpoint: Checkpoint) -> None:
        """Raises: ReplayMissed."""
        assert self._graph is not None
        step = checkpoint.step - self._shift
        if step not in self._steps:
            raise ReplayMissed(f"run {self._past.run} left no step {step} of {self._origin}: go live from {step - 1}")
        snapshot = await self._store.history.at(self._scope, self._past.thread, self._origin, step)
        self._instead = _shifted(self._graph, snapshot, self._shift)
        if (durable := self._recorder.commit(self._instead)) is not None:
            await durable


async def retold(recorder: Recorder, graph: Graph, journal: Journal, path: tuple[str, ...]) -> tuple[Recorder, Graph]:
    """What a replay drives, and who puts it on record: the nodes of a conversation have a record of their own."""
    past: Recorded = journal.info.recorded
    if past.run_nodes or rows_channel(graph) is not None:
        return recorder, graph
    assert journal.store is not None
    told = Retold(recorder, past, journal.store, Scope(journal.info.workspace), path)
    return told, await told.of(graph)


def _shifted(graph: Graph, snapshot: Snapshot, shift: int) -> Checkpoint:
    """The checkpoint on record, under the number that it has in this thread, with what its step wrote."""
    found = codec.load_checkpoint(graph, snapshot, codec.Slots(graph))
    frontier = tuple([replace(one, id=_moved(one.id, shift)) for one in found.frontier])
    written = _written(graph, snapshot, found.values)
    return replace(found, step=found.step + shift, frontier=frontier, written=written)


def _moved(activation: str, shift: int) -> str:
    step, colon, rest = activation.partition(":")
    return f"{int(step) + shift}{colon}{rest}"


def _written(graph: Graph, snapshot: Snapshot, values: Mapping[str, Any]) -> dict[str, list[Any]]:
    written: dict[str, list[Any]] = {}
    for step, slot in snapshot.slots:
        channel = graph.channels.get(slot.channel)
        if step != snapshot.step or channel is None or slot.channel not in values:
            continue
        if slot.op == "append":
            written[slot.channel] = codec.decode(slot.body, list[channel.takes])
        else:
            written[slot.channel] = [Overwrite(values[slot.channel])]
    return written
