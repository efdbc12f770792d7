"""A conversation as a channel: its messages are rows of the thread, its value is only the context.

The *context* is what the model may see now: perhaps a summary, then the messages from ``start`` on.
Nodes write messages, and now and then a ``Cut``; the store gets one row for each message and one
small row for the context. So no checkpoint ever holds a message.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple, TypeAlias

import msgspec
from msgspec import Struct

from weft.engine.channels import UNSET, Stored
from weft.messages import Media, Message, Reasoning, Text, ToolCall, foreign
from weft.storage.base import ContextRow, MessageRow


class Said:
    """A message in a conversation. ``seq`` is its number in the thread, 0 until it is on record."""

    __slots__ = ("message", "seq", "tokens")

    def __init__(self, message: Message, seq: int = 0, tokens: int | None = None) -> None:
        self.message = message
        self.seq = seq
        self.tokens = count_tokens(message) if tokens is None else tokens


class Cut(NamedTuple):
    """The context loses its first ``leaving`` messages; ``summary`` replaces them and the summary before."""

    leaving: int
    summary: str | None = None


Saying: TypeAlias = Message | Cut
Ranges: TypeAlias = tuple[tuple[int, int], ...]
"""First and last numbers of messages."""


class Context(Struct, frozen=True):
    """What of a conversation the model sees. Persisted at every turn."""

    said: tuple[Said, ...] = ()
    summary: str | None = None
    start: int = 1
    """Earlier messages of the thread are out of view."""
    owed: frozenset[str] = frozenset()
    """Tool calls of the last message that have no result yet."""
    torn: bool = False
    """Whether a call was left without a result: its run was stopped in between."""
    size: int = 0
    """Estimated tokens of the messages in view."""
    skipped: Ranges = ()
    """Messages of branches that were left: still rows of the thread, never in view."""
    gone: tuple[str, ...] = ()
    """The sources of untrusted content that was in view, and is so no more: the summary may hold something of it."""

    @property
    def messages(self) -> list[Message]:
        return [said.message for said in self.said]

    @property
    def tokens(self) -> int:
        """Estimated size of what is in view, the summary included."""
        return self.size + (estimate(self.summary) if self.summary else 0)


class Conversation(Struct, frozen=True):
    """The channel of a conversation."""

    stored: ClassVar[Stored] = "rows"
    passing: ClassVar[bool] = False

    @property
    def of(self) -> Any:
        return Context

    @property
    def takes(self) -> Any:
        return list[Saying]

    def merge(self, value: Any, updates: Sequence[Any]) -> Any:
        context: Context = EMPTY if value is UNSET else value
        said, summary, start = list(context.said), context.summary, context.start
        owed, torn, size, gone = context.owed, context.torn, context.size, context.gone
        for update in updates:
            for saying in update:
                if isinstance(saying, Cut):
                    gone = _gone(gone, said[: saying.leaving])
                    start = _after(said, saying.leaving, start)
                    size -= sum([one.tokens for one in said[: saying.leaving]])
                    del said[: saying.leaving]
                    summary = saying.summary
                else:
                    said.append(one := Said(saying))
                    size += one.tokens
                    torn = torn or _tears(owed, saying)
                    owed = _owed(owed, saying)
        return Context(tuple(said), summary, start, owed, torn, size, context.skipped, gone)

    def ready(self, value: Any) -> bool:
        return True

    def woken(self, value: Any) -> Any:
        return value


EMPTY = Context()
_NONE: frozenset[str] = frozenset()


class _ContextOnRecord(Struct, frozen=True, omit_defaults=True):
    summary: str | None = None
    skipped: Ranges = ()
    gone: tuple[str, ...] = ()


class View(Struct, frozen=True, omit_defaults=True):
    """What of a conversation was in view at a checkpoint: with the number of the last message, all of its context."""

    start: int = 1
    summary: str | None = None
    skipped: Ranges = ()
    gone: tuple[str, ...] = ()


WHOLE = View()
_decode_view = msgspec.json.Decoder(View).decode
_decode_context = msgspec.json.Decoder(_ContextOnRecord).decode
_decode_message = msgspec.json.Decoder(Message).decode
_encode = msgspec.json.Encoder().encode
_BARE = _ContextOnRecord()


def _tears(owed: frozenset[str], message: Message) -> bool:
    """Whether this message comes where a tool's result should have come."""
    return bool(owed) and message.role != "tool"


