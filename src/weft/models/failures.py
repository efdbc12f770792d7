"""What a provider's error means to us: one of our own, with the provider's words and what to do about it.

Errors are told apart by the names of their classes, so that this file needs no LiteLLM to be read or tested.
"""

import json
import math
import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from weft.errors import (
    AuthenticationFailed,
    ContentFiltered,
    ContextWindowExceeded,
    MalformedAnswer,
    ModelError,
    ModelUnavailable,
    RateLimited,
)

_HINTS: dict[type[ModelError], str] = {
    RateLimited: "Try again later, or use another model.",
    ModelUnavailable: "Is the server running, and its address right? Try again, or use another model.",
    AuthenticationFailed: "Set the provider's key in the environment, or pass api_key='os.environ/NAME'.",
    ContextWindowExceeded: "Shorten the context, or use a model with a larger window.",
    ContentFiltered: "Change the prompt; the provider refused it.",
    MalformedAnswer: "Try again, or use another model.",
}
_NAMES: tuple[tuple[str, type[ModelError]], ...] = (
    ("ContextWindowExceededError", ContextWindowExceeded),
    ("ContentPolicyViolationError", ContentFiltered),
    ("RateLimitError", RateLimited),
    ("AuthenticationError", AuthenticationFailed),
    ("PermissionDeniedError", AuthenticationFailed),
    ("BadRequestError", ModelError),
    ("NotFoundError", ModelError),
    ("UnprocessableEntityError", ModelError),
    ("APIResponseValidationError", ModelError),
    ("Timeout", ModelUnavailable),
    ("TimeoutError", ModelUnavailable),
    ("ConnectionError", ModelUnavailable),
    ("InternalServerError", ModelUnavailable),
    ("ServiceUnavailableError", ModelUnavailable),
    ("BadGatewayError", ModelUnavailable),
    ("APIConnectionError", ModelUnavailable),
)
_BY_STATUS: dict[int, type[ModelError]] = {
    401: AuthenticationFailed,
    403: AuthenticationFailed,
    408: ModelUnavailable,
    429: RateLimited,
    **dict.fromkeys((500, 502, 503, 504, 520, 521, 522, 523, 524, 529), ModelUnavailable),
}
_BY_WORD: tuple[tuple[re.Pattern[str], int], ...] = (
    (re.compile(r"rate.?limit|too many requests|queue.?exceeded", re.IGNORECASE), 429),
    (re.compile(r"server.?error|overloaded|unavailable|internal|upstream|timeout", re.IGNORECASE), 503),
    (re.compile(r"invalid_api_key|authentication|unauthorized", re.IGNORECASE), 401),
)
"""For errors inside a stream, which have a type or a code instead of a status."""
_TOO_LONG = re.compile(
    r"context_length_exceeded|(maximum|available) (model )?context|context (window|length|size)|exceed_context_size|"
    r"(prompt|input) is too long|too many (input |prompt )?tokens|maximum (prompt|input) length",
    re.IGNORECASE,
)
_BUGS = (AttributeError, TypeError, KeyError, IndexError, ImportError, NameError)
_MISREAD = re.compile(r"provider returned 'choices'|invalid response object|unable to (parse|get json)", re.IGNORECASE)
_UNPAID = re.compile(r"insufficient[_ ](quota|balance|credits)|payment required", re.IGNORECASE)
_KEYLESS = re.compile(
    r"missing credentials|(api[_ ]?key|credentials)[^.]{0,60}(must be set|not (set|found|provided|configured))|"
    r"missing[^.]{0,40}api[_ ]?key|no api[_ ]?key",
    re.IGNORECASE,
)
"""A key that is not there never reached the provider, and LiteLLM takes it for a lost connection."""
_REFUSED = re.compile(
    r"content_policy_violation|content[_ ]filter|content management policy|safety system", re.IGNORECASE
)
_GARBLED = re.compile(r"tool_use_failed|output_parse_failed")
"""Groq's words for a call of the model that is none: asked again, it may be one."""
_DELAY = re.compile(r"retryDelay[\\\"']+: *[\\\"']+(\d+(?:\.\d+)?)s")
_NAMED = re.compile(r"^\s*(litellm\.)?[A-Za-z_]*(Error|Exception|Timeout)\b( [A-Z]\w*Error)?\s*[:-]+\s*")


_LOST: dict[str, tuple[type[ModelError], str]] = {
    "insufficient_system_resource": (ModelUnavailable, "the provider had too little to end the answer"),
    "network_error": (ModelUnavailable, "the provider's network failed before the end of the answer"),
    "finish_reason_unspecified": (ModelUnavailable, "the provider failed before the end of the answer"),
    "malformed_function_call": (MalformedAnswer, "the model called a tool in a form that its provider cannot read"),
}
"""Ends that are none: what was said until then is no answer."""


def unended(finish: str, model: str) -> ModelError | None:
    """The error of an answer that ended so, where that is no end.

    >>> unended("malformed_function_call", "m").retryable, unended("stop", "m")
    (True, None)
    """
    kind, why = _LOST.get(finish.lower(), (None, ""))
    return None if kind is None else kind(f"{model}: {why} ({finish}). {_HINTS[kind]}")


