"""One run being driven: its graph, and the graphs that it calls, each at a path of its own."""

from asyncio import Future
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from msgspec.structs import replace

from weft import events
from weft.engine.context import Context, Interrupted, Target
from weft.engine.graph import Graph, Update
from weft.engine.scheduler import NONE_FINISHED, Paused, describe, drive
from weft.engine.step import Activation, Checkpoint, amend, begin
from weft.errors import UsageError, WeftError
from weft.runtime import codec
from weft.runtime.commands import Command, Rerun, Rollback, SetState, kind
from weft.runtime.conversation import Context as Seen
from weft.runtime.conversation import Said, dump_context, load_context
from weft.runtime.goingback import before_node, before_runs
from weft.runtime.journal import Journal
from weft.runtime.recent import Recent
from weft.runtime.steering import Place, Steering
from weft.runtime.writing import as_update
from weft.storage.base import Scope, Store
from weft.storage.commands import CommandRow

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
        "max_steps",
        "recent",
        "resumed",
        "steering",
        "thread_made_at",
        "visit",
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
        steering: Steering | None = None,
        visit: Paused | None = None,
        max_steps: int = 1000,
    ) -> None:
        self.journal = journal
        self.deps = deps
        self.answers = answers
        self.resumed = resumed
        """Whether parts of the run may be on record already."""
        self.max_steps = max_steps
        self.guard = guard
        """Raises ``Fenced`` where this process may no longer act; asked before each activation."""
        self.recent = recent
        self.steering = steering
        """What people ask of the run; asked at each edge."""
        self.visit = visit
        """Why the run rests again once commands that wait for it are taken; ``None`` where it goes on."""
        self.thread_made_at = 0.0
        self.context: Seen | None = None
        """The thread's own conversation at the end of the run."""
        self.begun: set[Path] = set()

    async def root(self, target: Target, input: Any) -> Any:
        """Run the target of the run; its output.

        Raises:
            Paused: it waits for answers.
        """
        path = (target.name,)
        return await _Running(self, target.graph(), path, "").run(input, fresh=not self.resumed, lookup=True)

    async def call(self, path: Path, target: Target, input: Any) -> Any:
        """Run ``target`` at ``path`` below: from its start, or from where it was when the process died."""
        lookup = self.resumed or path in self.begun
        self.begun.add(path)
        running = _Running(self, target.graph(), path, "/".join(path))
        try:
            return await running.run(input, fresh=False, lookup=lookup)
        except Paused as paused:
            raise Interrupted(paused.questions, halted=paused.halted) from None


