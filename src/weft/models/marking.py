"""Prompt-cache markers: where a provider that wants to be told may keep what it has read.

Anthropic's models keep a prompt up to each marker; OpenAI, Gemini, DeepSeek and most others keep prompts by themselves.
"""

from typing import Any

from weft.errors import UsageError
from weft.messages import Json
from weft.models.wire import Dialect

SETTING = "prompt_cache"
"""``True``, or how long it is to be kept: ``"5m"`` or ``"1h"``."""
_MARKED: frozenset[Dialect] = frozenset({"blocks", "details"})
"""Whoever takes markers, or leaves them to the provider behind it."""


def marked(told: Json, spoken: Dialect) -> Json:
    """The request with markers after tools, system message and last message, where its settings ask for them.

    Raises:
        UsageError: the setting is nothing that it can be.
    """
    if SETTING not in told:
        return told
    kept = told[SETTING]
    told = {name: value for name, value in told.items() if name != SETTING}
    if kept is False or kept is None:
        return told
    if kept is not True and kept not in ("5m", "1h"):
        raise UsageError(f'settings["{SETTING}"] is True, "5m" or "1h", not {kept!r}')
    if spoken not in _MARKED:
        return told
    marker: Json = {"type": "ephemeral"} if kept is True else {"type": "ephemeral", "ttl": kept}
    if tools := told.get("tools"):
        told["tools"] = [*tools[:-1], {**tools[-1], "cache_control": marker}]
    messages: list[Json] = list(told["messages"])
    ends = {len(messages) - 1, *([0] if messages and messages[0]["role"] == "system" else [])}
    for index in ends:
        messages[index] = _marked(messages[index], marker)
    return {**told, "messages": messages}


def _marked(line: Json, marker: Json) -> Json:
    """The message with the marker at its end: beside a tool's words, else in the last part of the content."""
    if line["role"] == "tool":
        return {**line, "cache_control": marker}
    content: Any = line.get("content")
    parts: list[Json] = [{"type": "text", "text": content}] if isinstance(content, str) else list(content or ())
    if not parts:
        return line
    return {**line, "content": [*parts[:-1], {**parts[-1], "cache_control": marker}]}
