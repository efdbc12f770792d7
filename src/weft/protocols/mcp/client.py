"""What a tool, a prompt or a node may ask of the MCP client on whose behalf it runs, and tell it.

What is asked is a question of the run: the client is asked where it can be, in either era of the protocol, and where
it cannot, the question stays open for whoever can answer it.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec

from weft.engine.context import Context, Interrupted, joined
from weft.errors import ToolFailed
from weft.events import Custom
from weft.messages import Json
from weft.runtime.answers import schema_of
from weft.tools.mcp.peer import Reply

T = TypeVar("T")

LOG = "mcp.log"
"""The name of the event that becomes a message in the client's log."""


def elicit(ctx: Context[Any], message: str, schema: Any = None, *, url: str | None = None, key: str = "") -> Reply:
    """What the person at the client says: ``accept`` with content that fits ``schema``, ``decline`` or ``cancel``.

    ``schema`` is flat, as MCP wants it: an object of texts, numbers, booleans and choices, as a JSON Schema or a type.
    With a ``url`` the person is sent there instead. Questions are told apart by their order, or by ``key``.
    """
    wanted: Json = {"type": "object"} if schema is None else schema_of(schema) or {}
    answer: Json = {
        "type": "object",
        "properties": {"action": {"enum": ["accept", "decline", "cancel"]}, "content": wanted},
        "required": ["action"],
    }
    payload = {"kind": "elicitation", "message": message} | ({"url": url} if url else {})
    return msgspec.convert(ctx.ask(payload, schema=answer, key=key or None), Reply)


def sample(
    ctx: Context[Any],
    messages: Sequence[Json] | str,
    *,
    max_tokens: int,
    key: str = "",
    required: bool = True,
    **more: Any,
) -> Json:
    """An answer of the client's own model: the result of ``sampling/createMessage`` as MCP has it.

    ``messages`` are MCP's, or the words of one; ``more`` are other parameters (``systemPrompt``, ``temperature`` ...).
    The call of a client of 2026 that lends no model is refused, unless that is not ``required``.

    Raises:
        ToolFailed: the client lends no model.
    """
    said = [{"role": "user", "content": {"type": "text", "text": messages}}] if isinstance(messages, str) else messages
    params = {"messages": list(said), "maxTokens": max_tokens, **more}
    payload = {"kind": "sampling", "params": params, "required": required}
    return _given(ctx.ask(payload, schema={"type": "object"}, key=key or None))


def roots(ctx: Context[Any], *, key: str = "", required: bool = True) -> list[Json]:
    """The folders that the client says we may know of: ``{"uri": "file://...", "name": ...}``.

    Raises:
        ToolFailed: the client tells of none.
    """
    answer = _given(ctx.ask({"kind": "roots", "required": required}, schema={"type": "object"}, key=key or None))
    return list(answer.get("roots", ()))


def together(*asks: Callable[[], T]) -> list[T]:
    """The answers to several questions that are asked at the same time: ``together(lambda: elicit(...), ...)``."""
    answers: list[T] = []
    waits: list[Interrupted] = []
    for ask in asks:
        try:
            answers.append(ask())
        except Interrupted as interrupted:
            waits.append(interrupted)
    if waits:
        raise joined(waits)
    return answers


def log(ctx: Context[Any], data: Any, *, level: str = "info", logger: str = "") -> None:
    """Write to the client's log. ``level`` is one of syslog's: ``debug`` ... ``emergency``."""
    ctx.emit(Custom(LOG, {"level": level, "data": data, "logger": logger or None}))


def progress(ctx: Context[Any], done: float, total: float | None = None, message: str | None = None) -> None:
    """Tell how far it is: of a tool that is served by itself the client sees just this."""
    ctx.emit(Custom("tool.progress", {"done": done, "total": total, "message": message}))


def _given(answer: Json) -> Json:
    if "error" in answer:
        raise ToolFailed(str(answer["error"]))
    return answer
