"""What a store keeps and what it promises: the port, and the rows that cross it.

Only this module and ``weft.storage.open_store`` may be named from outside ``storage``. Bodies are
bytes here: what is in them is the business of ``runtime``, never of a store. Every read on behalf of
a person takes a ``Scope``, and the predicate is applied inside the store.
"""

from asyncio import Future
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal, Protocol, TypeAlias

from msgspec import Struct, field

from weft.storage.accounts import (
    Allowance,
    BudgetRow,
    CallRow,
    CostRow,
    Dimension,
    Reservation,
    Shortage,
    Tally,
)
from weft.storage.commands import CommandRow, IfBusy, NewCommand, SteeringRow
from weft.storage.trails import Trails

Status: TypeAlias = Literal["queued", "running", "sleeping", "paused", "finished", "failed", "cancelled", "dead"]

RESTING: frozenset[Status] = frozenset({"paused", "finished", "failed", "cancelled", "dead"})
ENDED: frozenset[Status] = frozenset({"finished", "failed", "cancelled", "dead"})


RINGS_ALL = "*"
"""What ``Store.listen`` calls with, beside the run's id, where commands were sent or runs were queued."""


class Scope(Struct, frozen=True):
    """Whose rows may be seen: one user's of a workspace, or with ``user=None`` the whole workspace's."""

    workspace: str = "default"
    user: str | None = None


class RunRecord(Struct, frozen=True, kw_only=True, gc=False):
    """One run: a thread moved from an input to rest."""

    id: str
    thread_id: str
    target: str
    workspace: str = "default"
    user_id: str = "local"
    status: Status = "queued"
    input: bytes = b"null"
    """JSON. Emptied to ``null`` once the input is a message of the thread: content lives once."""
    output: bytes | None = None
    error: str | None = None
    """``code: message`` of what ended it badly."""
    usage: bytes | None = None
    """JSON of ``messages.Usage``."""
    seq: int = 0
    """The number of the last durable event."""
    first_message: int = 0
    """The thread's ``seq`` of the first message of this run; 0 while there is none."""
    idempotency_key: str | None = None
    epoch: int = 0
    """Which job may advance the run: one more at each requeue."""
    fence: int = 0
    """One more at each acquire, takeover and cancel; a write with an old fence is refused."""
    owner: str | None = None
    """The worker that drives it or, while it is queued, that it is kept for: its caller waits there."""
    attempts: int = 0
    """Times acquired since its last progress; too many and it is dead."""
    priority: int = 5
    wake_at: float | None = None
    created_at: float = 0.0
    updated_at: float = 0.0
    origin: bytes | None = None
    """JSON of ``runtime.origin.Origin``, where it did not come from an input: it goes on, forks or replays."""
    limits: bytes | None = None
    """JSON of ``runtime.limits.Given``: limits that came with the run."""
    steered: bool = False
    """Whether somebody ever sent it a command."""


class Job(Struct, frozen=True, kw_only=True):
    """A hint that a run can be advanced. It may arrive late or twice: epoch and fence make that harmless."""

    run_id: str
    epoch: int
    workspace: str = "default"
    priority: int = 5
    not_before: float | None = None

    @property
    def id(self) -> str:
        return f"{self.run_id}/{self.epoch}"


class Tx(Protocol):
    """An open transaction of the store, for a dispatcher that keeps its jobs in the same database."""

    async def execute(self, sql: str, *arguments: Any) -> None:
        """Run a statement inside it (PostgreSQL only; ``$1`` placeholders)."""
        ...

    def after_commit(self, call: Callable[[], None]) -> None:
        """Call this once the transaction is durable; never if it is rolled back."""
        ...


Enqueue: TypeAlias = Callable[[Tx, Job], Awaitable[None]]


class ThreadRecord(Struct, frozen=True, kw_only=True):
    """One durable conversation."""

    id: str
    workspace: str = "default"
    user_id: str = "local"
    title: str = ""
    target: str = ""
    """What ran in it last."""
    head_seq: int = 0
    """The ``seq`` of its last message."""
    created_at: float = 0.0
    updated_at: float = 0.0