class ProviderError(Exception):
    """What a provider said instead of an answer; for doors that read its HTTP themselves."""

    def __init__(self, status: int, body: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(body)
        self.status_code = status
        self.message = body.strip()[:2000] or f"HTTP {status}"
        self.headers = headers

    @classmethod
    def inside(cls, error: Any) -> "ProviderError":
        """An error in the body of a reply that began well."""
        told: dict[str, Any] = error if isinstance(error, dict) else {"message": str(error)}  # pyright: ignore[reportUnknownVariableType]  # JSON
        code: Any = told.get("code")
        if not (isinstance(code, int) and 400 <= code < 600):
            kinds = f"{code} {told.get('type')} {told.get('status')}"
            code = next((status for pattern, status in _BY_WORD if pattern.search(kinds)), 400)
        return cls(code, json.dumps({"error": told}))


def translated(error: BaseException, model: str, *, secret: str | None = None) -> ModelError:
    """Our error for theirs. ``secret`` is never part of the words, even where the provider repeats it."""
    error = _behind(getattr(error, "original_exception", None) or error)
    said = _words(error)
    if secret and len(secret) > 3:
        said = said.replace(secret, "***")
    kind, hint = _kind(error)
    wait = _retry_after(error)
    ending = "" if said.endswith((".", "!", "?")) else "."
    ours = kind(" ".join([f"{model}: {said}{ending}", *([f"Retry after {wait} s."] if wait else []), hint]).strip())
    ours.retry_after = _seconds(wait)
    return ours


def _behind(error: BaseException) -> BaseException:
    """LiteLLM stumbles over a code in words (``"server_error"``) where it expects a number: what it was told before."""
    told = error.__context__
    code: Any = getattr(told, "status_code", None)
    if isinstance(error, ValueError) and isinstance(code, str):
        return ProviderError.inside({"code": code, "message": str(getattr(told, "message", None) or told)})
    return error


def _kind(error: BaseException) -> tuple[type[ModelError], str]:
    names = [each.__name__ for each in type(error).__mro__]
    said = f"{error} {getattr(error, 'body', None) or ''} {getattr(error, 'code', None) or ''}"
    kind = next((ours for name, ours in _NAMES if name in names), _BY_STATUS.get(_status(error), ModelError))
    if (kind is RateLimited and _UNPAID.search(said)) or _status(error) == 402:
        return ModelError, "Check the plan and the balance of the provider's account."
    if kind is ModelError and _GARBLED.search(said):
        return MalformedAnswer, _HINTS[MalformedAnswer]
    if kind is ModelError and _REFUSED.search(said):
        kind = ContentFiltered
    elif kind is ModelError and _TOO_LONG.search(said):
        kind = ContextWindowExceeded
    if kind in (ModelUnavailable, ModelError) and _KEYLESS.search(said):
        return AuthenticationFailed, _HINTS[AuthenticationFailed]
    if kind is ModelUnavailable and _MISREAD.search(said):
        return (
            ModelError,
            "The server does not answer in this provider's format: check base_url and the model's prefix.",
        )
    if kind is ModelUnavailable and _is_bug(error):
        return ModelError, "LiteLLM could not handle this call; another version of it may."
    if "NotFoundError" in names or (kind is ModelError and (_status(error) == 404 or 300 <= _status(error) < 400)):
        return ModelError, "Check the model's name and base_url."
    if "LLM Provider NOT provided" in said:
        return ModelError, "Write the model as 'provider/model', or give base_url for an OpenAI-compatible server."
    return kind, _HINTS.get(kind, "")


def _status(error: BaseException) -> int:
    status: Any = getattr(error, "status_code", None)
    return status if isinstance(status, int) else 0


def _is_bug(error: BaseException) -> bool:
    """LiteLLM calls its own mistakes connection errors; the cause tells them apart."""
    cause = error.__cause__ or error.__context__
    depth = 0
    while cause is not None and depth < 8:
        if isinstance(cause, OSError | TimeoutError):
            return False
        if isinstance(cause, _BUGS):
            return True
        cause, depth = cause.__cause__ or cause.__context__, depth + 1
    return False


def _words(error: BaseException) -> str:
    """The provider's own words, without the names of the classes that they came through.

    >>> _words(Exception('litellm.BadRequestError: OpenAIException - {"error": {"message": "No such model"}}'))
    'No such model'
    """
    said = str(getattr(error, "message", None) or error) or type(error).__name__
    said = said.partition("Traceback (most recent call last)")[0].rstrip()
    while (shorter := _NAMED.sub("", said, count=1)) != said and shorter:
        said = shorter
    return _message(said).strip()


def _message(said: str) -> str:
    begin, end = said.find("{"), said.rfind("}")
    if begin < 0 or end < begin:
        return said
    try:
        told: Any = json.loads(said[begin : end + 1])
    except ValueError:
        return said
    words = _inner(told)
    return f"{said[:begin]}{words}" if words else said


def _inner(told: Any) -> str | None:
    """The message inside an error body; OpenRouter puts the words of the model's own provider beside it."""
    if isinstance(told, str):
        return told
    if not isinstance(told, dict):
        return None
    body: dict[str, Any] = told  # pyright: ignore[reportUnknownVariableType]  # JSON
    words = _inner(body.get("error")) or _inner(body.get("message")) or _inner(body.get("detail"))
    metadata: Any = body.get("metadata") or {}
    raw: Any = metadata.get("raw") if isinstance(metadata, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # JSON
    return f"{words}: {raw}" if words and isinstance(raw, str) else words


def _retry_after(error: BaseException) -> str | None:
    headers: Any = getattr(getattr(error, "response", None), "headers", None) or getattr(error, "headers", None)
    headers = getattr(error, "litellm_response_headers", None) or headers
    wait: Any = None if headers is None else headers.get("retry-after")
    if not wait and (told := _DELAY.search(str(error))) is not None:
        return told.group(1)  # Google says it in the body
    return str(wait) if wait else None


def _seconds(wait: str | None) -> float | None:
    """
    >>> _seconds("7"), _seconds("Wed, 21 Oct 2015 07:28:00 GMT"), _seconds("soon"), _seconds("nan")
    (7.0, 0.0, None, None)
    """
    if wait is None:
        return None
    try:
        seconds = float(wait)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(wait).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
