"""The rows that cross the port of a store. Bodies are bytes: what is in them is the business of ``runtime``."""

from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Struct, field

from weft.events import Event, Question
from weft.storage.accounts import CallRow
from weft.storage.commands import CommandRow, SteeringRow

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


class Happened(Struct, frozen=True, gc=False):
    """An event of a run: when, where, what."""

    at: float
    path: tuple[str, ...]
    event: Event


class EventRow(Happened, frozen=True, kw_only=True, gc=False):
    """A durable event, with content that lives elsewhere left out, and of plain values only."""

    seq: int


class SlotRow(Struct, frozen=True, kw_only=True, gc=False):
    """How one channel changed in one step, as it is read back."""

    channel: str
    op: Literal["set", "append"]
    """``set`` begins a new base; ``append`` adds to what the base and later appends hold."""
    body: bytes = b""


class CheckpointRow(Struct, frozen=True, gc=False):
    """A graph's state at the edge of a step: its head, and only the slots that changed."""

    path: str
    step: int
    version: str
    """Hash of the graph that wrote it."""
    head: bytes
    """What else there is to know to go on, as ``runtime.codec`` writes it."""
    values: dict[str, bytes] = field(default_factory=dict[str, bytes])
    """Of the channels that were set in this step."""
    added: dict[str, bytes] = field(default_factory=dict[str, bytes])
    """What the step added to channels that keep more than that."""
    ranges: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    """Of all that hold a value and were not set: the step of their base, and of their last change."""


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

    @property
    def question(self) -> Question:
        """What is asked, as the result of a paused run has it."""
        schema = None if self.schema is None else msgspec.json.decode(self.schema)
        return Question(self.id, msgspec.json.decode(self.payload), schema, self.kind, self.expires_at)


class RunChange(Struct, frozen=True, kw_only=True, gc=False):
    """What a commit changes in the run's own row. ``None`` leaves a column as it is."""

    status: Status | None = None
    """A resting status also gives the thread free."""
    output: bytes | None = None
    error: str | None = None
    usage: bytes | None = None
    first_message: int | None = None
    forget_input: bool = False


class UseRow(Struct, frozen=True, kw_only=True, gc=False):
    """One call of a tool that a policy judged: who, what and by which rule, and hashes of what was said."""

    seq: int
    """The number of the event that says how it ended."""
    at: float
    """When it ended, in seconds since the epoch."""
    run_id: str
    agent: str
    tool: str
    call_id: str
    effect: str
    decision: str
    """``allow``, ``ask`` or ``deny``."""
    rule: str
    answer: str = ""
    """What a person said, where one was asked."""
    sources: str = ""
    """The untrusted sources that influenced it, one a line."""
    arguments: bytes
    """SHA-256."""
    result: bytes | None = None
    """SHA-256; ``None`` where the tool was not called."""
    failed: bool = False
    duration: int = 0
    """Milliseconds."""
    user_id: str = ""
    """For whom; filled in by the store."""


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
    """The run's last durable event after this commit: the last of ``events``, which have no gap."""
    at: float
    events: list[Happened] = []
    messages: list[MessageRow] = []
    contexts: list[ContextRow] = []
    checkpoints: list[CheckpointRow] = []
    finished: list[FinishedRow] = []
    questions: list[QuestionRow] = []
    steering: SteeringRow | None = None
    run: RunChange | None = None
    calls: list[CallRow] = []
    """Model calls that ended; what was reserved for them is settled."""
    uses: list[UseRow] = field(default_factory=list[UseRow])
    """Tool calls that a policy judged, and that ended."""
    seal: Any = None
    """What seals its rows, where the store is sealed; its own to set."""


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
    events: list[Happened]
    checkpoint: CheckpointRow | None = None
    finished: list[FinishedRow] = field(default_factory=list[FinishedRow])
    messages: list[MessageRow] = field(default_factory=list[MessageRow])
    context: ContextRow | None = None


class Waiting(Struct, frozen=True, kw_only=True):
    """A command that was not taken yet, and its run."""

    run: RunRecord
    command: CommandRow
