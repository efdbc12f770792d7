"""OAuth 2.1 for MCP servers: how a person signs in, once, and where they come back to."""

import asyncio
import threading
import webbrowser
from collections.abc import Callable
from inspect import isawaitable
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

from msgspec import Struct

from weft.errors import ToolFailed, UsageError

PORT = 4279
"""Of the page on this machine to which a person comes back."""
PATIENCE = 300.0
"""Seconds that a person has to sign in."""

Show = Callable[[str], Any]
"""Shows a person the address to sign in at."""


def browse(url: str) -> None:
    """Show it in a browser of this machine, and do not wait: one in a terminal only ends when the person has left."""
    threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()


class OAuth(Struct, frozen=True, kw_only=True):
    """How to get tokens of a server: its authorization server is discovered, and PKCE protects the code.

    Without a ``client_id`` we are known by ``client_metadata`` (the https address of a document about us), where the
    authorization server takes that, else we register. Tokens are refreshed; a person signs in once: by
    ``await mcp.sign_in()`` or ``weft mcp --sign-in URL``.
    """

    client_id: str | None = None
    client_secret: str | None = None
    client_metadata: str | None = None
    scopes: tuple[str, ...] = ()
    client_name: str = "Weft"
    port: int = PORT
    """Of the page on this machine to which a person comes back: ``http://127.0.0.1:PORT/callback``."""
    show: Show | None = None
    """Where whoever uses this process can sign in at any time: shows them an address, as ``webbrowser.open`` does."""

    @property
    def back(self) -> str:
        """Where a person comes back to."""
        return f"http://127.0.0.1:{self.port}/callback"

    def person(self, server: str) -> "Person":
        """Who signs in while calls go on."""
        return Nobody(server) if self.show is None else AtThisMachine(self.show, self.port)


class Back(Struct, frozen=True):
    """What a person brings back from the authorization server."""

    code: str
    state: str | None = None
    issuer: str | None = None


class Person(Protocol):
    """Somebody who can sign in."""

    async def show(self, url: str) -> None:
        """Send them there."""
        ...

    async def back(self) -> Back:
        """Raises: ToolFailed: they did not come back, or were refused."""
        ...


class Nobody:
    """While a run goes on nobody is asked to sign in: the call fails, and says what to do."""

    def __init__(self, server: str) -> None:
        self._server = server

    async def show(self, url: str) -> None:
        raise ToolFailed(f"nobody is signed in at {self._server}: `weft mcp --sign-in {self._server}`")

    async def back(self) -> Back:
        raise ToolFailed("nobody was asked")


class AtThisMachine:
    """A person with a browser here: they come back to a page that this process serves for as long."""

    def __init__(self, show: Show, port: int) -> None:
        self._show, self._port = show, port
        self._server: asyncio.Server | None = None
        self._came: asyncio.Future[Back] | None = None

    async def show(self, url: str) -> None:
        """Raises: UsageError: the port is taken."""
        self._came = asyncio.get_running_loop().create_future()
        try:
            self._server = await asyncio.start_server(self._visited, "127.0.0.1", self._port)
        except OSError as error:
            port = self._port
            raise UsageError(f"cannot wait for you at 127.0.0.1:{port}: {error.strerror}; see OAuth(port=)") from error
        shown = self._show(url)
        if isawaitable(shown):
            await shown

    async def back(self) -> Back:
        assert self._came is not None, "nobody was sent anywhere"
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._came
        except TimeoutError:
            raise ToolFailed(f"nobody signed in within {PATIENCE:g} s") from None
        finally:
            if self._server is not None:
                self._server.close()

    async def _visited(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(10):
                words = self._read((await reader.readline()).decode("latin-1"))
                writer.write(_page(words))
                await writer.drain()
        except (TimeoutError, ConnectionError, ValueError):
            pass
        finally:
            writer.close()

    def _read(self, line: str) -> str:
        method, _, rest = line.partition(" ")
        address = urlsplit(rest.partition(" ")[0])
        if method != "GET" or address.path != "/callback":
            return "There is nothing here."
        given = {name: values[0] for name, values in parse_qs(address.query).items()}
        if self._came is None or self._came.done():
            return "You have been here already: close this page."
        if "code" not in given:
            why = given.get("error_description") or given.get("error") or "it gave no code"
            self._came.set_exception(ToolFailed(f"the authorization server refused: {why[:300]}"))
            return "That did not work; the program says why. You can close this page."
        self._came.set_result(Back(given["code"], given.get("state"), given.get("iss")))
        return "You are signed in. You can close this page."


def _page(words: str) -> bytes:
    body = f"<!doctype html><meta charset=utf-8><title>Weft</title><p>{words}".encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Cache-Control: no-store\r\nConnection: close\r\n\r\n".encode() + body
