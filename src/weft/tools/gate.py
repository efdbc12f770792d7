"""``Gate``: a proxy on this machine through which a browser goes, and which leads only where it may go.

It sees every connection that a page makes, whatever makes it (redirects, pictures, scripts, sockets), and connects to
the very address that it checked.
"""

import asyncio
from collections import deque
from contextlib import suppress

from weft.errors import AccessDenied
from weft.security.addresses import Lookup, Reach, looked_up

REFUSED = "x-weft-refused"
"""A header of answers that the gate gives itself."""
_HEAD = 65_536
"""Bytes of the head of a request or an answer."""
_HOPS = (b"connection", b"proxy-connection", b"proxy-authorization", b"keep-alive")


class Gate:
    """Open as long as its ``async with``. ``seconds`` is how long a connection may take to be made."""

    def __init__(self, reach: Reach, *, lookup: Lookup | None = None, seconds: float = 20.0) -> None:
        self._reach, self._lookup, self._seconds = reach, lookup or looked_up, seconds
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.refused: deque[str] = deque(maxlen=20)
        """What was not reached, and why; the last of it."""
        self.port = 0

    async def __aenter__(self) -> "Gate":
        self._server = await asyncio.start_server(self._begin, "127.0.0.1", 0, limit=_HEAD)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._pass(reader, writer)
        except AccessDenied as error:
            self.refused.append(str(error))
            await _answer(writer, "403 Forbidden", f"{error}")
        except (OSError, TimeoutError) as error:
            await _answer(writer, "502 Bad Gateway", f"no connection: {error or type(error).__name__}")
        except (ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            await _answer(writer, "400 Bad Request", "that cannot be understood")
        finally:
            writer.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request, and what it leads to; a connection is not used again."""
        first, headers = _parsed(await reader.readuntil(b"\r\n\r\n"))
        method, target, _ = first.decode("latin-1").split(" ")
        tunnel = method == "CONNECT"
        parts = self._reach.url(f"https://{target}/" if tunnel else target)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        if not tunnel and parts.scheme != "http":
            raise ValueError(target)
        length = _length(headers)
        there, back = await self._connected(parts.hostname or "", port)
        try:
            if tunnel:
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                await _both_ways(reader, back, there, writer)
            else:
                path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
                back.write(f"{method} {path} HTTP/1.1\r\n".encode("latin-1") + _closing(headers))
                body = asyncio.ensure_future(_copy(reader, back, length))
                try:
                    await _answered(there, writer, bodiless=method == "HEAD")
                finally:  # a server may answer before it has heard all
                    body.cancel()
                    await asyncio.gather(body, return_exceptions=True)
        finally:
            back.close()

    async def _connected(self, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Raises: AccessDenied, OSError, TimeoutError."""
        async with asyncio.timeout(self._seconds):
            addresses = await self._lookup(host, port)
            if not self._reach.host(host, port):
                for address in addresses:
                    if why := self._reach.refusal(address):
                        raise AccessDenied(f"{host}:{port} may not be reached: {why}")
            failed: OSError = OSError(f"{host} has no address")
            for address in addresses:
                try:
                    return await asyncio.open_connection(address, port, limit=_HEAD)
                except OSError as error:
                    failed = error
            raise failed


async def _both_ways(
    reader: asyncio.StreamReader, back: asyncio.StreamWriter, there: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    ways = {asyncio.ensure_future(_copy(reader, back)), asyncio.ensure_future(_copy(there, writer))}
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


async def _answered(there: asyncio.StreamReader, writer: asyncio.StreamWriter, *, bodiless: bool) -> None:
    """The answer, after which the connection ends, whatever the server would like."""
    while True:
        first, headers = _parsed(await there.readuntil(b"\r\n\r\n"))
        writer.write(first + b"\r\n" + _closing(headers))
        status = first.split(b" ", 2)[1]
        if not status.startswith(b"1"):
            break
    if bodiless or status in (b"204", b"304"):
        await writer.drain()
        return
    chunked = any(name == b"transfer-encoding" for name, _ in headers)
    await _copy(there, writer, None if chunked else _length(headers, None))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, length: int | None = None) -> None:
    """So many bytes, or all that come."""
    with suppress(ConnectionError):
        while length is None or length > 0:
            piece = await reader.read(_HEAD if length is None else min(_HEAD, length))
            if not piece:
                return
            length = None if length is None else length - len(piece)
            writer.write(piece)
            await writer.drain()


async def _answer(writer: asyncio.StreamWriter, status: str, words: str) -> None:
    body = words.encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\n{REFUSED}: 1\r\nConnection: close\r\n"
    with suppress(ConnectionError):
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()


def _parsed(head: bytes) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    first, *lines = head[:-4].split(b"\r\n")
    pairs = (line.partition(b":") for line in lines)
    if len(first.split(b" ", 2)) < 2:
        raise ValueError("no first line")
    return first, [(name.strip().lower(), value.strip()) for name, _, value in pairs]


def _closing(headers: list[tuple[bytes, bytes]]) -> bytes:
    kept = b"".join(name + b": " + value + b"\r\n" for name, value in headers if name not in _HOPS)
    return kept + b"connection: close\r\n\r\n"


def _length(headers: list[tuple[bytes, bytes]], otherwise: int | None = 0) -> int | None:
    """Bytes of a body. Raises: ValueError (a request that does not say)."""
    if otherwise == 0 and any(name == b"transfer-encoding" for name, _ in headers):
        raise ValueError("the length of a body must be known")
    return next((int(value) for name, value in headers if name == b"content-length"), otherwise)
