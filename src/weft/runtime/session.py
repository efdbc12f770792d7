"""One run being driven: its graph, and the graphs that it calls, each at a path of its own."""

import asyncio
from asyncio import Future
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from weft import events
from weft.engine.context import CURRENT, Asked, Context, Intent, Interrupted, Target
from weft.engine.graph import Graph, Update
from weft.engine.scheduler import NONE_FINISHED, Paused, describe, drive, together
from weft.engine.step import Activation, Checkpoint, begin
from weft.errors import UsageError, WeftError
from weft.runtime import codec
from weft.runtime.asking import Asking, Tries
from weft.runtime.conversation import Context as Seen
from weft.runtime.conversation import Said, dump_context, load_context
from weft.runtime.journal import Journal
from weft.runtime.recent import Recent
from weft.runtime.versions import ALONE, fitting, migrated, needs_migration
from weft.storage.base import Snapshot, Store

Path: TypeAlias = tuple[str, ...]
_NOTHING_SAID: list[Said] = []


class Stored(Context[Any]):
    """The context of a node that keeps something of its own beside the run: on the run's store, if it has one."""

    @staticmethod
    def store_of(ctx: Context[Any]) -> Store | None:
        return ctx._host.store if isinstance(ctx._host, _Running) else None


class Session:
    """What all graphs of one run share."""

    __slots__ = (
        "asking",
        "begun",
        "calls",
        "context",
        "deps",
        "going_on",
        "guard",
        "journal",
        "meeting",
        "recent",
        "resumed",
        "thread_mark",
        "top",
        "until",
    )

    def __init__(
        self,
        journal: Journal,
        deps: Any,
        asking: Asking,
        *,
        resumed: bool,
        guard: Callable[[], None] | None = None,
        recent: Recent | None = None,
        going_on: bool = False,
        until: int | None = None,
    ) -> None:
        self.journal = journal
        self.deps = deps
        self.asking = asking
        self.resumed = resumed
        """Whether parts of the run may be on record already."""
        self.guard = guard
        """Raises ``Fenced`` where this process may no longer act; asked before each activation."""
        self.recent = recent
        self.going_on = going_on
        """Whether the run has no input: it takes the thread further from where it stands."""
        self.meeting = ALONE
        """What is to be done where a graph has changed."""
        self.until = until
        """The step of the target at which the run is to pause."""
        self.thread_mark: tuple[float, int] = (0.0, 0)
        self.context: Seen | None = None
        """The thread's own conversation at the end of the run."""
        self.begun: set[Path] = set()
        self.calls: dict[Path, Beside] = {}
        """Calls that are under way, by the activation that made them."""
        self.top: _Running | None = None

    async def root(self, target: Target, input: Any) -> Any:
        """Run the target of the run; its output.

        Raises:
            Paused: it waits for answers, or a limit stops it.
        """
        path, meter = (target.name,), self.journal.info.meter
        fresh = not self.resumed and not self.going_on
        graph = target.graph() if fresh else await self._fitting(target, path)
        self.top = _Running(self, graph, path, "", meter.steps(target))
        try:
            return await meter.timed(target, self.top.run(input, fresh=fresh, lookup=True))
        finally:
            CURRENT.set(None)
            await _left(self.calls)

    def best(self) -> Any:
        """The answer so far, of a run that a limit stops: the last words of an agent, the state of a graph."""
        return None if self.top is None else self.top.best()

    async def call(self, path: Path, target: Target, input: Any) -> Any:
        """Run ``target`` at ``path`` below: from its start, or from where it was when the process died."""
        lookup = self.resumed or self.going_on or path in self.begun
        self.begun.add(path)
        graph = await self._fitting(target, path) if lookup else target.graph()
        meter = self.journal.info.meter
        running = _Running(self, graph, path, "/".join(path), meter.steps(target))
        beside = self.calls.setdefault(path[:-1], Beside())
        try:
            return await beside.run(meter.timed(target, running.run(input, fresh=False, lookup=lookup)))
        finally:
            if not beside.tasks:
                self.calls.pop(path[:-1], None)

    async def _fitting(self, target: Target, path: Path) -> Graph:
        """The graph to go on with from what is on record. Raises: SchemaMismatch."""
        graph: Graph = target.graph()
        if self.journal.store is None:
            return graph
        opened = await self.journal.store.threads.open(self.journal.info.thread_id, path="/".join(path))
        return fitting(graph, opened.snapshot, self.meeting)


