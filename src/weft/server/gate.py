"""What every request passes: only hosts that are ours, no writes sent by foreign pages, and safe headers."""

import asyncio
import ipaddress
from collections.abc import Iterable
from contextlib import suppress
from urllib.parse import urlsplit

from fastapi import Response
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from weft.server.errors import problem

_SAFE = ("GET", "HEAD", "OPTIONS")
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def host_of(header: str) -> str:
    """The name in a ``Host`` header, without its port.

    >>> host_of("LocalHost:4280"), host_of("[::1]:4280"), host_of("a.example.")
    ('localhost', '::1', 'a.example')
    """
    try:
        return (urlsplit(f"//{header}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


class Hosts:
    """The names that this server answers to.

    A page of ``evil.example`` can make that name point to 127.0.0.1; the ``Host`` header still says
    ``evil.example``, and that is how it is found out. An address cannot be faked so: a server that
    listens beyond loopback answers to any.

    >>> Hosts("127.0.0.1").ours("localhost:4280"), Hosts("127.0.0.1").ours("evil.example")
    (True, False)
    >>> Hosts("0.0.0.0").ours("192.168.1.5:4280")
    True
    """

    def __init__(self, bound: str, names: Iterable[str] = ()) -> None:
        self._names = frozenset({"localhost", bound.lower(), *(name.lower() for name in names)})
        address = _address(bound)
        self._beyond = address is not None and not address.is_loopback

    def ours(self, header: str) -> bool:
        host = host_of(header)
        if "*" in self._names or host in self._names or host.endswith(".localhost"):
            return True
        address = _address(host)
        return address is not None and (self._beyond or address.is_loopback)


class Gate:
    """The middleware that stands before everything else.

    ``root_path`` is the prefix under which a proxy serves this; whether it strips it or not is all one.
    ``max_body`` is in bytes.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: Hosts,
        origins: Iterable[str] = (),
        root_path: str = "",
        max_body: int = 10_000_000,
    ) -> None:
        self._app, self._hosts, self._origins = app, hosts, frozenset(origins)
        self._root_path, self._max_body = root_path, max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        if self._root_path:
            scope["root_path"] = self._root_path

        body = _Body(receive, self._max_body)
        large = False

        async def guarded(message: Message) -> None:
            nonlocal large
            if message["type"] == "http.response.start":
                large = message["status"] == 413
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            elif large and not message.get("more_body"):
                await send({**message, "more_body": True})
                await body.drain()
                message = {"type": "http.response.body"}
            await send(message)

        headers = Headers(scope=scope)
        refusal = self._foreign(headers, scope.get("method", "")) or self._too_large(headers)
        await (refusal or self._app)(scope, body.receive, guarded)

    def _foreign(self, headers: Headers, method: str) -> Response | None:
        host = headers.get("host", "")
        if not self._hosts.ours(host):
            return problem(421, f"This server does not answer to {host!r}; allow it with WEFT_HOSTS.")
        origin = headers.get("origin")
        if origin is None or method in _SAFE or origin in self._origins:
            return None
        if urlsplit(origin).netloc.lower() == host.lower():
            return None
        return problem(
            403, f"Pages of {origin!r} may not write here; allow them with WEFT_CORS.", code="origin.refused"
        )

    def _too_large(self, headers: Headers) -> Response | None:
        length = headers.get("content-length", "0")
        if length.isdigit() and int(length) <= self._max_body:
            return None
        return problem(413, f"A body may have {self._max_body} bytes.", headers={"Connection": "close"})


class _Body:
    """The body of one request: of a length that it need not say, but no longer than ``most`` bytes."""

    def __init__(self, receive: Receive, most: int) -> None:
        self._receive, self._most, self._left = receive, most, most
        self._more = True

    async def receive(self) -> Message:
        """Raises: HTTPException, once there was too much of it."""
        message = await self._next()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise HTTPException(413, f"A body may have {self._most} bytes.", {"Connection": "close"})
        return message

    async def drain(self, seconds: float = 5.0) -> None:
        """Let what is on its way arrive: a connection closed before that takes our answer down with it."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._more:
                    await self._next()

    async def _next(self) -> Message:
        message = await self._receive()
        self._more = message["type"] == "http.request" and message.get("more_body", False)
        return message
