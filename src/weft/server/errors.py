"""Errors as RFC 9457 problems: one table from our codes to HTTP, and nothing of our insides on the wire."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from msgspec import Struct
from starlette.exceptions import HTTPException

from weft import errors

STATUS: dict[type[errors.WeftError], int] = {
    errors.WeftError: 500,
    errors.UsageError: 400,
    errors.AnswerInvalid: 422,
    errors.AccessDenied: 403,
    errors.Unreadable: 422,
    errors.LimitExceeded: 429,
    errors.Cancelled: 409,
    errors.NodeTimeout: 504,
    errors.CircuitOpen: 503,
    errors.OutputInvalid: 502,
    errors.ToolError: 502,
    errors.ModelError: 502,
    errors.RateLimited: 429,
    errors.ModelUnavailable: 503,
    errors.StoreError: 500,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Fenced: 409,
    errors.StoreFull: 507,
    errors.StoreLocked: 503,
    errors.SchemaMismatch: 503,
}
"""An error has the status of its nearest ancestor here."""

_CODES = {
    400: "request.malformed",
    403: "access",
    404: "route.not_found",
    405: "route.method",
    413: "request.too_large",
    421: "host.refused",
}

HIDDEN = "Something went wrong inside; the server's log has more."


class Invalid(Struct, frozen=True):
    """One thing that is wrong with a request."""

    where: str
    """Such as ``body.input``."""
    message: str


class Problem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What went wrong: an RFC 9457 problem. ``type`` is stable; the words may change."""

    type: str
    title: str
    status: int
    detail: str
    errors: tuple[Invalid, ...] = ()


def status_of(error: errors.WeftError) -> int:
    """The HTTP status of an error.

    >>> status_of(errors.GraphError("no entry")), status_of(errors.StoreFull("disk full"))
    (400, 507)
    """
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def problem(
    status: int,
    detail: str,
    *,
    code: str | None = None,
    invalid: Sequence[Invalid] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The answer that says so."""
    body = Problem(
        type=code or _CODES.get(status, f"http.{status}"),
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail.encode(errors="replace").decode(),
        errors=tuple(invalid),
    )
    return Response(msgspec.json.encode(body), status, headers, media_type="application/problem+json")


async def _weft_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.WeftError)
    status = status_of(error)
    headers = {"Retry-After": "1"} if error.retryable and status in (429, 503, 507) else None
    return problem(status, HIDDEN if status == 500 else str(error), code=error.code, headers=headers)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found: Sequence[Any] = error.errors()
    if any(entry["type"] == "json_invalid" for entry in found):
        return problem(400, "The body is not JSON.")
    invalid = [Invalid(_where(entry["loc"]), str(entry["msg"])) for entry in found[:20]]
    detail = "; ".join(f"{one.where}: {one.message}" for one in invalid[:3])
    return problem(422, detail, code="request.invalid", invalid=invalid)


def _where(location: Sequence[Any]) -> str:
    return ".".join(str(part)[:80].encode(errors="replace").decode() for part in location)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return problem(error.status_code, str(error.detail), headers=error.headers)


async def _unforeseen(request: Request, error: Exception) -> Response:
    return problem(500, HIDDEN, code="internal", headers={"X-Content-Type-Options": "nosniff"})


def install(api: FastAPI) -> None:
    """Teach the application to answer every error with a problem."""
    api.add_exception_handler(errors.WeftError, _weft_error)
    api.add_exception_handler(RequestValidationError, _invalid)
    api.add_exception_handler(HTTPException, _http)
    api.add_exception_handler(Exception, _unforeseen)
