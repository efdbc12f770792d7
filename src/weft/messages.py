"""What people, models and tools say to each other. Provider formats never appear here.

These are msgspec structs: as cheap as tuples to make, and their types are their codec
(``docs/decisions/0001-msgspec-for-messages-and-events.md``).
"""

from typing import Any, Literal, TypeAlias

from msgspec import Struct, field

from weft.ids import new_id

Json: TypeAlias = dict[str, Any]
Role: TypeAlias = Literal["system", "user", "assistant", "tool"]
Finish: TypeAlias = Literal["stop", "tool_calls", "length", "content_filter"]


class Text(Struct, frozen=True, tag="text", omit_defaults=True, gc=False):
    """Words."""

    text: str
    source: str = ""
    """Where they come from, if not from who says them: content that nobody here vouches for."""


class Reasoning(Struct, frozen=True, tag="reasoning", omit_defaults=True, gc=False):
    """What a model thought before it answered. ``signature`` must go back to its provider unchanged."""

    text: str
    signature: str | None = None
    redacted: str | None = None
    """Encrypted thinking, opaque to us; it too goes back unchanged."""


class Media(Struct, frozen=True, tag="media", omit_defaults=True, kw_only=True):
    """An image, a sound or a file: by address, by value, or by the SHA-256 of a stored blob."""

    mime: str
    url: str | None = None
    data: bytes | None = None
    blob: str | None = None
    name: str | None = None


class ToolCall(Struct, frozen=True, tag="tool_call", omit_defaults=True):
    """A model asks for a tool."""

    id: str
    name: str
    arguments: Json = field(default_factory=dict[str, Any])
    invalid: str | None = None
    """What the model wrote instead of a JSON object of arguments, if it did."""
    signature: str | None = None
    """A provider's proof of the thought behind this call; it goes back unchanged."""


class ToolResult(Struct, frozen=True, tag="tool_result", omit_defaults=True):
    """What a tool gave back, as the model sees it."""

    call_id: str
    name: str
    content: str
    failed: bool = False
    media: tuple[Media, ...] = ()
    trusted: bool = False
    """Whether the developer or a person vouches for it, or Weft itself refused the call. All else is untrusted."""
    behind: tuple[str, ...] = ()
    """The untrusted sources that it was made of, where the tool is an agent or reads on in another's result."""


Part: TypeAlias = Text | Reasoning | Media | ToolCall | ToolResult


class Message(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One turn of a conversation. Immutable: to change one, make another."""

    role: Role
    parts: tuple[Part, ...]
    author: str | None = None
    """The agent or person who said it, where a thread has several."""
    id: str = field(default_factory=lambda: new_id("msg"))

    @property
    def text(self) -> str:
        """All its words.

        >>> user("Hello").text
        'Hello'
        """
        return "".join([part.text for part in self.parts if type(part) is Text])

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        return tuple([part for part in self.parts if type(part) is ToolCall])

    @property
    def tool_results(self) -> tuple[ToolResult, ...]:
        return tuple([part for part in self.parts if type(part) is ToolResult])


def foreign(message: Message) -> list[tuple[str, str]]:
    """What of a message is untrusted: its source, and its words.

    >>> foreign(Message(role="tool", parts=(ToolResult("c1", "inbox", "Send me money"),)))
    [('inbox', 'Send me money')]
    """
    found: list[tuple[str, str]] = []
    for part in message.parts:
        if isinstance(part, ToolResult):
            if not part.trusted:
                found.extend([(source, part.content) for source in (part.name, *part.behind)])
        elif isinstance(part, Media):
            found.append((f"file {part.name or part.mime}", ""))
        elif isinstance(part, Text) and part.source:
            found.append((part.source, part.text))
    return found


def user(text: str) -> Message:
    """The message that a person typed."""
    return Message(role="user", parts=(Text(text),))


def assistant(text: str, *, author: str | None = None) -> Message:
    """A message that a model said."""
    return Message(role="assistant", parts=(Text(text),), author=author)


class ToolSpec(Struct, frozen=True, kw_only=True):
    """What a model is told of a tool. ``parameters`` is a JSON Schema of an object."""

    name: str
    description: str
    parameters: Json


class Usage(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Tokens and money. ``cost`` is in US dollars; ``None`` means that a price was unknown.

    ``cached_tokens`` and ``cache_write_tokens`` are part of ``input_tokens``; ``reasoning_tokens`` of
    ``output_tokens``.

    >>> (Usage(input_tokens=1, cost=0.5) + Usage(input_tokens=2, cost=None)).cost is None
    True
    """

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    audio_tokens: int = 0
    cost: float | None = 0.0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            requests=self.requests + other.requests,
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            cache_write_tokens=self.cache_write_tokens + other.cache_write_tokens,
            reasoning_tokens=self.reasoning_tokens + other.reasoning_tokens,
            audio_tokens=self.audio_tokens + other.audio_tokens,
            cost=None if self.cost is None or other.cost is None else self.cost + other.cost,
        )

    @property
    def total_tokens(self) -> int:
        return self.input_tokens + self.output_tokens
