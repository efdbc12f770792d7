"""How the ``mcp`` package reaches a server, and who hears when that ends. Loaded with it, behind the same door."""

import json
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

import anyio
import httpx2
from mcp import StdioServerParameters
from mcp.client.sse import sse_client
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client

from weft.security.addresses import Reach
from weft.tools.gate import Gate
from weft.tools.mcp.address import Address
from weft.tools.mcp.complaints import listening
from weft.tools.mcp.oauth import Person
from weft.tools.mcp.signing import Signing
from weft.tools.secrets import opened
from weft.tools.vault import Vault


async def transport(
    address: Address,
    stack: AsyncExitStack,
    complaints: deque[str],
    vault: Vault,
    person: Person | None,
    answered: Callable[[httpx2.Response], Awaitable[None]],
) -> Any:
    """Of the SDK, not begun. What the server's process writes to its errors goes to ``complaints`` too; ``answered``
    sees each answer over streamable HTTP."""
    if address.url is None:
        command, *args = address.command
        how = StdioServerParameters(
            command=command,
            args=args,
            env={name: await opened(told, vault) for name, told in address.env} or None,
            cwd=address.cwd,
        )
        return stdio_client(how, errlog=stack.enter_context(listening(str(address), complaints)))
    headers = {name: await opened(told, vault) for name, told in address.headers}
    auth = None
    if address.auth is not None:
        auth = Signing(address.url, address.auth, vault, person or address.auth.person(address.url))
    if address.sse:
        return sse_client(address.url, headers=headers, auth=auth)
    if address.reach is None:
        http = create_mcp_http_client(headers=headers, auth=auth)
    else:
        gate = await stack.enter_async_context(Gate(Reach(address.reach)))
        more: Any = {"timeout": httpx2.Timeout(30.0, read=300.0), "trust_env": False}
        http = httpx2.AsyncClient(headers=headers, auth=auth, proxy=f"http://127.0.0.1:{gate.port}", **more)
    http.event_hooks = {"response": [answered]}
    http = await stack.enter_async_context(http)
    return streamable_http_client(address.url, http_client=http)


def refusal(body: bytes) -> str:
    """The words of an error that came by HTTP, or what the SDK says where there are none.

    >>> refusal(b""), refusal(b'{"error": {"message": "Session not found"}}')
    ('Session terminated', 'Session not found')
    """
    try:
        return str(json.loads(body)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return "Session terminated"


@asynccontextmanager
async def heard(
    transport: AbstractAsyncContextManager[tuple[Any, Any]], ended: Callable[[str], None]
) -> AsyncGenerator[tuple[Any, Any]]:
    """A transport of the SDK; ``ended`` is called when no more will come of it, and may be more than once."""
    async with transport as (read, write):
        yield _Heard(read, ended), write


class _Heard:
    """A stream of messages, as the SDK has them."""

    def __init__(self, inner: Any, ended: Callable[[str], None]) -> None:
        self._inner, self._ended = inner, ended

    @property
    def last_context(self) -> Any:
        """Of the sender, where the stream keeps it."""
        return getattr(self._inner, "last_context", None)

    async def receive(self) -> Any:
        try:
            return await self._inner.receive()
        except (anyio.EndOfStream, anyio.ClosedResourceError):
            self._ended("it ended the connection")
            raise

    def __aiter__(self) -> "_Heard":
        return self

    async def __anext__(self) -> Any:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def __aenter__(self) -> "_Heard":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
