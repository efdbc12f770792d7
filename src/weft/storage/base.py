"""What a store keeps and what it promises: the port, and the rows that cross it.

Only this module and ``weft.storage.open_store`` may be named from outside ``storage``. Bodies are
bytes here: what is in them is the business of ``runtime``, never of a store. Every read on behalf of
a person takes a ``Scope``, and the predicate is applied inside the store.
"""

from asyncio import Future
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from weft.storage.answer_rows import Answers
from weft.storage.audit_rows import Audit
from weft.storage.belonging_rows import Belongings
from weft.storage.books import Budgets, Ledger
from weft.storage.chore_rows import Chores
from weft.storage.commands import CommandRow, IfBusy, NewCommand, SteeringRow
from weft.storage.feedback_rows import Feedback
from weft.storage.item_rows import Items
from weft.storage.key_rows import Keys
from weft.storage.knowledge_rows import Documents, Indexing
from weft.storage.memory_rows import Shelves
from weft.storage.note_rows import Notes
from weft.storage.outside_rows import Outside
from weft.storage.report_rows import Reports
from weft.storage.rows import ENDED as ENDED
from weft.storage.rows import RESTING as RESTING
from weft.storage.rows import RINGS_ALL as RINGS_ALL
from weft.storage.rows import Branch as Branch
from weft.storage.rows import CheckpointNote as CheckpointNote
from weft.storage.rows import CheckpointRow as CheckpointRow
from weft.storage.rows import Commit as Commit
from weft.storage.rows import ContextRow as ContextRow
from weft.storage.rows import EventRow as EventRow
from weft.storage.rows import FinishedRow as FinishedRow
from weft.storage.rows import Happened as Happened
from weft.storage.rows import Job as Job
from weft.storage.rows import MessageRow as MessageRow
from weft.storage.rows import Opened as Opened
from weft.storage.rows import Page as Page
from weft.storage.rows import QuestionKind as QuestionKind
from weft.storage.rows import QuestionRow as QuestionRow
from weft.storage.rows import QuestionStatus as QuestionStatus
from weft.storage.rows import RunChange as RunChange
from weft.storage.rows import RunRecord as RunRecord
from weft.storage.rows import Scope as Scope
from weft.storage.rows import SlotRow as SlotRow
from weft.storage.rows import Snapshot as Snapshot
from weft.storage.rows import Status as Status
from weft.storage.rows import ThreadRecord as ThreadRecord
from weft.storage.rows import UseRow as UseRow
from weft.storage.rows import Waiting as Waiting
from weft.storage.secret_rows import Secrets
from weft.storage.tool_rows import Toolbox as Toolbox
from weft.storage.tool_rows import ToolRow as ToolRow
from weft.storage.trails import Trails
from weft.storage.version_rows import Versioned


class Tx(Protocol):
    """An open transaction of the store, for a dispatcher that keeps its jobs in the same database."""

    async def execute(self, sql: str, *arguments: Any) -> None:
        """Run a statement inside it (PostgreSQL only; ``$1`` placeholders)."""
        ...

    def after_commit(self, call: Callable[[], None]) -> None:
        """Call this once the transaction is durable; never if it is rolled back."""
        ...


Enqueue: TypeAlias = Callable[[Tx, Job], Awaitable[None]]


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

    async def follow(self, late: Waiting, record: RunRecord, enqueue: Enqueue) -> RunRecord | None:
        """Create the run in place of a command that came too late for its own, in one transaction.

        ``None`` where the command is gone: somebody else saw to it, or it was erased.

        Raises:
            NotFound, Conflict: as ``create``; the command is still there.
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
        no error. ``limits`` take the place of those on record, whether it goes on now or later.

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

    async def put(self, scope: Scope, body: bytes, mime: str, *, thread: str | None = None) -> str:
        """The hash, in hex. Putting the same bytes again stores them once.

        With a ``thread`` they are of that thread (and its forks), and go with the last thread that they are of. Without
        one they stay.
        """
        ...

    async def hold(self, scope: Scope, thread: str, sha256s: Sequence[str]) -> None:
        """These are of that thread too, as far as they are there."""
        ...

    async def get(self, scope: Scope, sha256: str) -> tuple[bytes, str]:
        """The bytes and their MIME type. Raises: NotFound."""
        ...


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

    @property
    def routers(self) -> Versioned:
        """JSON of ``models.routing.Routing``."""
        ...

    @property
    def reports(self) -> Reports: ...

    @property
    def answers(self) -> Answers: ...

    @property
    def policies(self) -> Versioned:
        """Of the use of tools: JSON of ``security.policy.Policy``."""
        ...

    @property
    def audit(self) -> Audit: ...

    @property
    def memories(self) -> Shelves: ...

    @property
    def chores(self) -> Chores: ...

    @property
    def feedback(self) -> Feedback: ...

    @property
    def notes(self) -> Notes: ...

    @property
    def secrets(self) -> Secrets: ...

    @property
    def tools(self) -> Toolbox: ...

    @property
    def documents(self) -> Documents: ...

    @property
    def indexing(self) -> Indexing: ...

    @property
    def items(self) -> Items: ...

    @property
    def outside(self) -> Outside: ...

    @property
    def belongings(self) -> Belongings: ...

    @property
    def keys(self) -> Keys: ...

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
