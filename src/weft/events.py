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

from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Struct

from weft.messages import Message, ToolResult, Usage


class _Event(Struct, frozen=True, tag_field="type", omit_defaults=True):
    """What all events share: they are small, immutable and tagged by ``type``."""


class RunStarted(_Event, frozen=True, gc=False, tag="run.started"):
    target: str


class RunResumed(_Event, frozen=True, gc=False, tag="run.resumed"):
    """The run goes on: after an answer, or after its process died."""

    target: str
    reason: Literal["answered", "recovered"] = "recovered"


class Question(Struct, frozen=True, omit_defaults=True):
    """Something only a person can say. ``id`` is the same after a restart."""

    id: str
    payload: Any
    schema: dict[str, Any] | None = None
    """JSON Schema of the answer."""


Pause: TypeAlias = Literal["question", "asked", "breakpoint", "limit", "budget"]
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


class ModelFailed(_Event, frozen=True, gc=False, tag="model.failed"):
    """A model call that gave no answer. Its node may try again, and then the run goes on."""

    model: str
    code: str
    message: str
    started_at: float = 0.0


class ToolStarted(_Event, frozen=True, tag="tool.started"):
    call_id: str
    name: str
    arguments: dict[str, Any] = {}


class ToolFinished(_Event, frozen=True, gc=False, tag="tool.finished"):
    call_id: str
    name: str
    started_at: float = 0.0
    failed: bool = False
    result: ToolResult | None = None
    """Live only; a stored event leaves it out, as the tool's message has it."""


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


class StepCommitted(_Event, frozen=True, gc=False, tag="step.committed"):
    step: int
    changed: tuple[str, ...] = ()


class LimitReached(_Event, frozen=True, gc=False, tag="limit.reached"):
    limit: str
    message: str


class Custom(_Event, frozen=True, tag="custom"):
    """Something of the application's own."""

    name: str
    data: Any = None


Event: TypeAlias = (
    RunStarted | RunResumed | RunPaused | RunFinished | RunFailed | RunCancelled
    | NodeStarted | NodeFinished | NodeFailed | ModelStarted | ModelFinished | ModelFailed | ToolStarted | ToolFinished
    | Delta | MessageAdded | ContextCompacted | StepCommitted | LimitReached | Custom
)  # fmt: skip

PASSING = frozenset({Delta, NodeStarted, ModelStarted, ToolStarted})
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


encode = msgspec.json.Encoder().encode
"""The one codec of events: the store, the wire and the UI's types all come from it."""
decode_event = msgspec.json.Decoder(Event).decode
decode_envelope = msgspec.json.Decoder(Envelope).decode
