"""One run being driven: its graph, and the graphs that it calls, each at a path of its own."""

from asyncio import Future
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from weft import events
from weft.engine.attempt import failure
from weft.engine.context import CURRENT, Asked, Context, Intent, Interrupted, Target
from weft.engine.graph import Graph, Update
from weft.engine.scheduler import NONE_FINISHED, Paused, Recorder, drive
from weft.engine.step import Activation, Checkpoint, amend, begin, step_of
from weft.errors import UsageError
from weft.runtime import codec
from weft.runtime.asking import Tries
from weft.runtime.below import keep, still_done
from weft.runtime.beside import Beside
from weft.runtime.beside import left as left_over
from weft.runtime.commanding import begun, commanded
from weft.runtime.conversation import Context as Seen
from weft.runtime.conversation import Said, dump_context, last_words, load_context, newly_said
from weft.runtime.retelling import retold
from weft.runtime.session import Path, Session
from weft.runtime.steering import Place, Steering
from weft.runtime.versions import fitting, load
from weft.storage.base import CheckpointRow, ContextRow, Store

_NOTHING_SAID: list[Said] = []


async def run_target(session: Session, target: Target, input: Any) -> Any:
    """Run the target of the run; its output.

    Raises:
        Paused: it waits for answers, or a limit stops it.
    """
    path, meter = (target.name,), session.journal.info.meter
    fresh = not session.resumed and not session.going_on
    graph = target.graph() if fresh else await _fitting(session, target, path)
    running = _Running(session, graph, path, "", meter.steps(target))
    try:
        return await meter.timed(target, running.run(input, fresh=fresh, lookup=True))
    except Paused:
        if (best := running.best()) is not None:
            session.best = best
        raise
    finally:
        CURRENT.set(None)
        await left_over(session.calls)


async def _call(session: Session, path: Path, target: Target, input: Any) -> Any:
    """Run ``target`` at ``path`` below: from its start, or from where it was when the process died."""
    await session.journal.catch_up()
    beside = session.calls.setdefault(path[:-1], Beside())
    try:
        return await beside.run(_below(session, path, target, input))
    finally:
        if not beside.tasks:
            session.calls.pop(path[:-1], None)


async def _below(session: Session, path: Path, target: Target, input: Any) -> Any:
    lookup = session.resumed or session.going_on or path in session.begun
    session.begun[path] = None
    graph = await _fitting(session, target, path) if lookup else target.graph()
    meter = session.journal.info.meter
    running = _Running(session, graph, path, "/".join(path), meter.steps(target))
    try:
        return await meter.timed(target, running.run(input, fresh=False, lookup=lookup))
    except (Interrupted, Paused) as rest:
        if rest.stop is not None and session.best is None:
            session.best = running.best()
        raise


async def _fitting(session: Session, target: Target, path: Path) -> Graph:
    """The graph to go on with from what is on record. Raises: SchemaMismatch."""
    graph: Graph = target.graph()
    if session.journal.store is None:
        return graph
    opened = await session.journal.store.threads.open(session.journal.info.thread_id, path="/".join(path))
    return fitting(graph, opened.snapshot, session.meeting)


