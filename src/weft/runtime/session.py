"""One run being driven: its graph, and the graphs that it calls, each at a path of its own."""

import asyncio
from asyncio import Future
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from weft import events
from weft.engine.context import CURRENT, Asked, Context, Intent, Interrupted, Target
from weft.engine.graph import Graph, Update
from weft.engine.scheduler import NONE_FINISHED, Paused, describe, drive
from weft.engine.step import Activation, Checkpoint, begin
from weft.errors import WeftError
from weft.runtime import codec
from weft.runtime.asking import Asking, Tries
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
        "asking",
        "begun",
        "calls",
        "context",
        "deps",
        "guard",
        "journal",
        "max_steps",
        "recent",
        "resumed",
        "thread_made_at",
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
        max_steps: int = 1000,
    ) -> None:
        self.journal = journal
        self.deps = deps
        self.asking = asking
        self.resumed = resumed
        """Whether parts of the run may be on record already."""
        self.max_steps = max_steps
        self.guard = guard
        """Raises ``Fenced`` where this process may no longer act; asked before each activation."""
        self.recent = recent
        self.thread_made_at = 0.0
        self.context: Seen | None = None
        """The thread's own conversation at the end of the run."""
        self.begun: set[Path] = set()
        self.calls: dict[Path, Beside] = {}
        """Calls that are under way, by the activation that made them."""

    async def root(self, target: Target, input: Any) -> Any:
        """Run the target of the run; its output.

        Raises:
            Paused: it waits for answers.
        """
        path = (target.name,)
        try:
            return await _Running(self, target.graph(), path, "").run(input, fresh=not self.resumed, lookup=True)
        finally:
            CURRENT.set(None)
            await _left(self.calls)

    async def call(self, path: Path, target: Target, input: Any) -> Any:
        """Run ``target`` at ``path`` below: from its start, or from where it was when the process died."""
        lookup = self.resumed or path in self.begun
        self.begun.add(path)
        running = _Running(self, target.graph(), path, "/".join(path))
        beside = self.calls.setdefault(path[:-1], Beside())
        try:
            return await beside.run(running.run(input, fresh=False, lookup=lookup))
        finally:
            if not beside.tasks:
                self.calls.pop(path[:-1], None)


class Beside:
    """The calls that one activation has under way side by side.

    A call that asks waits for the others: so all that can be done is done, and all questions are asked at once.
    """

    __slots__ = ("_settled", "questions", "tasks")

    def __init__(self) -> None:
        self.tasks: set[asyncio.Task[Any]] = set()
        self.questions: list[Asked] = []
        self._settled = asyncio.Event()

    async def run(self, call: Awaitable[Any]) -> Any:
        """Raises: Interrupted, with the questions of all calls."""
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        self._settled.clear()
        try:
            return await call
        except Paused as paused:
            self.questions.extend(paused.questions)
            self._leave(task)
            await self._settled.wait()
            raise Interrupted(tuple(self.questions)) from None
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
        "_rows",
        "_session",
        "_slots",
        "_start",
    )

    def __init__(self, session: Session, graph: Graph, path: Path, conversation: str) -> None:
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
        if fresh or not on_record:
            finished = NONE_FINISHED
            checkpoint = begin(graph, checkpoint, input)
            happened = (events.RunStarted(self._journal.info.target),) if len(self._path) == 1 else ()
            self._commit(checkpoint, happened)
        checkpoint = await drive(graph, checkpoint, self, finished=finished, max_steps=self._session.max_steps)
        if self._rows is not None and self._conversation == "":
            self._session.context = checkpoint.values[self._rows]
        return graph.leave(checkpoint.values)

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
        ctx = Context(self._journal.info, (*self._path, activation.id), self._session.deps, self)
        CURRENT.set(ctx)
        return ctx

    def started(self, activation: Activation, attempt: int) -> None:
        if self._session.guard is not None:
            self._session.guard()
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