class MessageRow(Struct, frozen=True, kw_only=True, gc=False):
    """A message of a thread. Append-only: no store offers a way to change one."""

    seq: int
    """1, 2, 3 ... in the thread, without gaps, whoever wrote it."""
    conversation: str = ""
    """Empty for the thread's own conversation; else the path of the nested call that holds it."""
    run_id: str | None = None
    at: float = 0.0
    body: bytes
    """JSON of ``messages.Message``."""
    tokens: int = 0
    """Its size as counted when it was written, for windows by tokens."""


class ContextRow(Struct, frozen=True, kw_only=True, gc=False):
    """What of a conversation the model sees. One per thread and conversation, replaced at each turn."""

    conversation: str = ""
    start: int = 1
    """The number of the first message in view."""
    body: bytes


class EventRow(Struct, frozen=True, kw_only=True, gc=False):
    """A durable event. ``body`` is JSON of ``events.Event`` with content that lives elsewhere left out."""

    seq: int
    at: float
    path: str
    """The envelope's path as JSON array."""
    body: bytes


class SlotRow(Struct, frozen=True, kw_only=True, gc=False):
    """How one channel changed in one step. It is read back only as far as the ``ranges`` of a checkpoint lead to it."""

    channel: str
    op: Literal["set", "append", "delete"]
    """``set`` begins a new base; ``append`` adds to what the base and later appends hold."""
    body: bytes = b""


class CheckpointRow(Struct, frozen=True, kw_only=True, gc=False):
    """A graph's state at the edge of a step: its head, and only the slots that changed."""

    path: str
    step: int
    version: str
    """Hash of the graph that wrote it."""
    head: bytes
    """JSON. What else there is to know to go on, as ``runtime.codec`` writes it."""
    slots: tuple[SlotRow, ...] = ()
    ranges: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    """For every channel that holds a value: the step of its base, and of its last change."""


class FinishedRow(Struct, frozen=True, kw_only=True, gc=False):
    """An activation of an open step that is done: after a crash it does not run again."""

    path: str
    step: int
    activation: str
    body: bytes


QuestionStatus: TypeAlias = Literal["intent", "open", "answered", "expired", "taken", "withdrawn", "settled", "unknown"]
"""``intent``: something that must not happen twice is under way, and nobody need say anything unless its process dies.
``answered`` and ``expired``: the run has not seen it yet; ``taken``: it has. ``withdrawn``: the run ended first.
``settled``: what an intent announced came to a known end; ``unknown``: its run ended, and nobody knows."""
QuestionKind: TypeAlias = Literal["question", "approval", "outcome"]


class QuestionRow(Struct, frozen=True, kw_only=True, gc=False):
    """A question of a run, or what may become one."""

    id: str
    path: str
    payload: bytes
    schema: bytes | None = None
    expires_at: float | None = None
    status: QuestionStatus = "open"
    answer: bytes | None = None
    run_id: str = ""
    thread_id: str = ""
    created_at: float = 0.0
    kind: QuestionKind = "question"
    fallback: bytes | None = None
    """The answer where nobody gives one until ``expires_at``; without it the question expires."""
    target: str = ""
    thread_title: str = ""
    user_id: str = ""


class RunChange(Struct, frozen=True, kw_only=True, gc=False):
    """What a commit changes in the run's own row. ``None`` leaves a column as it is."""

    status: Status | None = None
    """A resting status also gives the thread free."""
    output: bytes | None = None
    error: str | None = None
    usage: bytes | None = None
    first_message: int | None = None
    forget_input: bool = False


