"""Everything that can happen in a run: one closed union, one envelope.

There is no ``AgentX``, ``TeamX`` and ``WorkflowX`` of each event. *Where* it happened is the
envelope's ``path``; *what* happened is the event. Durable events have gapless numbers and are
stored with the state they belong to. Passing ones (``PASSING``) tell a live listener what is going on
right now; what must be known later is repeated in the durable event that ends them.

Those that hold only plain values are left out of garbage collection (``gc=False``): they can be in no circle,
and a server makes very many of them.

Content lives once: a stored ``message.added`` keeps the number of the message, not its words, and
a reader joins the two again.
"""

import time
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Struct

from weft.messages import Message, ToolResult, Usage


class _Event(Struct, frozen=True, tag_field="type", omit_defaults=True):
    """What all events share: they are small, immutable and tagged by ``type``."""


class RunStarted(_Event, frozen=True, gc=False, tag="run.started"):
    target: str
    step: int = 0
    """The first step of the run in its thread; 0 where nothing is kept."""


class RunResumed(_Event, frozen=True, gc=False, tag="run.resumed"):
    """The run goes on: after an answer, after its process died, or as somebody who held it lets it."""

    target: str
    reason: Literal["answered", "recovered", "asked"] = "recovered"


class Question(Struct, frozen=True, omit_defaults=True):
    """Something only a person can say. ``id`` is the same after a restart."""

    id: str
    payload: Any
    schema: dict[str, Any] | None = None
    """JSON Schema of the answer."""
    kind: Literal["question", "approval", "outcome"] = "question"
    """``approval``: of a tool's call. ``outcome``: whether something that must not happen twice has happened."""
    expires_at: float | None = None
    """When it stops waiting, in seconds since the epoch."""

    def approve(self) -> Any:
        """The answer that lets the call go ahead, or that says yes."""
        return {"decision": "approve"} if self.kind == "approval" else True

    def edit(self, **arguments: Any) -> Any:
        """The answer that lets the call go ahead with these arguments changed."""
        return {"decision": "edit", "arguments": {**self.payload["arguments"], **arguments}}

    def reject(self, reason: str | None = None) -> Any:
        """The answer that stops the call, or that says no."""
        if self.kind != "approval":
            return False
        return {"decision": "reject"} if reason is None else {"decision": "reject", "reason": reason}

    def respond(self, response: Any) -> Any:
        """The answer that is given to the model in place of the call's result."""
        return {"decision": "respond", "response": response} if self.kind == "approval" else response

    def happened(self, result: Any = None) -> Any:
        """Of an outcome: it happened, and this is what came of it."""
        return {"outcome": "happened", "result": result}

    def did_not_happen(self) -> Any:
        """Of an outcome: it did not happen, so do it now."""
        return {"outcome": "did_not_happen"}

    def fail(self, reason: str | None = None) -> Any:
        """Of an outcome: go on without it, as though it had failed."""
        return {"outcome": "fail"} if reason is None else {"outcome": "fail", "reason": reason}


Pause: TypeAlias = Literal["question", "asked", "breakpoint", "limit", "budget", "version"]
"""Why a run rests before its end."""


class RunPaused(_Event, frozen=True, tag="run.paused"):
    """The run rests before its end, and can go on: why, and the answers it waits for, if any."""

    questions: tuple[Question, ...] = ()
    reason: Pause = "question"


class RunFinished(_Event, frozen=True, tag="run.finished"):
    output: Any = None
    usage: Usage | None = None


class RunFailed(_Event, frozen=True, tag="run.failed"):
    code: str
    message: str


class RunCancelled(_Event, frozen=True, gc=False, tag="run.cancelled"):
    reason: str | None = None
    by: str | None = None
    """Who did it, where somebody did."""


class RunSteered(_Event, frozen=True, tag="run.steered"):
    """Somebody steered the run from outside, and this is what came of it."""

    command: str
    """``pause``, ``resume``, ``step``, ``breakpoints``, ``inject``, ``state``, ``rerun`` or ``rollback``."""
    by: str
    number: int
    """Of the command in the run's inbox."""
    detail: Any = None
    refused: str | None = None
    """Why nothing was done, where that is so."""


class NodeStarted(_Event, frozen=True, gc=False, tag="node.started"):
    node: str
    attempt: int = 1


