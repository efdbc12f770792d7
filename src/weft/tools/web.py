"""One HTTP request on behalf of a model: to addresses that may be reached, of so many bytes, within its time.

The door to aiohttp for tools; imported when the first request is made.
"""

import asyncio
import socket
from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from msgspec import Struct

from weft.errors import AccessDenied, ToolFailed
from weft.security.addresses import Lookup, Reach, looked_up

HOPS = 5
"""Redirects that are followed; each is checked like the first address."""


class Unanswered(ToolFailed):
    """There is no answer. ``sent`` is whether the request may have arrived all the same."""

    def __init__(self, message: str, *, sent: bool = False) -> None:
        super().__init__(message)
        self.sent = sent


class Page(Struct, frozen=True, kw_only=True):
    """What a server said."""

    url: str
    """Where it came from in the end."""
    status: int
    headers: Mapping[str, str]
    body: bytes
    whole: bool = True
    """Whether that is all; else it was cut off at the limit."""

    @property
    def mime(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def text(self) -> str:
        charset = self.headers.get("content-type", "").lower().partition("charset=")[2].partition(";")[0].strip(" \"'")
        try:
            return self.body.decode(charset or "utf-8", errors="replace")
        except LookupError:
            return self.body.decode(errors="replace")


class Web:
    """Requests within limits. ``lookup`` says how names are looked up, where it is not the system's way."""

    def __init__(
        self,
        reach: Reach | None = None,
        *,
        most: int = 5_000_000,
        seconds: float = 20.0,
        agent: str = "weft/0.1",
        lookup: Lookup | None = None,
    ) -> None:
        self._reach, self._most, self._seconds, self._agent = reach or Reach(), most, seconds, agent
        self._lookup = lookup or looked_up

    async def ask(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        params: Mapping[str, Any] | list[tuple[str, str]] | None = None,
        data: Mapping[str, str] | bytes | None = None,
    ) -> Page:
        """Raises: AccessDenied (the address may not be reached); Unanswered; ToolFailed (it leads in a circle)."""
        told: dict[str, Any] = {"params": params} | ({"data": data} if data is not None else {"json": json})
        try:
            async with asyncio.timeout(self._seconds):
                return await self._follow(method, url, dict(headers or {}), told)
        except TimeoutError:
            raise Unanswered(f"{url} did not answer within {self._seconds:g} s", sent=True) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if isinstance(refused := _cause(error), AccessDenied):
                raise refused from None
            sent = not isinstance(error, aiohttp.ClientConnectorError)
            raise Unanswered(f"{url} cannot be read: {error or type(error).__name__}", sent=sent) from None

    async def _follow(self, method: str, url: str, headers: dict[str, str], told: dict[str, Any]) -> Page:
        first = self._reach.url(url)
        for _ in range(HOPS + 1):
            page = await self._one(method, url, headers, told)
            if page.status not in (301, 302, 303, 307, 308) or "location" not in page.headers:
                return page
            url = urljoin(page.url, page.headers["location"])
            parts = self._reach.url(url)
            if page.status == 303 or (page.status < 303 and method == "POST"):
                method, told = "GET", {}
            told = {key: value for key, value in told.items() if key != "params"}
            if (parts.scheme, parts.netloc) != (first.scheme, first.netloc):
                headers = {key: value for key, value in headers.items() if key.lower() in ("accept", "user-agent")}
        raise ToolFailed(f"{url}: more than {HOPS} redirects")

    async def _one(self, method: str, url: str, headers: dict[str, str], told: dict[str, Any]) -> Page:
        parts = self._reach.url(url)
        number = parts.port or (443 if parts.scheme == "https" else 80)
        by_name = self._reach.host(parts.hostname or "", number)
        connector = aiohttp.TCPConnector(
            resolver=_Names(self._lookup, self._reach, by_name=by_name),
            socket_factory=_socket if by_name else self._checked,
            use_dns_cache=False,
            limit=1,
        )
        session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": self._agent, **headers},
            max_line_size=16_000,
            max_field_size=64_000,
        )
        async with session, session.request(method, url, allow_redirects=False, **told) as answer:
            body, whole = await self._body(answer)
            named = {key.lower(): value for key, value in answer.headers.items()}
            return Page(url=str(answer.url), status=answer.status, headers=named, body=body, whole=whole)

    async def _body(self, answer: aiohttp.ClientResponse) -> tuple[bytes, bool]:
        body = bytearray()
        async for piece in answer.content.iter_chunked(65536):  # unpacked: a small answer may be a large one
            body += piece[: self._most - len(body)]
            if len(body) >= self._most:
                answer.close()
                return bytes(body), False
        return bytes(body), True

    def _checked(self, info: Any) -> socket.socket:
        """The last door: whatever led here, it is this address that is connected to."""
        if why := self._reach.refusal(info[4][0]):
            raise _Refused(why)
        return _socket(info)


class _Refused(OSError):
    """An address that may not be reached, as aiohttp lets it through."""


class _Names(AbstractResolver):
    """Looks a name up once, and takes no answer if one of them may not be reached."""

    def __init__(self, lookup: Lookup, reach: Reach, *, by_name: bool) -> None:
        self._lookup, self._reach, self._by_name = lookup, reach, by_name

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        addresses = await self._lookup(host, port)
        if not self._by_name:
            for address in addresses:
                if why := self._reach.refusal(address):
                    raise _Refused(f"{host} leads to {why}")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in addresses
        ]

    async def close(self) -> None: ...


def _socket(info: Any) -> socket.socket:
    family, kind, proto, _, _ = info
    made = socket.socket(family, kind, proto)
    made.setblocking(False)
    return made


def _cause(error: BaseException | None) -> AccessDenied | None:
    while error is not None:
        if isinstance(error, _Refused):
            return AccessDenied(f"that may not be reached: {error}")
        error = error.__cause__ or error.__context__
    return None
