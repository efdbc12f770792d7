"""What a client gets: rows of the store as the API shows them. Structs, so that their types are their codec."""

from typing import Any

import msgspec
from fastapi import Response
from msgspec import Raw, Struct

from weft.agents.prompt import Explanation
from weft.events import Envelope
from weft.messages import Json, Media, Message, Reasoning, Text, ToolCall, ToolResult, Usage
from weft.runtime.commands import Breakpoint
from weft.runtime.diffing import RunsDiff, StatesDiff
from weft.runtime.history import Moment
from weft.storage.base import QuestionKind, QuestionRow, QuestionStatus, RunRecord, Status, ThreadRecord
from weft.tools.base import Effect


class QuestionView(Struct, frozen=True, kw_only=True):
    """Something only a person can say."""

    id: str
    payload: Raw
    schema: Raw | None = None
    """JSON Schema of the answer."""
    kind: QuestionKind = "question"
    expires_at: float | None = None
    """Seconds since the epoch; after that its default is the answer, or it is none."""


class InterruptView(Struct, frozen=True, kw_only=True):
    """A question in the inbox: what is needed to show it, and to answer it."""

    run_id: str
    id: str
    """Unique in its run. It may have slashes."""
    kind: QuestionKind
    status: QuestionStatus
    payload: Raw
    schema: Raw | None
    """JSON Schema of the answer."""
    path: list[str]
    """Who asks: from the run's target down."""
    tool: str | None
    """The tool that is to be called, or that may have been."""
    arguments: Json | None
    target: str
    thread_id: str
    thread_title: str
    user_id: str
    created_at: float
    expires_at: float | None
    """Seconds since the epoch; after that its default is the answer, or it is none."""


class RunView(Struct, frozen=True, kw_only=True):
    """One run: a thread moved from an input to rest."""

    id: str
    thread_id: str
    target: str
    user_id: str
    status: Status
    input: Raw
    """As it was sent; ``null`` in lists, and where it is not on record."""
    output: Raw | None
    error: str | None
    """``code: message`` of what ended it badly."""
    usage: Usage | None
    seq: int
    """The number of its last durable event."""
    questions: list[QuestionView]
    created_at: float
    """Seconds since the epoch."""
    updated_at: float


class ThreadView(Struct, frozen=True, kw_only=True):
    """One durable conversation."""

    id: str
    title: str
    target: str
    """What ran in it last."""
    head_seq: int
    """The number of its last message."""
    created_at: float
    updated_at: float


class MessageView(Struct, frozen=True, kw_only=True):
    """A message of a thread."""

    seq: int
    run_id: str | None
    at: float
    message: Message


class ContextItem(Struct, frozen=True, kw_only=True):
    """One piece of what the model sees."""

    source: str
    seq: int | None
    role: str
    tokens: int
    text: str


class ContextView(Struct, frozen=True, kw_only=True):
    """What of a thread the model sees now, and its size in tokens."""

    conversation: str
    start_seq: int
    summary: str | None
    tokens: int
    items: list[ContextItem]


class ToolView(Struct, frozen=True, kw_only=True):
    """One thing that an agent may do."""

    name: str
    description: str
    effect: Effect
    approval: bool
    parameters: Json


class AgentView(Struct, frozen=True, kw_only=True):
    """What can be run, under its name."""

    name: str
    description: str
    model: str
    demo: bool
    """Whether it answers without a real model."""
    instructions: str
    tools: list[ToolView]
    output_schema: Json | None
    memory: bool = False
    """Whether it remembers beyond a thread."""
    profile: Json | None = None
    """The schema of a change to what it keeps of each user."""
    knowledge: list[str] = []
    """The collections of documents that it answers from."""


class StoreHealth(Struct, frozen=True):
    url: str
    ok: bool


class ModelsHealth(Struct, frozen=True):
    default: str
    reason: str
    """Why this one."""
    demo: bool


class HealthView(Struct, frozen=True, kw_only=True):
    """Whether the server works, and on what."""

    status: str
    version: str
    store: StoreHealth
    workspace: str
    models: ModelsHealth


class Agents(Struct, frozen=True):
    items: list[AgentView]


class Interrupts(Struct, frozen=True):
    items: list[InterruptView]
    next: str | None
    """Give it as ``cursor`` for the page after this one."""


class Answered(Struct, frozen=True):
    """How a run stands after an answer."""

    run_id: str
    status: Status


class AnsweredRuns(Struct, frozen=True):
    items: list[Answered]


class Threads(Struct, frozen=True):
    items: list[ThreadView]
    next: str | None
    """Give it as ``cursor`` for the page after this one."""


class Runs(Struct, frozen=True):
    items: list[RunView]
    next: str | None