def _owed(owed: frozenset[str], message: Message) -> frozenset[str]:
    if message.role == "assistant":
        calls = message.tool_calls
        return frozenset([call.id for call in calls]) if calls else _NONE
    return owed.difference([result.call_id for result in message.tool_results]) if owed else owed


def _gone(before: tuple[str, ...], leaving: Sequence[Said]) -> tuple[str, ...]:
    """The untrusted sources of all that has left."""
    found = {source for said in leaving for source, _ in foreign(said.message)}
    return tuple(sorted(found.union(before))) if found else before


def _after(said: Sequence[Said], count: int, start: int) -> int:
    """The thread's ``seq`` from which the context begins when its first ``count`` messages are cut."""
    if count < len(said) and said[count].seq:
        return said[count].seq
    return said[count - 1].seq + 1 if count and said[count - 1].seq else start


def dump_context(context: Context | View, conversation: str) -> ContextRow:
    body = _encode(_ContextOnRecord(context.summary, context.skipped, context.gone))
    return ContextRow(conversation=conversation, start=context.start, body=body)


def dump_view(context: Context) -> bytes:
    return _encode(View(context.start, context.summary, context.skipped, context.gone))


def load_view(body: bytes) -> View:
    return _decode_view(body)


def load_context(row: ContextRow | None, messages: Sequence[MessageRow]) -> Context:
    """The context as its row and the messages in view say."""
    known = _BARE if row is None else _decode_context(row.body)
    if known.skipped:
        messages = [one for one in messages if not any(a <= one.seq <= b for a, b in known.skipped)]
    said = tuple([Said(load_message(one), one.seq, one.tokens) for one in messages])
    owed, torn = _NONE, False
    for one in said:
        torn = torn or _tears(owed, one.message)
        owed = _owed(owed, one.message)
    size = sum([one.tokens for one in said])
    if row is None:
        return Context(said, None, 1, owed, torn, size)
    return Context(said, known.summary, row.start, owed, torn, size, known.skipped, known.gone)


def without(context: Context, first: int, last: int) -> Context:
    """The context as though these messages had never been said; what was summed up of them stays so."""
    kept = tuple([one for one in context.said if not first <= one.seq <= last])
    owed, torn = _NONE, False
    for one in kept:
        torn = torn or _tears(owed, one.message)
        owed = _owed(owed, one.message)
    size = sum([one.tokens for one in kept])
    skipped = (*context.skipped, (first, last))
    return Context(kept, context.summary, context.start, owed, torn, size, skipped, context.gone)


def dump_message(said: Said, conversation: str, run_id: str, at: float) -> MessageRow:
    return MessageRow(
        seq=said.seq,
        conversation=conversation,
        run_id=run_id,
        at=at,
        body=_encode(said.message),
        tokens=said.tokens,
    )


def load_message(row: MessageRow) -> Message:
    return _decode_message(row.body)


def estimate(text: str) -> int:
    """Roughly how many tokens ``text`` is: a token is about four bytes of English, three of code."""
    return len(text) // 4 + 1


def count_tokens(message: Message) -> int:
    """Roughly how many tokens a message is for a model."""
    total = 4
    for part in message.parts:
        match part:
            case Text() | Reasoning():
                total += len(part.text) // 4 + 1
            case ToolCall():
                total += 8 + estimate(part.name) + (len(part.invalid or "") + len(str(part.arguments))) // 4
            case Media():
                total += 800
            case _:
                total += 8 + estimate(part.content) + 800 * len(part.media)
    return total


def newly_said(seen: Context) -> list[Said]:
    """The messages at its end that have no number yet."""
    new: list[Said] = []
    for said in reversed(seen.said):
        if said.seq:
            break
        new.append(said)
    new.reverse()
    return new


def last_words(seen: Context) -> str | None:
    """What the model said last since a person spoke."""
    for said in reversed(seen.said):
        if said.message.role == "user":
            return None
        if said.message.role == "assistant" and (words := said.message.text):
            return words
    return None
