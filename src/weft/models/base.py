"""What the rest of Weft asks of a model: one method, and it streams."""

from collections.abc import AsyncIterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, Protocol, TypeAlias

from msgspec import Struct

from weft.messages import Finish, Json, Message, ToolSpec, Usage

NO_SETTINGS: Mapping[str, Any] = MappingProxyType({})


class OutputSchema(Struct, frozen=True, kw_only=True):
    """The shape a final answer must have."""

    name: str
    schema: Json
    """JSON Schema."""


class Request(Struct, frozen=True, kw_only=True):
    """All that a model is told. A value: it can be logged, hashed, cached and replayed."""

    messages: Sequence[Message]
    tools: Sequence[ToolSpec] = ()
    output: OutputSchema | None = None
    settings: Mapping[str, Any] = NO_SETTINGS
    """Passed to the provider as they are: ``temperature``, ``max_tokens``, ``reasoning_effort`` ..."""


class Piece(Struct, frozen=True, gc=False):
    """Part of an answer that is still being made."""

    text: str
    kind: Literal["text", "reasoning"] = "text"


class Logprob(Struct, frozen=True, omit_defaults=True):
    """How sure a model was of a token: the natural logarithm of its probability, and of the likeliest others."""

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


class Attempt(Struct, frozen=True, gc=False):
    """A call that failed on the way to an answer: another one was made in its place, or none was left."""

    model: str
    code: str
    message: str
    started_at: float = 0.0
    """Seconds since the epoch, as ``ended_at``."""
    deployment: str = ""
    ended_at: float = 0.0


class Answer(Struct, frozen=True, kw_only=True):
    """The whole answer. Always the last thing that ``answer`` yields."""

    message: Message
    usage: Usage = Usage()
    finish: Finish = "stop"
    model: str = ""
    """The model that answered, as the provider names it."""
    logprobs: tuple[Logprob, ...] = ()
    """Of each token of the text, where ``settings`` asked for them (``logprobs=True, top_logprobs=5``)."""
    deployment: str = ""
    """Which deployment of a router answered."""
    attempts: tuple[Attempt, ...] = ()
    """What a router tried before."""


Stream: TypeAlias = AsyncIterator[Piece | Answer]


class Model(Protocol):
    """A chat model. There is one way to call it, and it streams; who wants no stream, waits."""

    @property
    def name(self) -> str: ...

    def answer(self, request: Request) -> Stream:
        """Yields pieces, then exactly one answer. Closing the iterator ends the provider's stream.

        Raises:
            ModelError: every provider's errors arrive as one of these.
        """
        ...


async def close(stream: Stream) -> None:
    """Ends a stream before its end, and with it the provider's; one that has ended stays so."""
    closing: Any = getattr(stream, "aclose", None)
    if closing is not None:
        await closing()