class Commit(Struct, kw_only=True, gc=False):
    """Everything that one move of a run leaves behind: written in one transaction, or not at all.

    Idempotent: the same commit again changes nothing. A commit resets ``attempts`` where it holds a
    checkpoint, and always brings ``runs.seq`` and ``threads.head_seq`` up to date, and both ``updated_at`` where
    it changes the run (the thread's also with every message, and within a second of any other commit).
    Whoever commits after a commit that failed is refused too: a run has no gap.
    """

    run_id: str
    fence: int
    thread_id: str
    workspace: str
    user_id: str
    seq: int
    """The run's last durable event after this commit."""
    at: float
    events: list[EventRow] = field(default_factory=list[EventRow])
    messages: list[MessageRow] = field(default_factory=list[MessageRow])
    contexts: list[ContextRow] = field(default_factory=list[ContextRow])
    checkpoints: list[CheckpointRow] = field(default_factory=list[CheckpointRow])
    finished: list[FinishedRow] = field(default_factory=list[FinishedRow])
    questions: list[QuestionRow] = field(default_factory=list[QuestionRow])
    steering: SteeringRow | None = None
    run: RunChange | None = None
    calls: list[CallRow] = field(default_factory=list[CallRow])
    """Model calls that ended; what was reserved for them is settled."""


class Snapshot(Struct, frozen=True, kw_only=True):
    """The newest checkpoint of a graph in a thread, with all that is needed to go on from it."""

    step: int
    version: str
    head: bytes
    ranges: dict[str, tuple[int, int]]
    slots: tuple[tuple[int, SlotRow], ...]
    """(step, slot), oldest first: for each channel its base and every append after it."""
    finished: tuple[FinishedRow, ...]
    """Of the step that is open."""


class Opened(Struct, frozen=True, kw_only=True):
    """Where a thread stands."""

    head_seq: int = 0
    """The number of its last message."""
    created_at: float = 0.0
    """Tells it from a deleted thread that had its id."""
    forks: int = 0
    """How often it was forked: with each fork other messages are in view."""
    context: ContextRow | None = None
    messages: tuple[MessageRow, ...] = ()
    """Those in view of the context, in order."""
    snapshot: Snapshot | None = None

    @property
    def mark(self) -> tuple[float, int]:
        """The same for as long as messages are only added."""
        return self.created_at, self.forks


class Page(Struct, frozen=True):
    """Where in a list to read: ``limit`` rows after ``cursor`` (before it, newest first, where ``newest``)."""

    limit: int = 50
    cursor: str | None = None
    newest: bool = True


class Runs(Protocol):
    """Runs: who may drive them, and how they ended."""

    async def create(
        self,
        record: RunRecord,
        enqueue: Enqueue | None,
        *,
        worker: str | None = None,
        title: str = "",
        if_busy: IfBusy = "enqueue",
        commands: Sequence[NewCommand] = (),
        ended: list[str] | None = None,
    ) -> RunRecord:
        """Insert the run (and its thread, where it is new) and enqueue job ``run/0`` in one transaction.

        With a ``worker`` the run is acquired for it in the same transaction, if its thread is free; else it
        stays ``queued``, kept for that worker. Without ``enqueue`` there is no job: the caller sees to it. A new
        thread gets ``title``.

        With an ``idempotency_key`` that the workspace has seen, nothing is written and the run that
        has it comes back.

        A thread is busy while a run of it is running, waits for its turn, or is held by a person. The runs of
        a thread begin in the order in which they were created. ``interrupt`` and ``rollback`` end all others that
        have not ended yet; their ids are added to ``ended``. ``commands`` are the first in its inbox.

        Raises:
            NotFound: the thread belongs to somebody else.
            Conflict: the key was used for another thread, target or input; or the thread is busy (``reject``).
        """
        ...

    async def get(self, scope: Scope, run_id: str) -> RunRecord:
        """Raises: NotFound."""
        ...

    async def list(
        self, scope: Scope, page: Page, *, thread_id: str | None = None, status: Status | None = None
    ) -> Sequence[RunRecord]:
        """Without ``input`` and ``output``; the cursor is a run id (ids sort by time)."""
        ...

    async def acquire(self, job: Job, worker: str, ttl: float) -> RunRecord | None:
        """Take the run, if this job may: compare and set.

        Queued or due with this epoch, or running with a dead owner (no beat for ``ttl`` seconds by the
        database's clock), and no other run of its thread running, held, or before it in line: then it is
        ``running``, ``owner`` is ``worker``, ``fence`` and ``attempts`` are one more. Anything else: ``None``,
        the job is stale or must wait its turn.
        """
        ...

    async def requeue(
        self,
        run_id: str,
        fence: int | None,
        enqueue: Enqueue | None,
        *,
        wake_at: float | None = None,
        worker: str | None = None,
        limits: bytes | None = None,
    ) -> bool:
        """Queue it again (epoch + 1, fence + 1), in one transaction with its new job, if there is one.

        With a ``fence`` only where it matches (hand back); without, only where the run is ``paused`` (resume).
        With a ``worker`` it is kept for that one, as with ``create``; else it has no owner. ``limits`` take the
        place of those on record.
        """
        ...

    async def cancel(self, scope: Scope, run_id: str, reason: str | None, *, by: str | None = None) -> RunRecord | None:
        """End it from outside: fence + 1, status ``cancelled``, and its last event, ``run.cancelled``.

        Whoever drives it is rung.

        ``None`` where it had ended already. Raises: NotFound.
        """
        ...

    async def events(self, scope: Scope, run_id: str, *, after: int = 0, limit: int = 1000) -> Sequence[EventRow]: ...

    async def waiting(self, limit: int = 1000) -> Sequence[Job]:
        """Jobs of queued and sleeping runs, oldest first, but for those that are kept for a worker which is there."""
        ...


