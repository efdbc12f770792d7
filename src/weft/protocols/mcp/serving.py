"""``Serving``: an app as an MCP server: an ASGI application, alone or mounted, and a server over stdio."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from importlib import import_module
from importlib.metadata import version
from typing import Any

import msgspec

from weft.errors import AccessDenied
from weft.protocols.mcp.bearer import Admit
from weft.protocols.mcp.calls import Called
from weft.protocols.mcp.offer import Offer
from weft.protocols.mcp.runs import Desk, Runs
from weft.storage.base import Scope

LOCAL = ("127.0.0.1", "localhost", "[::1]")
"""Host names of this machine: what is served by default answers to no others."""

Life = Callable[[], AbstractAsyncContextManager[Any]]


class Serving:
    """What an app offers, over MCP: made by ``app.mcp()``.

    As an ASGI application it may be mounted at any path, or run by itself: then its lifespan opens the app and works
    its queue. Requests are admitted by ``admit``, and only for ``hosts``. The SDK is imported at the first request.
    """

    def __init__(
        self,
        desk: Desk,
        offer: Offer,
        life: Life,
        *,
        name: str,
        instructions: str,
        admit: Admit | None,
        hosts: Sequence[str] | None = LOCAL,
        origins: Sequence[str] = (),
        key: bytes | None = None,
    ) -> None:
        self.offer, self.name, self.instructions = offer, name, instructions
        self._desk, self._life, self._key = desk, life, key
        self.admit = admit
        self.hosts = None if hosts is None else tuple(hosts)
        """Names that it answers to; ``None`` where somebody else looks after that."""
        self._origins = tuple(origins)
        self._inner: asyncio.Future[Any] | None = None
        self._leave = asyncio.Event()
        self._owner: asyncio.Task[None] | None = None
        self._made: Any = None

    @property
    def workspace(self) -> str:
        """Whose threads and runs it shows."""
        return self._desk.workspace

    def targets(self) -> "list[Called]":
        """What must be found by name when a run of a tool or a prompt is driven."""
        tools = [Called(f"tool:{name}", source) for name, source in self.offer.tools.items()]
        return [*tools, *(Called(f"prompt:{name}", one.tool) for name, one in self.offer.prompts.items())]

    async def stdio(self) -> None:
        """Serve standard input and output until the client goes; the app lives as long."""
        async with self._life():
            door = await self.door()
            await door.stdio()

    async def changed(self, what: str, uri: str = "") -> None:
        """Tell clients that ``tools``, ``prompts`` or ``resources`` are other ones, or the ``resource`` at ``uri``."""
        await (await self.door()).changed(what, uri)

    async def close(self) -> None:
        """End all sessions."""
        self._leave.set()
        if self._owner is not None:
            await asyncio.gather(self._owner, return_exceptions=True)
        self._owner = self._inner = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if scope["type"] != "http":
            return
        if (refused := await self._refused(scope)) is not None:
            await _say(send, 401, refused)
            return
        await (await self._ready())(scope, receive, send)

    async def _refused(self, scope: Any) -> str | None:
        """Why the request may not pass; else it is known from now on whose it is."""
        from starlette.requests import HTTPConnection  # noqa: PLC0415  # only who serves HTTP has it

        if self.admit is None:
            return None
        try:
            who: Scope = await self.admit(HTTPConnection(scope))
        except AccessDenied as error:
            return str(error)
        door = await self._sdk()
        scope[door.SCOPE], scope["user"] = who, door.identified(who.user or "")
        return None

    async def _sdk(self) -> Any:
        return await asyncio.to_thread(import_module, "weft.protocols.mcp.sdk.door")  # heavy

    async def door(self) -> Any:
        """The SDK's server below: ``.server``, for its in-memory client in tests."""
        if self._made is None:
            sdk = await self._sdk()
            alone = frozenset(target.name for target in self.targets())
            runs = Runs(self._desk, alone)
            owner = Scope(self.workspace, "local")
            about = {"name": self.name, "version": version("weft"), "instructions": self.instructions}
            self._made = self._made or sdk.Door(self.offer, runs, owner, key=self._key, **about)
        return self._made

    async def _ready(self) -> Any:
        """The SDK's application, alive: one task owns it, from the first request until ``close``."""
        if self._inner is None:
            self._leave = asyncio.Event()
            self._inner = asyncio.get_running_loop().create_future()
            self._owner = asyncio.create_task(self._own(self._inner, self._leave))
        return await asyncio.shield(self._inner)

    async def _own(self, ready: "asyncio.Future[Any]", leave: asyncio.Event) -> None:
        try:
            door = await self.door()
            async with door.http(self.hosts, self._origins) as inner:
                ready.set_result(inner)
                await leave.wait()
        except Exception as error:
            if ready.done():
                raise
            ready.set_exception(error)

    async def _live(self, receive: Any, send: Any) -> None:
        """Its own life, where nothing stands before it."""
        await receive()
        async with AsyncExitStack() as stack:
            try:
                await stack.enter_async_context(self._life())
                await self._ready()
            except Exception as error:
                await send({"type": "lifespan.startup.failed", "message": str(error)})
                return
            stack.push_async_callback(self.close)
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})


async def _say(send: Any, status: int, words: str) -> None:
    body = msgspec.json.encode({"error": "invalid_token", "error_description": words})
    headers = [(b"content-type", b"application/json"), (b"www-authenticate", b'Bearer realm="weft"')]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