class _Running:
    """One graph of a session: the engine's ``Recorder``, and the ``Host`` of its contexts."""

    __slots__ = (
        "_asking",
        "_conversation",
        "_graph",
        "_journal",
        "_later",
        "_only_read",
        "_path",
        "_path_key",
        "_ran",
        "_reached",
        "_reading",
        "_rows",
        "_session",
        "_slots",
        "_start",
        "_steering",
        "_step",
        "_steps",
    )

    def __init__(self, session: Session, graph: Graph, path: Path, conversation: str, steps: int) -> None:
        self._session = session
        self._steering = session.steering
        self._journal = session.journal
        self._asking = session.asking
        self._graph = graph
        self._later = graph.durability == "async"
        self._reading = graph.reading
        self._only_read = True
        """Whether all that finished since the last commit only reads."""
        self._path = path
        self._path_key = "/".join(path)
        self._conversation = conversation
        self._rows = next((name for name, channel in graph.channels.items() if channel.stored == "rows"), None)
        self._slots = codec.Slots(graph) if self._journal.store is not None else None
        self._start = 0
        """Where the context on record begins; 0 while there is none."""
        self._step = 0
        """The step of the last checkpoint: activations that finish are kept under it."""
        self._ran: list[str] = []
        """Nodes that finished since, where somebody steers."""
        self._steps = steps
        """How many it may take."""
        self._reached = Checkpoint()

    async def run(self, input: Any, *, fresh: bool, lookup: bool) -> Any:
        """Go on from what is on record, or begin with ``input``; the output.

        ``fresh``: a new input to a thread that may have a state; else what is on record is this very call.
        """
        graph = self._graph
        checkpoint, finished, on_record = Checkpoint(), NONE_FINISHED, False
        store = self._journal.store
        if lookup and store is not None:
            checkpoint, finished, on_record = await self._load(store, open=not fresh)
        self._reached = checkpoint
        self._step, root = checkpoint.step, len(self._path) == 1
        if self._session.going_on and root:
            if not on_record:
                raise UsageError(
                    f"thread {self._journal.info.thread_id!r} has no state of {graph.name!r} to go on from"
                )
            if self._journal.seq == 0:
                self._journal.emit(self._path, events.RunStarted(self._journal.info.target, self._step + 1))
        elif fresh or not on_record:
            finished = NONE_FINISHED
            checkpoint = await self._begun(checkpoint, input) if root else begin(graph, checkpoint, input)
            happened = (events.RunStarted(self._journal.info.target, checkpoint.step),) if root else ()
            self._commit(checkpoint, happened, "input")
            fresh = True
        if root and not fresh and self._steering is not None and not self._steering.quiet:
            checkpoint, finished = await self._commanded(self._steering, checkpoint, finished)
        if root and self._session.left and not self._session.resumed:
            await self._asking.leave(self._session.left, but=self._journal.info.id, at=self._path)
        recorder: Recorder = self
        if self._journal.info.recorded is not None:
            recorder, graph = await retold(self, graph, self._journal, self._path)
        checkpoint = await drive(graph, checkpoint, recorder, finished=finished, max_steps=self._steps)
        if self._rows is not None and self._conversation == "":
            self._session.context = checkpoint.values[self._rows]
        return graph.leave(checkpoint.values)

    def best(self) -> Any:
        """What the graph would give if it ended here; ``None`` where it can give nothing yet."""
        if self._rows is not None:
            seen: Seen | None = self._reached.values.get(self._rows)
            return None if seen is None else last_words(seen)
        try:
            return self._graph.leave(self._reached.values)
        except Exception:  # a state that is not complete is nothing that it must be able to read
            return None

    # What is on record

    async def _load(self, store: Store, *, open: bool) -> tuple[Checkpoint, Mapping[str, Update], bool]:
        assert self._slots is not None
        thread, recent = self._journal.info.thread_id, self._session.recent
        talk = None if self._rows is None else self._conversation
        spoken = talk == "" and recent is not None and recent.known(thread)
        opened = await store.threads.open(thread, path=self._path_key, conversation=None if spoken else talk)
        self._journal.follow(opened.head_seq)
        self._session.thread_mark = opened.mark
        checkpoint, finished, on_record = Checkpoint(), NONE_FINISHED, opened.snapshot is not None
        if opened.snapshot is not None:
            checkpoint = load(self._graph, opened.snapshot, self._slots, open=open)
            finished = codec.load_updates(self._graph, opened.snapshot.finished) if open else NONE_FINISHED
        if self._rows is not None:
            seen = recent.get(thread, opened) if spoken and recent is not None else None
            if seen is not None:
                self._start = seen.start
            else:
                if spoken:
                    opened = await store.threads.open(thread, conversation=talk)
                seen = load_context(opened.context, opened.messages)
                self._start = seen.start if opened.context is not None else 0
            values = {**checkpoint.values, self._rows: seen}
            checkpoint = replace(checkpoint, values=values)
        return checkpoint, finished, on_record

    # What people ask of it before anything runs

    async def _begun(self, checkpoint: Checkpoint, input: Any) -> Checkpoint:
        first, back = await begun(self._steering, self._journal, self._graph, self._rows, checkpoint, input)
        if back:
            self._slots, self._start = codec.Slots(self._graph), -1
        return first

    async def _commanded(
        self, steering: Steering, checkpoint: Checkpoint, finished: Mapping[str, Update]
    ) -> tuple[Checkpoint, Mapping[str, Update]]:
        """Take the commands that wait; what they write is a checkpoint of its own.

        Raises:
            Paused: the run is not to go on for them.
        """
        session = self._session
        taken = await commanded(steering, self._journal, self._graph, self._path_key, checkpoint, session.find)
        if taken.amended:
            checkpoint, finished = self._amended(checkpoint, finished, taken.amended, hold=bool(taken.below))
        if taken.below:
            await keep(self._journal, steering, taken.below.values())
        if taken.left:
            await session.asking.leave(taken.left, at=self._path)
        if (visit := self._session.visit) is not None:
            if visit.questions or steering.held or not steering.let_go:
                raise Paused(visit.questions, halted=steering.held)
            if (lets_go := self._session.lets_go) is not None:
                await lets_go(self._session)  # somebody did just now
        return checkpoint, finished

    def _amended(
        self, before: Checkpoint, finished: Mapping[str, Update], amended: Sequence[Checkpoint], *, hold: bool
    ) -> tuple[Checkpoint, Mapping[str, Update]]:
        """Put it on record; what is done of the open step stays done, where it is still to be done."""
        last = amended[-1]
        self._step = last.step
        still = still_done(self._journal, self._graph, self._path_key, last, finished)
        if last.frontier != before.frontier:
            self._slots, self._start = codec.Slots(self._graph), -1  # we went back: every value is written anew
        for one in amended:
            self._commit(one, (), hold=hold or one is not last)
        return last, still

    # The engine's recorder

    def context(self, activation: Activation) -> Context[Any]:
        ctx = Context(self._journal.info, (*self._path, activation.id), self._session.deps, self)
        CURRENT.set(ctx)
        return ctx

    def started(self, activation: Activation, attempt: int) -> None:
        session = self._session
        if session.guard is not None:
            session.guard()
        if session.until is not None and len(self._path) == 1 and step_of(activation.id) >= session.until:
            raise Paused(())
        if self._asking.waited:
            self._asking.held((*self._path, activation.id))
        if self._journal.silent:
            return
        self._journal.started((*self._path, activation.id), activation.node, attempt)

    def finished(self, activation: Activation, update: Update, *, alone: bool) -> None:
        if self._asking.outcomes:
            self._asking.finished((*self._path, activation.id))
        if self._journal.silent:
            return
        self._journal.finished((*self._path, activation.id), activation.node, alone=alone)
        if self._steering is not None and not self._steering.quiet:
            self._ran.append(activation.node)
        reads = activation.node in self._reading
        self._only_read = self._only_read and reads
        if not alone and self._journal.store is not None:
            done = codec.dump_update(self._graph, self._path_key, self._step, activation, update)
            self._journal.commit(finished=(done,), later=self._later or reads)

    def failed(self, activation: Activation, error: Exception, attempt: int, *, retrying: bool) -> None:
        if self._journal.silent:
            return
        path = (*self._path, activation.id)
        started, *_ = self._journal.ended(path, (0.0, activation.node, attempt))
        told = failure(activation.node, error)
        self._journal.emit(path, events.NodeFailed(told.node, told.code, told.message, started, attempt, retrying))

    def edge(self, checkpoint: Checkpoint) -> Checkpoint | None:
        steering = self._steering
        if steering is None or steering.quiet:
            return None
        after = None
        while (update := steering.edge(self._place(checkpoint))) is not None:
            checkpoint = after = amend(self._graph, checkpoint, update)
            self._commit(checkpoint, ())
        return after

    def _place(self, checkpoint: Checkpoint) -> Place:
        began = self._journal.began
        running = {one.id for one in checkpoint.frontier if began((*self._path, one.id))}
        return Place(self._graph, self._path_key, checkpoint, self._rows, running, len(self._path) == 1)

    def commit(self, checkpoint: Checkpoint) -> "Future[None] | None":
        if (steering := self._steering) is not None and not steering.quiet:
            steering.stepped(self._path_key, self._graph, self._ran, checkpoint)
            self._ran = []
        shared, self._only_read = self._only_read and self._goes_on_reading(checkpoint), True
        return self._commit(checkpoint, (), later=shared)

    def _goes_on_reading(self, checkpoint: Checkpoint) -> bool:
        """Whether all that begins now only reads: nothing that it does depends on what is not on record."""
        for activation in checkpoint.frontier:
            if activation.node not in self._reading:
                return False
        return bool(checkpoint.frontier)

    def _commit(
        self,
        checkpoint: Checkpoint,
        happened: tuple[events.Event, ...],
        source: codec.Source = "step",
        *,
        hold: bool = False,
        later: bool = False,
    ) -> "Future[None] | None":
        rows, said = self._rows, _NOTHING_SAID
        contexts: tuple[ContextRow, ...] = ()
        checkpoints: tuple[CheckpointRow, ...] = ()
        self._step, self._reached = checkpoint.step, checkpoint
        steering = None
        if self._steering is not None and not self._steering.quiet:
            told, steering = self._steering.flush()
            happened = (*told, *happened)
        if rows is not None and rows in checkpoint.written:
            seen: Seen = checkpoint.values[rows]
            said = newly_said(seen)
            if seen.start != self._start:
                self._start = seen.start
                contexts = (dump_context(seen, self._conversation),)
        elif self._journal.silent:
            return None
        if self._slots is not None:
            head_seq = self._journal.head_seq + len(said)
            row = codec.dump_checkpoint(
                self._graph, checkpoint, self._slots, self._path_key, head_seq=head_seq, source=source
            )
            checkpoints = (row,)
            if changed := codec.changed_channels(self._graph, row):
                happened = (*happened, events.StepCommitted(checkpoint.step, changed))
        return self._journal.commit(
            self._path,
            happened=happened,
            said=said,
            conversation=self._conversation,
            contexts=contexts,
            checkpoints=checkpoints,
            steering=steering,
            hold=hold or (not checkpoint.frontier and len(self._path) == 1),
            later=later or self._later,
        )

    # The host of contexts

    @property
    def store(self) -> Store | None:
        return self._journal.store

    def emit(self, path: Path, event: Any) -> None:
        self._journal.emit(path, event)

    async def call(self, path: Path, target: Target, input: Any) -> Any:
        return await _call(self._session, path, target, input)

    def ask(self, asked: Asked) -> Any:
        return self._asking.ask(asked)

    def intent(self, path: Path) -> Intent:
        return Tries(self._asking, self._journal, path)