class NodeFinished(_Event, frozen=True, gc=False, tag="node.finished"):
    node: str
    started_at: float = 0.0
    """Seconds since the epoch."""
    attempt: int = 1


class NodeFailed(_Event, frozen=True, gc=False, tag="node.failed"):
    node: str
    code: str
    message: str
    started_at: float = 0.0
    attempt: int = 1
    retrying: bool = False


class ModelStarted(_Event, frozen=True, gc=False, tag="model.started"):
    model: str


class ModelFinished(_Event, frozen=True, gc=False, tag="model.finished"):
    model: str
    usage: Usage
    started_at: float = 0.0
    first_piece_at: float | None = None
    """When the first piece arrived; ``None`` where nothing did."""
    finish: str = "stop"
    cached: bool = False
    """Whether it was given before, and no model was asked."""
    beside: bool = False  # no chat, but a picture, a sound or vectors: that is no turn of an agent


class ModelFailed(_Event, frozen=True, gc=False, tag="model.failed"):
    """A model call that gave no answer. Its node may try again, and then the run goes on."""

    model: str
    code: str
    message: str
    started_at: float = 0.0
    replaced: bool = False
    """Whether a router asked another deployment in its place, as part of the same call."""
    ended_at: float = 0.0  # where that was before this was told


class RouteDecided(_Event, frozen=True, gc=False, tag="route.decided"):
    """Which model takes the turn, and why: a rule or a model decided it, or nobody did."""

    model: str
    reason: str = ""
    by: Literal["rule", "model", "default"] = "rule"


class OutputDecided(_Event, frozen=True, gc=False, tag="output.decided"):
    """How the model is brought to the shape of the output, and why so: told when it is first so in a run."""

    model: str
    level: Literal["native", "tool", "json", "prompt"]
    """It keeps to a schema, gives a tool's arguments, answers in JSON mode, or is told the schema in words."""
    reason: str = ""


Decision: TypeAlias = Literal["allow", "ask", "deny"]
Stage: TypeAlias = Literal["input", "output", "call", "result"]
"""What a guard looks at: what a model is told and what it says, what a tool is called with and what it gives."""


class ToolStarted(_Event, frozen=True, tag="tool.started"):
    call_id: str
    name: str
    arguments: dict[str, Any] = {}


class Judgement(Struct, frozen=True, omit_defaults=True):
    """What the audit keeps of a tool call that a policy judged: nothing of what was said, but its hashes."""

    decision: Decision
    rule: str
    effect: str
    arguments: str
    """SHA-256 of the arguments it was made with, as JSON with sorted keys; in hex."""
    result: str | None = None
    """SHA-256 of the result's text, where the tool was called."""
    answer: str = ""
    """What a person said, where one was asked: ``approve``, ``edit``, ``reject`` or ``respond``."""
    sources: tuple[str, ...] = ()
    """The untrusted sources that influenced it."""


class ToolJudged(_Event, frozen=True, gc=False, tag="tool.judged"):
    """A policy had something to say of a tool call: by which rule, why, and what a person answered to it."""

    call_id: str
    name: str
    decision: Decision
    rule: str
    reason: str = ""
    sources: tuple[str, ...] = ()
    answer: str = ""


class ToolFinished(_Event, frozen=True, gc=False, tag="tool.finished"):
    call_id: str
    name: str
    started_at: float = 0.0
    failed: bool = False
    result: ToolResult | None = None
    """Live only; a stored event leaves it out, as the tool's message has it."""
    judged: Judgement | None = None
    """Live only; the audit has it."""


class GuardPassed(_Event, frozen=True, gc=False, tag="guard.passed"):
    """A guard looked, and had nothing to say."""

    guard: str
    stage: Stage


class GuardDecided(_Event, frozen=True, gc=False, tag="guard.decided"):
    """A guard changed or blocked something, or asked a person about it."""

    guard: str
    stage: Stage
    decision: Literal["change", "block", "ask"]
    reason: str = ""
    call_id: str | None = None
    """The tool call that it was about."""


class Delta(_Event, frozen=True, gc=False, tag="delta"):
    """A piece of a message that is still being written."""

    message_id: str
    text: str
    kind: Literal["text", "reasoning"] = "text"


class MessageAdded(_Event, frozen=True, gc=False, tag="message.added"):
    """A message is in the thread, under number ``seq``."""

    seq: int
    message: Message | None = None