class Workers(Protocol):
    """Which processes are alive, by the database's clock."""

    async def beat(self, worker: str, *, draining: bool = False) -> None: ...

    async def gone(self, worker: str) -> None: ...

    async def all(self) -> Sequence[str]:
        """The workers that have said hello and not good-bye."""
        ...

    async def lost(self, worker: str, fences: Mapping[str, int]) -> Sequence[str]:
        """Which of these runs (id to fence) are no longer running under this worker and fence."""
        ...

    async def reap(self, ttl: float, enqueue: Enqueue) -> int:
        """Requeue the running runs whose owner has not beaten for ``ttl`` seconds; how many."""
        ...


class Questions(Protocol):
    """What runs ask people."""

    async def open(
        self,
        scope: Scope,
        page: Page,
        *,
        run_id: str | None = None,
        thread_id: str | None = None,
        status: QuestionStatus = "open",
    ) -> Sequence[QuestionRow]:
        """By ``created_at``; the cursor is ``created_at:run_id:id`` of the last row (the time as ``repr``)."""
        ...

    async def find(self, scope: Scope, run_id: str, ids: Sequence[str]) -> Sequence[QuestionRow]:
        """These questions of a run, whatever their status. Raises: NotFound."""
        ...

    async def answer(
        self,
        scope: Scope,
        run_id: str,
        answers: Mapping[str, bytes],
        enqueue: Enqueue | None,
        *,
        worker: str | None = None,
        limits: bytes | None = None,
    ) -> bool:
        """Record all of these answers or none, and requeue the run in the same transaction.

        It is requeued (kept for ``worker``, as with ``Runs.requeue``) where it is paused and something has been
        answered, or has expired, that it has not taken yet: whether that was so comes back. The same answer again is
        no error.

        Raises: NotFound; Conflict (another answer is on record, or the question is closed).
        """
        ...

    async def take(self, run_id: str, fence: int) -> Sequence[QuestionRow]:
        """All questions of a run, as they were; those that are answered or expired are ``taken`` from now on.

        With a ``fence`` that is not the run's any more nothing changes.
        """
        ...

    async def wake(self, enqueue: Enqueue, limit: int = 100) -> int:
        """Expire the questions that are due, and requeue paused runs that have something to take; how many."""
        ...