class _Running:
    """One graph of a session: the engine's ``Recorder``, and the ``Host`` of its contexts."""

    __slots__ = (
        "_conversation",
        "_graph",
        "_journal",
        "_path",
        "_path_key",
        "_ran",
        "_rows",
        "_session",
        "_slots",
        "_start",
        "_steering",
        "_step",
    )

    def __init__(self, session: Session, graph: Graph, path: Path, conversation: str) -> None:
        self._session = session
        self._steering = session.steering
        self._journal = session.journal
        self._graph = graph
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
            top = len(self._path) == 1
            checkpoint = await self._begun(checkpoint, input) if top else begin(graph, checkpoint, input)
            happened = (events.RunStarted(self._journal.info.target, checkpoint.step),) if top else ()
            self._commit(checkpoint, happened)
        elif len(self._path) == 1 and self._steering is not None and not self._steering.quiet:
            checkpoint, finished = await self._commanded(self._steering, checkpoint, finished)
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
            self._step = opened.snapshot.step
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

    async def _begun(self, checkpoint: Checkpoint, input: Any) -> Checkpoint:
        """The first checkpoint of the run: from where its thread is or, where it takes back other runs, was before."""
        undo = [] if self._steering is None else self._steering.waiting("rollback")
        if self._steering is None or not undo or self._journal.store is None:
            return begin(self._graph, checkpoint, input)
        row, command = undo[0]
        assert isinstance(command, Rollback)
        back, refused = None, None
        record = await self._journal.store.runs.get(Scope(self._journal.info.workspace), self._journal.info.id)
        try:
            back = await before_runs(
                self._journal.store, record, self._graph, command.runs, checkpoint, self._rows, self._journal.head_seq
            )
        except UsageError as error:
            refused = str(error)
        self._steering.drop(row)
        self._steering.note(row, {"runs": command.runs, **(back.detail if back else {})}, refused)
        if back is None:
            return begin(self._graph, checkpoint, input)
        self._slots, self._start = codec.Slots(self._graph), -1
        first = begin(self._graph, replace(checkpoint, values=back.values, frontier=()), input)
        return replace(first, written={name: [value] for name, value in first.values.items()})

    async def _commanded(
        self, steering: Steering, checkpoint: Checkpoint, finished: Mapping[str, Update]
    ) -> tuple[Checkpoint, Mapping[str, Update]]:
        """Take the commands that wait before anything runs; what they write is a checkpoint of its own.

        Raises:
            Paused: the run is not to go on for them.
        """
        amended: list[Checkpoint] = []
        again = await self._reruns(steering, checkpoint)

        def write(row: CommandRow, command: Command) -> Any:
            last = amended[-1] if amended else checkpoint
            if isinstance(command, Rerun):
                found = again.get(row.number, UsageError("it came too late"))
                if isinstance(found, Exception):
                    raise found
                amended[:] = [found]
                return {"node": command.node, "step": found.step}
            if not isinstance(command, SetState):
                raise UsageError(f"{kind(command)} cannot be done here")
            amended.append(amend(self._graph, last, as_update(self._graph, command)))
            return {"channels": list(command.writes), "step": amended[-1].step}

        steering.take(write)
        if amended:
            checkpoint, finished = self._amended(checkpoint, finished, amended)
        if (visit := self._session.visit) is not None:
            if visit.questions or steering.held:
                raise Paused(visit.questions, halted=steering.held)
            self._journal.emit((), events.RunResumed(self._journal.info.target, "asked"))
        return checkpoint, finished

    async def _reruns(self, steering: Steering, now: Checkpoint) -> dict[int, Checkpoint | WeftError]:
        """For each command to run a node again where it leads, or why it cannot be done."""
        found: dict[int, Checkpoint | WeftError] = {}
        store, thread = self._journal.store, self._journal.info.thread_id
        for row, command in steering.waiting("rerun"):
            assert isinstance(command, Rerun)
            assert store is not None
            try:
                found[row.number] = await before_node(store, thread, self._path_key, self._graph, command.node, now)
            except WeftError as error:
                found[row.number] = error
        return found

    def _amended(
        self, before: Checkpoint, finished: Mapping[str, Update], amended: Sequence[Checkpoint]
    ) -> tuple[Checkpoint, Mapping[str, Update]]:
        """Put it on record; what is done of the open step stays done, where it is still to be done."""
        last = amended[-1]
        self._step = last.step
        still = {one.id: one for one in last.frontier if one.id in finished}
        for id, activation in still.items():
            row = codec.dump_update(self._graph, self._path_key, self._step, activation, finished[id])
            self._journal.commit(finished=row, hold=True)
        if last.frontier != before.frontier:
            self._slots = codec.Slots(self._graph)  # we went back: every value is written anew
        for one in amended:
            self._commit(one, (), hold=one is not last)
        return last, {id: finished[id] for id in still}

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
        if self._steering is not None and not self._steering.quiet:
            self._ran.append(activation.node)
        if not alone and self._journal.store is not None:
            row = codec.dump_update(self._graph, self._path_key, self._step, activation, update)
            self._journal.commit(finished=row)

    def failed(self, activation: Activation, error: Exception, attempt: int, *, retrying: bool) -> None:
        if self._journal.silent:
            return
        path = (*self._path, activation.id)
        started, *_ = self._journal.ended(path, (0.0, activation.node, attempt))
        code = error.code if isinstance(error, WeftError) else "bug"
        message = str(error) if isinstance(error, WeftError) else describe(error)
        event = events.NodeFailed(activation.node, code, message, started, attempt, retrying)
        self._journal.emit(path, event)

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
        steering = self._steering
        if steering is not None and not steering.quiet:
            steering.stepped(self._path_key, self._graph, self._ran, checkpoint)
            self._ran = []
        return self._commit(checkpoint, ())

    def _commit(
        self, checkpoint: Checkpoint, happened: tuple[events.Event, ...], *, hold: bool = False
    ) -> "Future[None] | None":
        rows, said, context = self._rows, _NOTHING_SAID, None
        self._step = checkpoint.step
        steering = None
        if self._steering is not None and not self._steering.quiet:
            told, steering = self._steering.flush()
            happened = (*told, *happened)
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
            steering=steering,
            hold=hold or (not checkpoint.frontier and len(self._path) == 1),
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
