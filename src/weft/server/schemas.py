"""What a client may send: bodies and parameters, with bounds on everything."""

import base64
import math
from typing import Annotated, Any, Literal, Self

from fastapi import Header, Path, Query
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from weft.errors import UsageError
from weft.messages import Json
from weft.runtime.commands import Breakpoint
from weft.runtime.limits import Limits
from weft.storage.commands import IfBusy

MAX_DEPTH = 64
"""Levels of lists and objects in a value; deeper ones are refused before any recursive code meets them."""

_PRINTABLE = r"^[^\x00-\x1f\x7f]+$"


def _sound_text(text: str) -> str:
    if "\x00" in text:
        raise ValueError("the NUL character cannot be stored")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("half a surrogate pair is not text")
    return text


def _sound_leaf(value: Any) -> None:
    match value:
        case str():
            _sound_text(value)
        case bool() | None:
            pass
        case int() if not -(2**63) <= value < 2**63:
            raise ValueError("an integer beyond 64 bits cannot be stored")
        case float() if not math.isfinite(value):
            raise ValueError("NaN and infinity are not JSON")
        case _:
            pass


def sound(value: Any) -> Any:
    """The JSON value itself, if it can be stored and sent.

    Raises:
        UsageError: it is nested more than ``MAX_DEPTH`` deep.
        ValueError: a NUL, a lone surrogate, NaN, or an integer beyond 64 bits is in it.

    >>> sound({"a": [1, "b"]})
    {'a': [1, 'b']}
    """
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                below += item.keys()  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
                below += item.values()  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
            elif isinstance(item, list):
                below += item
            else:
                _sound_leaf(item)
        if not below:
            return value
        level = below
    raise UsageError(f"the JSON is nested more than {MAX_DEPTH} deep")


def _base64(text: str | None) -> str | None:
    if text is not None:
        base64.b64decode(text, validate=True)
    return text


def _digits(value: Any) -> Any:
    if isinstance(value, str) and not (value.isascii() and value.isdigit()):
        raise ValueError("give a whole number in plain digits")
    return value


Words = Annotated[str, AfterValidator(_sound_text)]
Number = Annotated[int, BeforeValidator(_digits)]
NewId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:@-]*$", max_length=128)]
"""An id that a client chooses."""

Id = Annotated[str, Path(min_length=1, max_length=200, pattern=_PRINTABLE)]
Sha256 = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]
Limit = Annotated[Number, Query(ge=1, le=200, description="Most rows to give.")]
EventLimit = Annotated[Number, Query(ge=1, le=10_000, description="Most events to give, as JSON.")]
Cursor = Annotated[str | None, Query(max_length=300, pattern=_PRINTABLE, description="`next` of the page before.")]
After = Annotated[Number, Query(ge=0, le=2**53, description="Only what has a greater number.")]
Before = Annotated[Number | None, Query(ge=1, le=2**53, description="Only what has a smaller number.")]
Step = Annotated[Number | None, Query(ge=0, le=2**31, description="The number of a checkpoint.")]
Wait = Annotated[
    float | None, Query(ge=0, le=300, allow_inf_nan=False, description="Seconds to wait for the run to rest.")
]
IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=200,
        pattern=r"^[\x20-\x7e]+$",
        description="The same key gives the same run, however often it is sent.",
    ),
]
LastEventId = Annotated[
    str | None, Header(max_length=20, description="The `id` of the last event seen; takes precedence over `after`.")
]


class Body(BaseModel):
    """What clients send: nothing beyond what is named, and nothing of another type."""

    model_config = ConfigDict(extra="forbid", strict=True)


class TextPart(Body):
    """Words of a person."""

    type: Literal["text"]
    text: Annotated[Words, Field(min_length=1)]


class MediaPart(Body):
    """An image, a sound or a file: by address, by value (base64), or by the SHA-256 of a stored blob."""

    type: Literal["media"]
    mime: Annotated[str, Field(max_length=100, pattern=r"^[\w.+-]+/[\w.+-]+$")]
    url: Annotated[Words | None, Field(max_length=4_000)] = None
    data: Annotated[str | None, AfterValidator(_base64)] = None
    blob: Annotated[str | None, Field(pattern=r"^[0-9a-f]{64}$")] = None
    name: Annotated[Words | None, Field(max_length=200)] = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if sum(source is not None for source in (self.url, self.data, self.blob)) != 1:
            raise ValueError("give exactly one of url, data and blob")
        return self


Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Part = Annotated[TextPart | MediaPart, Field(discriminator="type")]


class LimitsBody(Body):
    """Limits of a run; what is not said is no limit."""

    turns: Annotated[int | None, Field(ge=0, le=2**53)] = None
    tool_calls: Annotated[int | None, Field(ge=0, le=2**53)] = None
    tokens: Annotated[int | None, Field(ge=0, le=2**53)] = None
    usd: Annotated[float | None, Field(ge=0, le=1e12, allow_inf_nan=False)] = None
    seconds: Annotated[float | None, Field(ge=0, le=1e9, allow_inf_nan=False)] = None
    recursion: Annotated[int | None, Field(ge=1, le=2**31)] = None

    def plain(self) -> Limits:
        """As the runtime takes them."""
        return Limits(**self.model_dump())


