"""One run being driven: its graph, and the graphs that it calls, each at a path of its own."""

from asyncio import Future
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from weft import events
from weft.engine.context import Context, Interrupted, Target
from weft.engine.graph import Graph, Update
from weft.engine.scheduler import NONE_FINISHED, Paused, describe, drive
from weft.engine.step import Activation, Checkpoint, begin
from weft.errors import WeftError
from weft.runtime import codec
from weft.runtime.conversation import Context as Seen
from weft.runtime.conversation import Said, dump_context, load_context
from weft.runtime.journal import Journal
from weft.runtime.recent import Recent
from weft.storage.base import Store

Path: TypeAlias = tuple[str, ...]
_NOTHING_SAID: list[Said] = []


class Session:
    """What all graphs of one run share."""

    __slots__ = (
        "answers",
        "begun",
        "context",
        "deps",
        "guard",
        "journal",
        "recent",
        "resumed",
        "thread_made_at",
        "top",
    )

    def __init__(
        self,
        journal: Journal,
        deps: Any,
        answers: dict[str, Any],
        *,
        resumed: bool,
        guard: Callable[[], None] | None = None,
        recent: Recent | None = None,
    ) -> None:
        self.journal = journal
        self.deps = deps
        self.answers = answers
        self.resumed = resumed
        """Whether parts of the run may be on record already."""
        self.guard = guard
        """Raises ``Fenced`` where this process may no longer act; asked before each activation."""
        self.recent = recent
        self.thread_made_at = 0.0
        self.context: Seen | None = None
        """The thread's own conversation at the end of the run."""
        self.begun: set[Path] = set()
        self.top: _Running | None = None

    async def root(self, target: Target, input: Any) -> Any:
        """Run the target of the run; its output.

        Raises:
            Paused: it waits for answers, or a limit stops it.
        """
        meter = self.journal.info.meter
        self.top = _Running(self, target.graph(), (target.name,), "", meter.steps(target))
        return await meter.timed(target, self.top.run(input, fresh=not self.resumed, lookup=True))

    def best(self) -> Any:
        """The answer so far, of a run that a limit stops: the last words of an agent, the state of a graph."""
        return None if self.top is None else self.top.best()

    async def call(self, path: Path, target: Target, input: Any) -> Any:
        """Run ``target`` at ``path`` below: from its start, or from where it was when the process died."""
        lookup = self.resumed or path in self.begun
        self.begun.add(path)
        meter = self.journal.info.meter
        running = _Running(self, target.graph(), path, "/".join(path), meter.steps(target))
        try:
            return await meter.timed(target, running.run(input, fresh=False, lookup=lookup))
        except Paused as paused:
            raise Interrupted(paused.questions, paused.stop) from None


class _Running:
    """One graph of a session: the engine's ``Recorder``, and the ``Host`` of its contexts."""

    __slots__ = (
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
        "_steps",
    )

    def __init__(self, session: Session, graph: Graph, path: Path, conversation: str, steps: int) -> None:
        self._session = session
        self._journal = session.journal
        self._graph = graph
        self._path = path
        self._path_key = "/".join(path)
        self._conversation = conversation
        self._rows = next((name for name, channel in graph.channels.items() if channel.stored == "rows"), None)
        self._slots = codec.Slots(graph) if self._journal.store is not None else None
        self._start = 0
        """Where the context on record begins; 0 while there is none."""
        self._steps = steps
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
            checkpoint, finished, on_record = await self._load(store)
        self._reached = checkpoint
        if fresh or not on_record:
            finished = NONE_FINISHED
            checkpoint = begin(graph, checkpoint, input)
            happened = (events.RunStarted(self._journal.info.target),) if len(self._path) == 1 else ()
            self._commit(checkpoint, happened)
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

    async def _load(self, store: Store) -> tuple[Checkpoint, Mapping[str, Update], bool]:
        assert self._slots is not None
        thread, recent = self._journal.info.thread_id, self._session.recent
        talk = None if self._rows is None else self._conversation
        spoken = talk == "" and recent is not None and recent.known(thread)
        opened = await store.threads.open(thread, path=self._path_key, conversation=None if spoken else talk)
        self._journal.follow(opened.head_seq)
        self._session.thread_made_at = opened.created_at
        checkpoint, finished, on_record = Checkpoint(), NONE_FINISHED, opened.snapshot is not None
        if opened.snapshot is not None:
            checkpoint = codec.load_checkpoint(self._graph, opened.snapshot, self._slots)
            finished = codec.load_updates(self._graph, opened.snapshot.finished)
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
            checkpoint = Checkpoint(step=checkpoint.step, values=values, frontier=checkpoint.frontier)
        return checkpoint, finished, on_record

    # The engine's recorder

    def context(self, activation: Activation) -> Context[Any]:
        return Context(self._journal.info, (*self._path, activation.id), self._session.deps, self)

    def started(self, activation: Activation, attempt: int) -> None:
        if self._session.guard is not None:
            self._session.guard()
        if self._journal.silent:
            return
        self._journal.started((*self._path, activation.id), activation.node, attempt)

    def finished(self, activation: Activation, update: Update, *, alone: bool) -> None:
        if self._journal.silent:
            return
        path = (*self._path, activation.id)
        started, node, attempt = self._journal.ended(path, (0.0, activation.node, 1))
        self._journal.emit(path, events.NodeFinished(node, started, attempt))
        if not alone and self._journal.store is not None:
            step = int(activation.id.partition(":")[0])
            self._journal.commit(finished=codec.dump_update(self._graph, self._path_key, step, activation, update))

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

    def _commit(self, checkpoint: Checkpoint, happened: tuple[events.Event, ...]) -> "Future[None] | None":
        self._reached = checkpoint
        rows, said, context = self._rows, _NOTHING_SAID, None
        if rows is not None and rows in checkpoint.written:
            seen: Seen = checkpoint.values[rows]
            said = _new(seen)
            if seen.start != self._start:
                self._start = seen.start
                context = dump_context(seen, self._conversation)
        row = None
        if self._slots is not None:
            row = codec.dump_checkpoint(self._graph, checkpoint, self._slots, self._path_key)
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

    def emit(self, path: Path, event: Any) -> None:
        self._journal.emit(path, event)

    async def call(self, path: Path, target: Target, input: Any) -> Any:
        return await self._session.call(path, target, input)

    def answers(self) -> dict[str, Any]:
        return self._session.answers


def _new(seen: Seen) -> list[Said]:
    """The messages at its end that have no number yet."""
    new: list[Said] = []
    for said in reversed(seen.said):
        if said.seq:
            break
        new.append(said)
    new.reverse()
    return new


def _last_words(seen: Seen) -> str | None:
    """What the model said last since a person spoke."""
    for said in reversed(seen.said):
        if said.message.role == "user":
            return None
        if said.message.role == "assistant" and (words := said.message.text):
            return words
    return None