class Messages(Struct, frozen=True):
    items: list[MessageView]
    next: int | None
    """Give it as ``before`` (where ``newest``) or as ``after`` for the page after this one."""


class Events(Struct, frozen=True):
    items: list[Envelope]


class Moments(Struct, frozen=True):
    items: list[Moment]
    next: int | None
    """Give it as ``before`` for the page after this one."""


class StateMessage(Struct, frozen=True):
    """A message that was in view."""

    seq: int
    message: Message


class StateAt(Struct, frozen=True, kw_only=True):
    """The state of a graph after a step."""

    thread_id: str
    path: str
    step: int
    next: tuple[str, ...]
    """The nodes that are to run."""
    values: dict[str, Raw]
    messages: list[StateMessage]
    summary: str | None


class ForkView(Struct, frozen=True, kw_only=True):
    """Where a thread goes on from now."""

    thread_id: str
    path: str
    step: int
    parent: int
    """The step that it continues."""
    next: tuple[str, ...]
    run_id: str
    """The run that stands for the fork."""
    run: RunView | None
    """The run that goes on from it."""


class Breakpoints(Struct, frozen=True):
    breakpoints: list[Breakpoint]


VIEWS: tuple[type[Struct], ...] = (
    Moments, StateAt, ForkView, RunsDiff, StatesDiff,
    RunView, Runs, InterruptView, Interrupts, Answered, AnsweredRuns,
    ThreadView, Threads, Messages, ContextView, AgentView, Agents, HealthView, Events, Envelope,
    Breakpoints,
)  # fmt: skip
"""Whatever an answer may hold: the types of the OpenAPI document."""


def reply(view: Struct, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """The view as JSON."""
    return Response(msgspec.json.encode(view), status, headers, media_type="application/json")


def thread_view(record: ThreadRecord) -> ThreadView:
    return ThreadView(
        id=record.id,
        title=record.title,
        target=record.target,
        head_seq=record.head_seq,
        created_at=record.created_at,
        updated_at=record.updated_at,
    )


def run_view(record: RunRecord, questions: list[QuestionView]) -> RunView:
    return RunView(
        id=record.id,
        thread_id=record.thread_id,
        target=record.target,
        user_id=record.user_id,
        status=record.status,
        input=Raw(record.input),
        output=None if record.output is None else Raw(record.output),
        error=record.error,
        usage=None if record.usage is None else msgspec.json.decode(record.usage, type=Usage),
        seq=record.seq,
        questions=questions,
        created_at=record.created_at,
        updated_at=record.updated_at,
    )


def as_input(message: Message) -> bytes:
    """What a client would send to say this message: its words, or its parts."""
    if len(message.parts) == 1 and isinstance(message.parts[0], Text):
        return msgspec.json.encode(message.parts[0].text)
    return msgspec.json.encode(message.parts)


def question_view(row: QuestionRow) -> QuestionView:
    return QuestionView(
        id=row.id,
        payload=Raw(row.payload),
        schema=None if row.schema is None else Raw(row.schema),
        kind=row.kind,
        expires_at=row.expires_at,
    )


def interrupt_view(row: QuestionRow) -> InterruptView:
    told: Any = msgspec.json.decode(row.payload) if row.kind != "question" else {}
    return InterruptView(
        run_id=row.run_id,
        id=row.id,
        kind=row.kind,
        status=row.status,
        payload=Raw(row.payload),
        schema=None if row.schema is None else Raw(row.schema),
        path=row.path.split("/"),
        tool=told.get("tool", told.get("name")),
        arguments=told.get("arguments"),
        target=row.target,
        thread_id=row.thread_id,
        thread_title=row.thread_title,
        user_id=row.user_id,
        created_at=row.created_at,
        expires_at=row.expires_at,
    )


def context_view(explanation: Explanation) -> ContextView:
    return ContextView(
        conversation="",
        start_seq=explanation.start,
        summary=explanation.summary,
        tokens=explanation.tokens,
        items=[
            ContextItem(
                source=item.source,
                seq=item.seq,
                role=item.message.role,
                tokens=item.tokens,
                text=_said(item.message),
            )
            for item in explanation.items
        ],
    )


def _said(message: Message) -> str:
    """A message in words, as a person would tell it."""
    lines: list[str] = []
    for part in message.parts:
        match part:
            case Text() | Reasoning():
                lines.append(part.text)
            case ToolCall():
                lines.append(f"{part.name}({msgspec.json.encode(part.arguments).decode()})")
            case ToolResult():
                lines.append(part.content)
            case Media():
                lines.append(f"[{part.mime}]")
    return "\n".join(lines)


def refer(view: type[Struct]) -> dict[str, Any]:
    """A reference to the view's schema in the OpenAPI document."""
    return {"$ref": f"#/components/schemas/{view.__name__}"}