class BreakpointBody(Body):
    """Where to hold a run: at a node or a tool, or when a condition on its state becomes true."""

    node: Name | None = None
    tool: Name | None = None
    when: Annotated[Words | None, Field(max_length=1_000)] = None
    """A path into the state, alone or compared with JSON: `plan.status == "done"`."""
    after: bool = False
    """After the node, not before it."""
    graph: Name | None = None
    """Only in graphs of this name."""

    @model_validator(mode="after")
    def _can_hold(self) -> Self:
        try:
            self.point().check()
        except UsageError as error:
            raise ValueError(str(error)) from error
        return self

    def point(self) -> Breakpoint:
        return Breakpoint(**self.model_dump())


Points = Annotated[list[BreakpointBody], Field(max_length=100)]


class StartRun(Body):
    """Run a target on an input, in a new thread or in a known one."""

    target: Annotated[str, Field(min_length=1, max_length=200, pattern=_PRINTABLE)]
    """The name of an agent, or of anything else that can be run."""
    input: Annotated[
        Annotated[str, Field(min_length=1)] | Annotated[list[Part], Field(min_length=1, max_length=100)] | Json,
        BeforeValidator(sound),
    ]
    """What a person says, as words or as parts; a graph takes an object."""
    thread_id: NewId | None = None
    if_busy: IfBusy | None = None
    """What if a run of the thread goes on: `reject` this one (409), `enqueue` it, or end the other where it is
    (`interrupt`). Where nothing is said, as the server is set up: `enqueue`."""
    breakpoints: Points = []
    limits: LimitsBody | None = None
    """They hold beside those of the target; a run that reaches one pauses."""

    def plain(self) -> Any:
        """The input as JSON values."""
        if not isinstance(self.input, list):
            return self.input
        return [part.model_dump(exclude_none=True) for part in self.input]


class RenameThread(Body):
    """A new title."""

    title: Annotated[Words, Field(max_length=200)]


class CancelRun(Body):
    """Why it should end."""

    reason: Annotated[Words | None, Field(max_length=500)] = None


class AnswerRun(Body):
    """Answers to questions, by their ids; or for a run that a limit paused, the limits under which it goes on."""

    answers: Annotated[
        dict[Annotated[str, Field(max_length=1_000)], Any],
        BeforeValidator(sound),
        Field(max_length=100),
    ] = {}
    limits: LimitsBody | None = None
    """They take the place of all that held."""


_Step = Annotated[int, Field(ge=0, le=2**31)]
_Name = Annotated[Words, Field(min_length=1, max_length=200)]


GraphPath = Annotated[str, Field(min_length=1, max_length=1_000, pattern=_PRINTABLE)]


class ForkThread(Body):
    """Where to go on from, and what is written there first."""

    at: _Step | None = None
    """The step; the newest without one."""
    into: NewId | None = None
    """A new thread; without it the thread itself goes back."""
    path: Annotated[str | None, Field(min_length=1, max_length=1_000, pattern=_PRINTABLE)] = None
    write: Annotated[dict[_Name, Any], BeforeValidator(sound), Field(max_length=100)] = {}
    """Values by channel, merged by its rules."""
    node: Annotated[Words, Field(max_length=200)] = ""
    """The node that seems to have written them: what follows it is next."""
    goto: Annotated[list[_Name], Field(max_length=100)] | None = None
    """What is next, whatever follows from the rest."""
    go_on: bool = False
    """Whether to queue a run that does it."""
    confirm: bool = False
    """Whether it may repeat effects that must happen once unasked."""


class ReplayRun(Body):
    """How far to replay a run, and from where on to call models and tools again."""

    until: _Step | None = None
    live_from: _Step | None = None
    confirm: bool = False
    """Whether effects that must happen once may be repeated unasked."""
    run_nodes: bool = False
    """Whether plain functions run, instead of giving what they gave."""


class AnswerInterrupt(Body):
    """An answer to one question of a run."""

    run_id: Annotated[str, Field(min_length=1, max_length=200)]
    id: Annotated[str, Field(min_length=1, max_length=1_000)]
    answer: Annotated[Any, BeforeValidator(sound)]


class AnswerInterrupts(Body):
    """Answers to questions of any runs."""

    answers: Annotated[list[AnswerInterrupt], Field(min_length=1, max_length=100)]


class StepRun(Body):
    """How far to go."""

    count: Annotated[int, Field(ge=1, le=1_000_000)] = 1


class InjectInput(Body):
    """Something to say to a run."""

    input: Annotated[Any, BeforeValidator(sound)]
    """As for a new run: words, parts, or what its graph takes."""
    when: Literal["now", "idle"] = "now"
    """Before the next model call, or as a run of its own once the thread rests."""


class ChangeState(Body):
    """What to write into the channels of a paused run."""

    writes: Annotated[dict[Name, Any], BeforeValidator(sound), Field(min_length=1, max_length=100)]
    node: Name | None = None
    """In whose name, where only some nodes may write."""
    path: GraphPath | None = None
    """Of a graph below the run's own that is under way, as its history has it."""
    overwrite: Annotated[list[Name], Field(max_length=100)] = []
    """The channels whose values are replaced, past their reducers."""


class RerunNode(Body):
    """Where to begin again."""

    node: Name
    path: GraphPath | None = None
    """Of a graph below the run's own that is under way, as its history has it."""


class SetBreakpointsBody(Body):
    """All breakpoints of the run; those that are not there are taken away."""

    breakpoints: Points
