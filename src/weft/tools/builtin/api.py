"""``Api``: the HTTP interface of a service as tools ask it. Tokens by name, waits that it wants, errors in words."""

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from hashlib import sha256
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary
from xml.etree import ElementTree

import msgspec
from msgspec import Struct

from weft.engine.context import Context
from weft.engine.undone import NOT_DONE, NotDone
from weft.errors import AccessDenied, ToolFailed, ToolRetry, UsageError
from weft.messages import Json
from weft.security.addresses import Reach
from weft.storage.base import Scope
from weft.tools.base import Tool
from weft.tools.function import tool
from weft.tools.run import Broke
from weft.tools.secrets import is_reference, revealed

if TYPE_CHECKING:
    from weft.tools.web import Page

T = TypeVar("T")
Token: TypeAlias = str | Callable[[Context[Any]], str | Awaitable[str]]
"""``secret:NAME`` of the workspace, ``os.environ/NAME``, or a function that gives the token of a run."""

WAIT = 20.0
"""Seconds that a call waits where a service asks it to; a longer wait is told to the model."""
AGENT = "weft/0.1"


class Api:
    """Requests to one service, which may be anywhere, as whoever made this named its address.

    ``token`` is required where it is given; of ``usual``, a variable's name, only what is set is used. ``headers``
    makes a token into headers. ``said`` finds the words of an error in an answer. ``pause`` is the least time between
    two requests of this process, in seconds.

    Raises:
        UsageError: the address is none, or a token was given as it is.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        *,
        token: Token | None = None,
        usual: str = "",
        headers: Callable[[str], Mapping[str, str]] | None = None,
        said: "Callable[[Page], str] | None" = None,
        seconds: float = 20.0,
        most: int = 5_000_000,
        pause: float = 0.0,
        agent: str = AGENT,
    ) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise UsageError(f"{name} is asked at an address that begins with https:// and names no user")
        if isinstance(token, str) and not is_reference(token):
            raise UsageError(f"the token of {name} is given as secret:NAME or os.environ/NAME: it stands in no program")
        self.name, self.base = name, base_url.rstrip("/")
        self.token = token
        self._usual, self._headers, self._said = usual, headers or _bearer, said or _message
        self._seconds, self._most, self._pace, self._agent = seconds, most, _Pace(pause), agent
        self._reach = [f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"]

    @property
    def timeout(self) -> float:
        """Seconds that a tool should have which makes one or a few requests."""
        return self._seconds + WAIT + 10

    async def read(
        self,
        path: str,
        params: Mapping[str, Any] | None = None,
        *,
        ctx: Context[Any],
        accept: str = "application/json",
    ) -> "Page":
        """What is there; asked again after a short wait, where the service wants that.

        Raises:
            ToolRetry: it knows no such thing, or does not understand the question.
            ToolFailed: it does not answer, refuses, or wants a long wait.
        """
        ends = time.monotonic() + WAIT
        while True:
            page, token = await self._ask(ctx, "GET", path, accept, params=params)
            wait = _wanted_wait(page)
            if wait is None or wait > ends - time.monotonic():
                return self._checked(page, token)
            await asyncio.sleep(wait)

    async def write(self, path: str, body: Mapping[str, Any], type: type[T], *, ctx: Context[Any]) -> T:
        """Change something, which must not happen twice: nothing is sent again.

        Raises:
            ToolRetry, ToolFailed: nothing was changed.
            Broke: nobody knows whether it was.
        """
        from weft.tools.web import Unanswered  # noqa: PLC0415  # aiohttp, for those who ask

        try:
            page, token = await self._ask(ctx, "POST", path, "application/json", json=dict(body))
        except Unanswered as error:
            if error.sent:
                raise Broke(str(error)) from error
            raise
        if page.status >= 500 and _wanted_wait(page) is None:
            raise Broke(f"{self.name} answered {page.status}: {self._words(page, token)}")
        if page.status >= 400:
            self._checked(page, token)
        try:
            return self.decoded(page, type)
        except ToolFailed as error:
            raise Broke(str(error)) from error

    async def _ask(self, ctx: Context[Any], method: str, path: str, accept: str, **told: Any) -> "tuple[Page, str]":
        from weft.tools.web import Web  # noqa: PLC0415  # aiohttp, for those who ask

        token = await self._token(ctx)
        headers = {"Accept": accept, **(self._headers(token) if token else {})}
        web = Web(Reach(self._reach), most=self._most, seconds=self._seconds, agent=self._agent)
        async with self._pace.turn():
            try:
                return await web.ask(method, self.base + path, headers=headers, **told), token
            except AccessDenied as error:
                raise ToolFailed(str(error)) from None

    async def _token(self, ctx: Context[Any]) -> str:
        if callable(self.token):
            given = self.token(ctx)
            return (await given if isawaitable(given) else given).strip()
        if self.token is not None:
            return await revealed(self.token, ctx)
        return os.environ.get(self._usual, "").strip() if self._usual else ""

    def _checked(self, page: "Page", token: str) -> "Page":
        if page.status < 400 and page.whole:
            return page
        if page.status < 400:
            raise ToolFailed(f"{self.name} answered more than {self._most:,} bytes: ask for less")
        words = self._words(page, token)
        if (wait := _wanted_wait(page)) is not None:
            raise ToolFailed(f"{self.name} wants no more requests for {wait:.0f} s: {words}")
        if page.status == 401:
            raise ToolFailed(f"{self.name} takes no token, or not the one it was given: {words}")
        if page.status in (400, 404, 409, 410, 422):
            raise ToolRetry(f"{self.name} answered {page.status}: {words}")
        raise ToolFailed(f"{self.name} answered {page.status}: {words}")

    def _words(self, page: "Page", token: str) -> str:
        return clean(self._said(page), token)[:1000]

    def decoded(self, page: "Page", type: type[T]) -> T:
        """Its JSON as ``type``. Raises: ToolFailed."""
        try:
            return msgspec.json.decode(page.body, type=type)
        except msgspec.MsgspecError as error:
            raise ToolFailed(f"the answer of {self.name} cannot be read: {error}") from None

    def xml(self, page: "Page") -> ElementTree.Element:
        """Its XML; no document may define words of its own. Raises: ToolFailed."""
        try:
            if b"<!DOCTYPE" in page.body or b"<!ENTITY" in page.body:
                raise ToolFailed(f"the answer of {self.name} cannot be read: it has a DOCTYPE")
            return ElementTree.fromstring(page.body)
        except (ElementTree.ParseError, ValueError, LookupError) as error:
            raise ToolFailed(f"the answer of {self.name} cannot be read: {error}") from None


def reads(timeout: float, *methods: Callable[..., Any]) -> list[Tool]:
    """Tools that only read."""
    return [tool(method, effect="read", timeout=timeout).tool for method in methods]


def mark_of(ctx: Context[Any]) -> str:
    """A word that only this call has, by which what it wrote is found again."""
    return sha256(ctx.idempotency_key.encode()).hexdigest()[:24]


_CLOCKS = 3_600.0
"""Seconds that the clock of a service may go ahead of ours."""


class Lookback(Struct, frozen=True):
    """How far back to look for what a call wrote, of which nobody knows how it ended."""

    since: float
    """Seconds since the epoch."""
    far: bool
    """Whether the call cannot be older than that."""

    def nothing(self) -> NotDone:
        """What it means that nothing was found. Raises: ToolFailed: it may be there all the same."""
        if not self.far:
            raise ToolFailed("it may have been written longer ago than is looked back")
        return NOT_DONE


async def lookback(ctx: Context[Any], most: float) -> Lookback:
    """As far as the run of the call began, but for ``most`` seconds at most."""
    now, store = time.time(), ctx.run.store
    if store is None:  # it began in this process, and does not outlive it
        return Lookback(now - most, True)
    run = await store.runs.get(Scope(ctx.run.workspace), ctx.run.id)
    begun = run.created_at - _CLOCKS
    return Lookback(max(begun, now - most), begun >= now - most)


def inner(told: Json, name: str) -> Json:
    """The object of that name in an answer; an empty one where there is none."""
    found = told.get(name)
    return cast("Json", found) if isinstance(found, dict) else {}


def clean(words: str, token: str) -> str:
    """Words without the token, should somebody have repeated it."""
    return " ".join((words.replace(token, "[token]") if token else words).split())


def _bearer(token: str) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _message(page: "Page") -> str:
    """What most services say: ``{"message": ...}``; else the text, if it is no page for browsers."""
    if page.mime.endswith("html"):
        return "a page for browsers"
    try:
        found: Any = msgspec.json.decode(page.body)
    except msgspec.MsgspecError:
        return page.text[:300]
    told: Any = cast("dict[str, Any]", found).get("message") if isinstance(found, dict) else None
    return str(told) if told else page.text[:300]


def _wanted_wait(page: "Page") -> float | None:
    """Seconds that the service wants us to wait, where that is why it does not answer: Retry-After (RFC 9110), or
    GitHub's ``x-ratelimit-reset``."""
    if page.status not in (403, 429, 503):
        return None
    told = page.headers.get("retry-after", "").strip()
    if told.isdigit():
        return float(told)
    if told:
        try:
            return max(0.0, (parsedate_to_datetime(told) - datetime.now(UTC)).total_seconds())
        except (ValueError, TypeError):
            pass
    if page.headers.get("x-ratelimit-remaining") == "0" and page.headers.get("x-ratelimit-reset", "").isdigit():
        return max(0.0, float(page.headers["x-ratelimit-reset"]) - time.time())
    return 60.0 if page.status == 429 else None


class _Pace:
    """One request after the other, with a pause between them, in each event loop; without a pause all at once."""

    def __init__(self, pause: float) -> None:
        self._pause = pause
        self._free_at = 0.0
        self._locks: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[None]:
        if not self._pause:
            yield
            return
        async with self._locks.setdefault(asyncio.get_running_loop(), asyncio.Lock()):
            await asyncio.sleep(max(0.0, self._free_at - time.monotonic()))
            try:
                yield
            finally:
                self._free_at = time.monotonic() + self._pause