class Threads(Protocol):
    """Threads, their messages and contexts, and the state of graphs in them."""

    async def get(self, scope: Scope, thread_id: str) -> ThreadRecord:
        """Raises: NotFound."""
        ...

    async def list(self, scope: Scope, page: Page) -> Sequence[ThreadRecord]:
        """By ``updated_at``; the cursor is ``updated_at:id`` of the last row (the time as ``repr``)."""
        ...

    async def rename(self, scope: Scope, thread_id: str, title: str) -> None: ...

    async def delete(self, scope: Scope, thread_id: str) -> None:
        """Everything of it: messages, contexts, runs, events, checkpoints, questions.

        Raises: NotFound; Conflict (a run is running).
        """
        ...

    async def messages(
        self,
        scope: Scope,
        thread_id: str,
        *,
        conversation: str | None = "",
        after: int = 0,
        before: int | None = None,
        limit: int = 50,
        newest: bool = False,
    ) -> Sequence[MessageRow]:
        """Messages with ``after < seq < before`` in order: the first ``limit`` of them, or with ``newest`` the last.

        ``conversation=None`` means all conversations of the thread.
        """
        ...

    async def open(self, thread_id: str, *, path: str | None = None, conversation: str | None = None) -> "Opened":
        """All that is needed to go on in a thread, in one look.

        The newest checkpoint of the graph at ``path``; the context of a ``conversation`` and its messages in
        view. What is ``None`` is not read. A thread that is not there is empty.
        """
        ...

    async def earlier(self, thread_id: str, path: str, before: int) -> Snapshot | None:
        """The last state of the graph at ``path`` at a step before this one, if it is kept."""
        ...


class CheckpointNote(Struct, frozen=True, kw_only=True):
    """A checkpoint in a list: all of it but its values."""

    step: int
    version: str
    head: bytes
    changed: tuple[str, ...]
    """The channels that its step wrote."""
    run_id: str | None
    """``None`` where the run is another thread's, or forgotten."""
    at: float


class Branch(Struct, kw_only=True):
    """A thread that goes on from an earlier checkpoint, or a new one that begins there."""

    run: RunRecord
    """The run that stands for it, on record as finished: of the thread that is written to."""
    source: str
    """The thread it is forked from: the run's own, or one whose messages are to be copied."""
    upto: int = 0
    """The last message to copy."""
    events: list[EventRow]
    checkpoint: CheckpointRow | None = None
    finished: list[FinishedRow] = field(default_factory=list[FinishedRow])
    messages: list[MessageRow] = field(default_factory=list[MessageRow])
    context: ContextRow | None = None


class History(Protocol):
    """What threads were: their checkpoints, and lines that branch off them."""

    async def paths(self, scope: Scope, thread_id: str) -> Sequence[str]:
        """Of all graphs that left a checkpoint in the thread. Raises: NotFound."""
        ...

    async def checkpoints(
        self, scope: Scope, thread_id: str, path: str, *, before: int | None = None, limit: int = 50
    ) -> Sequence[CheckpointNote]:
        """Those of the graph at ``path`` with a step below ``before``, newest first. Raises: NotFound."""
        ...

    async def at(self, scope: Scope, thread_id: str, path: str, step: int | None = None) -> Snapshot:
        """The state at a step; the newest without one. Raises: NotFound."""
        ...

    async def branch(self, scope: Scope, branch: Branch) -> RunRecord:
        """Write all of it, or nothing. The thread's runs that wait in the midst of something end as cancelled.

        Raises:
            NotFound: no such thread.
            Conflict: a run of the thread is running; the new thread is there already; the thread has moved on, so
                that the step is taken.
        """
        ...

    async def forget(self, scope: Scope, thread_id: str, steps: Mapping[str, Sequence[int]]) -> int:
        """Forget these checkpoints, by the paths of their graphs: all of them or none; how many were there.

        Those that stay stay readable: whatever holds a value of theirs is kept. A graph of which none stays is gone.

        Raises:
            NotFound: no such thread.
        """
        ...

    async def compact(self) -> None:
        """Give space back: no byte of what was deleted is in the files after it (PostgreSQL: see VACUUM)."""
        ...


class Blobs(Protocol):
    """Bytes by their SHA-256, kept once per workspace."""

    async def put(self, scope: Scope, body: bytes, mime: str) -> str:
        """The hash, in hex. Putting the same bytes again writes nothing."""
        ...

    async def get(self, scope: Scope, sha256: str) -> tuple[bytes, str]:
        """The bytes and their MIME type. Raises: NotFound."""
        ...


class Waiting(Struct, frozen=True, kw_only=True):
    """A command that was not taken yet, and its run."""

    run: RunRecord
    command: CommandRow


Fits: TypeAlias = Callable[[Status, bool, bool], None]
"""Called with the run's status, whether commands wait, and whether questions are open. Raises ``Conflict``."""


