"""What calls show of a model: where the list is wrong, it is corrected for as long as the process lives.

Only what a provider says outright counts, and what an answer proves.
"""

import re
from collections.abc import Iterator

from weft.errors import ContextWindowExceeded, ModelError
from weft.messages import Media, Reasoning
from weft.models.base import Answer, Request
from weft.models.capabilities import NO_TOOLS, Capabilities, learn, seen

_WINDOW = re.compile(
    r"(?:maximum context length|context (?:window|length|size)|available context size|maximum (?:prompt|input) length)"
    r"[^0-9]{0,40}?([0-9][0-9,_]{2,})|([0-9][0-9,_]{2,}) tokens? (?:maximum|max|limit)|> ?([0-9][0-9,_]{2,}) maximum",
    re.IGNORECASE,
)
_NO_IMAGES = re.compile(
    r"(not support|unsupported)[^.]{0,40}\b(image|vision|multimodal)|not a multimodal model|"
    r"\b(image|vision)\w*\b[^.]{0,40}(not supported|unsupported)",
    re.IGNORECASE,
)


def from_answer(name: str, base_url: str | None, request: Request, answer: Answer) -> None:
    """An answer with thoughts is of a model that thinks; one to a picture, of a model that sees."""
    known = seen(name, base_url)
    if not known.reasoning and (
        answer.usage.reasoning_tokens or any([type(part) is Reasoning for part in answer.message.parts])
    ):
        learn(name, base_url, reasoning=True)
    if known.tools is not True and answer.message.tool_calls:
        learn(name, base_url, tools=True)
    if not known.images and any(_pictures(request)):
        learn(name, base_url, images=True)


def from_error(name: str, base_url: str | None, request: Request, error: ModelError) -> None:
    """What a refusal says outright."""
    known, said = seen(name, base_url), str(error)
    if isinstance(error, ContextWindowExceeded):
        if (window := window_in(said)) is not None and window != known.context_tokens:
            learn(name, base_url, context_tokens=window)
    elif error.retryable:
        return
    elif request.tools and NO_TOOLS.search(said):
        _without_tools(name, base_url, known)
    elif known.images and any(_pictures(request)) and _NO_IMAGES.search(said):
        learn(name, base_url, images=False)


def _without_tools(name: str, base_url: str | None, known: Capabilities) -> None:
    lower = {"output": "json"} if known.output == "tool" else {}
    learn(name, base_url, tools=False, **lower)


def window_in(said: str) -> int | None:
    """How many tokens a model takes, by its provider's complaint.

    >>> window_in("This model's maximum context length is 8192 tokens. However, you requested 9000 tokens")
    8192
    >>> window_in("prompt is too long: 208310 tokens > 200000 maximum"), window_in("prompt is too long")
    (200000, None)
    """
    found = _WINDOW.search(said)
    if found is None:
        return None
    number = next(group for group in found.groups() if group)
    return int(re.sub(r"\D", "", number))


def _pictures(request: Request) -> Iterator[bool]:
    for message in request.messages[-2:]:  # a call should not cost more as the thread grows
        for part in message.parts:
            yield type(part) is Media and part.mime.startswith("image/")