class Beside:
    """The calls that one activation has under way side by side.

    A call that asks, or that a limit stops, waits for the others: so all that can be done is done, and all
    questions are asked at once.
    """

    __slots__ = ("_settled", "halted", "tasks")

    def __init__(self) -> None:
        self.tasks: set[asyncio.Task[Any]] = set()
        self.halted: list[Paused] = []
        self._settled = asyncio.Event()

    async def run(self, call: Awaitable[Any]) -> Any:
        """Raises: Interrupted, for all calls that could not go on."""
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        self._settled.clear()
        try:
            return await call
        except Paused as paused:
            self.halted.append(paused)
            self._leave(task)
            await self._settled.wait()
            every = together(self.halted)
            raise Interrupted(every.questions, every.stop) from None
        finally:
            self._leave(task)

    def _leave(self, task: "asyncio.Task[Any]") -> None:
        self.tasks.discard(task)
        if not self.tasks:
            self._settled.set()


async def _left(calls: Mapping[Path, Beside]) -> None:
    """Cancel the calls that nobody waits for any more."""
    tasks = [task for beside in tuple(calls.values()) for task in beside.tasks if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.gather(*tasks, return_exceptions=True)


class _Running:
    """One graph of a session: the engine's ``Recorder``, and the ``Host`` of its contexts."""

    __slots__ = (
        "_asking",
        "_conversation",
        "_graph",
        "_journal",
        "_path",
        "_path_key",
        "_reached",
        "_rows",
        "_session",
        "_slots",
        "_start",
        "_step",
        "_steps",
    )

    def __init__(self, session: Session, graph: Graph, path: Path, conversation: str, steps: int) -> None:
        self._session = session
        self._journal = session.journal
        self._asking = session.asking
        self._graph = graph
        self._path = path
        self._path_key = "/".join(path)
        self._conversation = conversation
        self._rows = next((name for name, channel in graph.channels.items() if channel.stored == "rows"), None)
        self._slots = codec.Slots(graph) if self._journal.store is not None else None
        self._start = 0
        """Where the context on record begins; 0 while there is none."""
        self._step = 0
        """The step that is open."""
        self._steps = steps
        """How many it may take."""
        self._reached = Checkpoint()

    async def run(self, input: Any, *, fresh: bool, lookup: bool) -> Any:
        """Go on from what is on record, or begin with ``input``; the output.

        ``fresh``: a new input to a thread that may have a state; else what is on record is this very call.
        """
        graph = self._graph
        checkpoint, finished = Checkpoint(), NONE_FINISHED
        on_record = False
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
                self._journal.emit(self._path, events.RunStarted(self._journal.info.target))
        elif fresh or not on_record:
            finished = NONE_FINISHED
            checkpoint = begin(graph, checkpoint, input)
            self._commit(checkpoint, (events.RunStarted(self._journal.info.target),) if root else (), "input")
        checkpoint = await drive(graph, checkpoint, self, finished=finished, max_steps=self._steps)
        if self._rows is not None and self._conversation == "":
            self._session.context = checkpoint.values[self._rows]
        return graph.leave(checkpoint.values)

    def best(self) -> Any:
        """What the graph would give if it ended here; ``None`` where it can give nothing yet."""
        if self._rows is not None:
            seen: Seen | None = self._reached.values.get(self._rows)
            return None if seen is None else _last_words(seen)
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
            checkpoint = self._read(opened.snapshot, open=open)
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
            checkpoint = Checkpoint(
                step=checkpoint.step, values=values, frontier=checkpoint.frontier, held=checkpoint.held
            )
        return checkpoint, finished, on_record

    def _read(self, snapshot: Snapshot, *, open: bool) -> Checkpoint:
        assert self._slots is not None
        if not needs_migration(self._graph, snapshot):
            return codec.load_checkpoint(self._graph, snapshot, self._slots, open=open)
        self._slots.whole = True
        frontier = codec.load_frontier(self._graph, snapshot) if open else ()
        return Checkpoint(step=snapshot.step, values=migrated(self._graph, snapshot), frontier=frontier)

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
        path = (*self._path, activation.id)
        started, node, attempt = self._journal.ended(path, (0.0, activation.node, 1))
        self._journal.emit(path, events.NodeFinished(node, started, attempt))
        if not alone and self._journal.store is not None:
            done = codec.dump_update(self._graph, self._path_key, self._step, activation, update)
            self._journal.commit(finished=done)

    def failed(self, activation: Activation, error: Exception, attempt: int, *, retrying: bool) -> None:
        if self._journal.silent:
            return
        path = (*self._path, activation.id)
        started, *_ = self._journal.ended(path, (0.0, activation.node, attempt))
        code = error.code if isinstance(error, WeftError) else "bug"
        message = str(error) if isinstance(error, WeftError) else describe(error)
        event = events.NodeFailed(activation.node, code, message, started, attempt, retrying)
        self._journal.emit(path, event)

    def commit(self, checkpoint: Checkpoint) -> "Future[None] | None":
        return self._commit(checkpoint, ())

    def _commit(
        self, checkpoint: Checkpoint, happened: tuple[events.Event, ...], source: codec.Source = "step"
    ) -> "Future[None] | None":
        self._step, self._reached = checkpoint.step, checkpoint
        rows, said, context = self._rows, _NOTHING_SAID, None
        if rows is not None and rows in checkpoint.written:
            seen: Seen = checkpoint.values[rows]
            said = _new(seen)
            if seen.start != self._start:
                self._start = seen.start
                context = dump_context(seen, self._conversation)
        row = None
        if self._slots is not None:
            head_seq = self._journal.head_seq + len(said)
            row = codec.dump_checkpoint(
                self._graph, checkpoint, self._slots, self._path_key, head_seq=head_seq, source=source
            )
            changed = tuple([slot.channel for slot in row.slots if not self._graph.channels[slot.channel].passing])
            if changed:
                happened = (*happened, events.StepCommitted(checkpoint.step, changed))
        return self._journal.commit(
            self._path,
            happened=happened,
            said=said,
            conversation=self._conversation,
            context=context,
            checkpoint=row,
            hold=not checkpoint.frontier and len(self._path) == 1,
        )

    # The host of contexts

    @property
    def store(self) -> Store | None:
        return self._journal.store

    def emit(self, path: Path, event: Any) -> None:
        self._journal.emit(path, event)

    async def call(self, path: Path, target: Target, input: Any) -> Any:
        return await self._session.call(path, target, input)

    def ask(self, asked: Asked) -> Any:
        return self._asking.ask(asked)

    def intent(self, path: Path) -> Intent:
        return Tries(self._asking, self._journal, path)


def _new(seen: Seen) -> list[Said]:
    """The messages at its end that have no number yet."""
    new: list[Said] = []
    for said in reversed(seen.said):
        if said.seq:
            break
        new.append(said)
    new.reverse()
    return new


def step_of(activation: str) -> int:
    """The step that woke an activation: its id begins with it."""
    return int(activation.partition(":")[0])


def _last_words(seen: Seen) -> str | None:
    """What the model said last since a person spoke."""
    for said in reversed(seen.said):
        if said.message.role == "user":
            return None
        if said.message.role == "assistant" and (words := said.message.text):
            return words
    return None