class Inbox(Protocol):
    """Commands for runs: in order, and each taken exactly once, by the commit that acts on it."""

    async def send(
        self,
        scope: Scope,
        run_id: str,
        command: NewCommand,
        fits: Fits,
        enqueue: Enqueue | None,
        *,
        worker: str | None = None,
    ) -> int:
        """Put the command on record; its number. A paused run is queued again in the same transaction, if it wakes it.

        With a ``worker`` the run is then kept for that one, as with ``Runs.requeue``. Others who listen are rung.

        Raises:
            NotFound: no such run, or it is not yours.
            Conflict: as ``fits`` says.
        """
        ...

    async def read(self, run_id: str, *, after: int = 0) -> tuple[SteeringRow, Sequence[CommandRow]]:
        """How the run is steered, and the commands with a greater number than ``after`` that wait, in order."""
        ...

    async def waiting(self, worker: str, limit: int = 500) -> Sequence[Waiting]:
        """What waits for runs that this worker drives, for paused runs that it wakes, and for ended runs."""
        ...

    async def sweep(self, *, before: float) -> None:
        """Forget commands that were taken, and those older than ``before`` of runs that ended but for messages."""
        ...

    async def discard(self, run_id: str, number: int) -> None:
        """Forget this one: it was seen to in another way."""


class Ledger(Protocol):
    """What model calls cost. Calls come in with the commits that end them."""

    async def sums(
        self,
        scope: Scope,
        by: Sequence[Dimension],
        *,
        since: float = 0.0,
        until: float | None = None,
        only: Mapping[Dimension, str] | None = None,
    ) -> Sequence[CostRow]:
        """Sums over the calls that began in ``since <= at < until``, in the order of their keys.

        ``only`` keeps those with these values. What is left of deleted threads has no run and no thread.
        """
        ...


class Budgets(Protocol):
    """How much may be spent, and what is reserved of it."""

    async def list(self, workspace: str) -> Sequence[BudgetRow]: ...

    async def set(self, workspace: str, budget: BudgetRow) -> None:
        """Make it, or change it: what was spent stays spent."""
        ...

    async def remove(self, workspace: str, budget: BudgetRow) -> bool:
        """Whether there was one of that kind, subject and period."""
        ...

    async def used(self, workspace: str, allowance: Allowance) -> Tally: ...

    async def reserve(self, wanted: Reservation, ttl: float) -> Shortage | None:
        """Set aside what a call may cost, of all the budgets that it falls under or of none.

        All in one transaction, exact however many do so at once. What dead runs hold is given back where
        there would be too little else: those that do not run any more, or whose process did not beat for ``ttl``
        seconds.
        """
        ...


class Store(Protocol):
    """A database with everything of Weft in it."""

    @property
    def url(self) -> str:
        """Where it is, without a password."""
        ...

    @property
    def runs(self) -> Runs: ...

    @property
    def threads(self) -> Threads: ...

    @property
    def questions(self) -> Questions: ...

    @property
    def history(self) -> History: ...

    @property
    def workers(self) -> Workers: ...

    @property
    def blobs(self) -> Blobs: ...

    @property
    def trails(self) -> Trails: ...

    @property
    def inbox(self) -> Inbox: ...

    @property
    def ledger(self) -> Ledger: ...

    @property
    def budgets(self) -> Budgets: ...

    def commit(self, commit: Commit) -> "Future[None]":
        """Queue the commit at once, in order; the future is done when it is durable.

        Commits of all runs of a process that wait at the same time share one transaction. The call
        itself puts it in line, so a caller may go on and await later, or never.

        Raises:
            Fenced: another process owns the run; nothing was written.
            StoreFull, StoreLocked: nothing was written; the store works again once the cause is gone.
            Conflict: an earlier commit of the run was not written, so this one would leave a gap.
        """
        ...

    async def close(self) -> None:
        """Finish what is in line, and let go of the database."""
        ...

    def listen(self, ring: Callable[[str], None]) -> Callable[[], None]:
        """Call ``ring(run_id)`` when another process may have committed to a run; returns how to stop.

        A hint only: it may come late, twice or never. A store without such a bell never calls.
        """
        ...