class ContextCompacted(_Event, frozen=True, gc=False, tag="context.compacted"):
    """The context begins at message ``start`` now; what came before is in the summary, if there is one."""

    start: int
    summarised: bool = False


class MemoryRecalled(_Event, frozen=True, gc=False, tag="memory.recalled"):
    """These memories were put before what the user said, best fit first."""

    ids: tuple[str, ...]


class KnowledgeSource(Struct, frozen=True, gc=False):
    """A passage of a document that a model was given, and that its answer cites as ``[n]``."""

    n: int
    collection: str
    document: str
    """Its id."""
    name: str
    page: int | None = None
    offset: int = 0
    """Characters before it in the document's text."""


class KnowledgeFound(_Event, frozen=True, gc=False, tag="knowledge.found"):
    """These passages were given to the model, best fit first: by a tool's call, or (``automatic``) unasked."""

    sources: tuple[KnowledgeSource, ...]
    automatic: bool = False


class StepCommitted(_Event, frozen=True, gc=False, tag="step.committed"):
    step: int
    changed: tuple[str, ...] = ()


class ThreadForked(_Event, frozen=True, gc=False, tag="thread.forked"):
    """The thread goes on from an earlier step, or another thread began there; perhaps with something written to it."""

    step: int
    """The checkpoint that was made."""
    parent: int
    """The one it continues."""
    source: str = ""
    """The thread it was forked from, where that is another one."""
    node: str = ""
    """In whose name something was written."""
    changed: tuple[str, ...] = ()


class LimitReached(_Event, frozen=True, gc=False, tag="limit.reached"):
    limit: str
    message: str


class EffectStarted(_Event, frozen=True, gc=False, tag="effect.started"):
    """Something that must not happen twice is about to begin; from here on nobody may repeat it unasked."""

    name: str
    key: str
    """The idempotency key that it was given."""


class EffectUnknown(_Event, frozen=True, gc=False, tag="effect.unknown"):
    """Nobody knows whether it happened: its process died, it took too long, it raised, or it was cancelled."""

    name: str
    key: str
    message: str = ""


class Custom(_Event, frozen=True, tag="custom"):
    """Something of the application's own."""

    name: str
    data: Any = None


ASIDE = "answer.aside"
"""The ``Custom`` event of an answer that is in no thread, as another model goes on from it: its data is the message."""
REFUSED = "answer.invalid"
"""The ``Custom`` event of an answer that ended its run, and so is in no thread: its data is the message."""

Event: TypeAlias = (
    RunStarted | RunResumed | RunPaused | RunFinished | RunFailed | RunCancelled | RunSteered
    | NodeStarted | NodeFinished | NodeFailed | ModelStarted | ModelFinished | ModelFailed | ToolStarted | ToolFinished
    | ToolJudged | GuardPassed | GuardDecided | RouteDecided | OutputDecided | Delta | MessageAdded | ContextCompacted
    | MemoryRecalled | KnowledgeFound | StepCommitted | ThreadForked | LimitReached | EffectStarted | EffectUnknown
    | Custom
)  # fmt: skip

PASSING = frozenset({Delta, NodeStarted, ModelStarted, ToolStarted, GuardPassed})
"""Shown and forgotten: what they say is repeated by the durable event that ends them."""

RESTING = frozenset({RunFinished, RunFailed, RunCancelled, RunPaused})
"""After one of these, nothing happens in the run until somebody acts."""


class Envelope(Struct, frozen=True, kw_only=True, gc=False):
    """An event, and when and where it happened.

    ``seq`` counts the durable events of the run from 1, without gaps; a passing event carries the
    ``seq`` of the last durable one before it. ``at`` is in seconds since the epoch. ``path`` leads
    from the run's target down: ``("desk", "3:write", "writer#1")``.
    """

    run_id: str
    seq: int
    at: float
    path: tuple[str, ...]
    event: Event

    @property
    def durable(self) -> bool:
        return type(self.event) not in PASSING


def now() -> float:
    """Seconds since the epoch, to the microsecond: as exactly as times of events are kept."""
    return time.time_ns() // 1_000 / 1e6


encode = msgspec.json.Encoder().encode
"""The one codec of events: the store, the wire and the UI's types all come from it."""
decode_event = msgspec.json.Decoder(Event).decode
decode_envelope = msgspec.json.Decoder(Envelope).decode
