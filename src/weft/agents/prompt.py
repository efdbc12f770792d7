"""The context builder: from an agent and its conversation to what the model is told, and why.

Its invariants: the system part comes first and is byte-stable as long as the agent is; every tool
call is followed by its result; what was cut is in the summary or out of view, never half there.
"""

import inspect
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from typing import Any, Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from weft.engine.context import Context
from weft.messages import Message, Text, ToolResult
from weft.runtime.conversation import Context as Seen
from weft.runtime.conversation import count_tokens

Instructions: TypeAlias = str | Callable[[Context[Any]], str | Awaitable[str]]
Source: TypeAlias = Literal["instructions", "summary", "thread", "repaired", "memory", "knowledge"]


class Item(Struct, frozen=True, kw_only=True):
    """One message of a prompt, and where it came from."""

    source: Source
    message: Message
    seq: int | None = None
    """Its number in the thread."""
    tokens: int = 0
    """Estimated."""


class Explanation(Struct, frozen=True, kw_only=True):
    """All that the model sees of a conversation, in order."""

    start: int
    """The thread's number of the first message in view."""
    summary: str | None
    items: tuple[Item, ...]

    @property
    def tokens(self) -> int:
        return sum(item.tokens for item in self.items)


async def told(instructions: Instructions, ctx: Context[Any] | None) -> str:
    """The instructions as text; those that are made for each run need its context."""
    if isinstance(instructions, str):
        return instructions
    if ctx is None:
        return "(made anew for each run)"
    text = instructions(ctx)
    return await text if inspect.isawaitable(text) else text


def compose(instructions: str, seen: Seen, recalled: str = "", found: Sequence[Text] = ()) -> list[Message]:
    """The messages for the model; what was recalled, or found in documents, stands before what the user said last."""
    messages: list[Message] = []
    head = instructions
    if seen.summary:
        head = f"{head}\n\nWhat was said before:\n{seen.summary}" if head else f"What was said before:\n{seen.summary}"
    if head:
        messages.append(_system(head))
    messages.extend([said.message for said in seen.said])
    if recalled or found:
        _reminded(messages, (*([Text(recalled)] if recalled else ()), *found))
    return _repaired(messages) if seen.torn or seen.owed else messages


@lru_cache(maxsize=256)
def _system(words: str) -> Message:
    return Message(role="system", parts=(Text(words),), id="system")


def last_said(seen: Seen) -> str:
    """What the user said last, as text."""
    return next((said.message.text for said in reversed(seen.said) if said.message.role == "user"), "")


def _reminded(messages: list[Message], recalled: Sequence[Text]) -> None:
    at = next((at for at in range(len(messages) - 1, -1, -1) if messages[at].role == "user"), None)
    if at is not None:
        messages[at] = replace(messages[at], parts=(*recalled, *messages[at].parts))


def explain(instructions: str, seen: Seen, recalled: str = "", found: Sequence[Text] = ()) -> Explanation:
    """What ``compose`` gives, with the source and size of each part; what comes with the user's words stands apart."""
    known = {said.message.id: said for said in seen.said}
    items: list[Item] = []
    last = next((said.message.id for said in reversed(seen.said) if said.message.role == "user"), None)
    for message in compose(instructions, seen):
        if message.id == last:
            items += [_beside("memory", Text(recalled))] if recalled else []
            items += [_beside("knowledge", text) for text in found]
        said = known.get(message.id)
        if said is not None:
            items.append(Item(source="thread", message=message, seq=said.seq, tokens=said.tokens))
        else:
            source: Source = "repaired" if message.role == "tool" else "instructions"
            items.append(Item(source=source, message=message, tokens=count_tokens(message)))
    return Explanation(start=seen.start, summary=seen.summary, items=tuple(items))


def _beside(source: Source, text: Text) -> Item:
    message = Message(role="user", parts=(text,), id=source)
    return Item(source=source, message=message, tokens=count_tokens(message))


def _repaired(messages: Sequence[Message]) -> list[Message]:
    """A run was stopped between a call and its result: say so in the result's place."""
    whole: list[Message] = []
    owed: dict[str, str] = {}
    for message in messages:
        if message.role != "tool":
            whole.extend([_no_result(id, name) for id, name in owed.items()])
            owed.clear()
        whole.append(message)
        for result in message.tool_results:
            owed.pop(result.call_id, None)
        for call in message.tool_calls:
            owed[call.id] = call.name
    whole.extend([_no_result(id, name) for id, name in owed.items()])
    return whole


def _no_result(call_id: str, name: str) -> Message:
    result = ToolResult(call_id, name, "No result: the run was stopped before this call was done.", failed=True)
    return Message(role="tool", parts=(result,), id=f"no-result-{call_id}")
