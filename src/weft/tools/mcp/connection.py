"""One connection to an MCP server, owned by one task and shared by any number of runs.

The task that opens a connection also closes it, and nobody else does. Whoever finds it dead says so with
``drop``, and the next who needs it has a new one opened; after a failure not before a while.
"""

import asyncio
import logging
import time
from contextlib import AsyncExitStack
from importlib import import_module
from typing import Any, cast
from weakref import WeakKeyDictionary

from weft.errors import ToolFailed
from weft.tools.mcp.address import Address
from weft.tools.mcp.peer import Definition, Peer

_log = logging.getLogger("weft.mcp")

IDLE = 600.0
"""Seconds without a call after which a connection is closed."""
PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds before another try, by the number of failures in a row."""

_open: "WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Address, Connection]]" = WeakKeyDictionary()


def connection(address: Address) -> "Connection":
    """The connection of this event loop to that server; it may not be open."""
    return _open.setdefault(asyncio.get_running_loop(), {}).setdefault(address, Connection(address))


async def close_connections() -> None:
    """Close all that this event loop has open."""
    mine = _open.pop(asyncio.get_running_loop(), {})
    await asyncio.gather(*(one.close() for one in mine.values()))


class Connection:
    """Opened when it is needed first."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.calls = 0
        """Under way."""
        self.used_at = time.monotonic()
        self.failures = 0
        """In a row."""
        self.why = ""
        """What the last failure was."""
        self._peer: asyncio.Future[Peer] | None = None
        self._leave = asyncio.Event()
        self._owners: set[asyncio.Task[None]] = set()
        self._again_at = 0.0
        self._listed: asyncio.Future[list[Definition]] | None = None
        self.version = 0
        """One more whenever the list of tools may be another one."""

    async def peer(self) -> Peer:
        """The server, connected.

        Raises:
            ToolFailed: it cannot be reached now; the message says why, and when it is tried again.
        """
        if self._peer is None or (self._peer.done() and self._peer.exception() is not None):
            self._begin()
        assert self._peer is not None
        self.used_at = time.monotonic()
        return await asyncio.shield(self._peer)

    def drop(self, peer: Peer, why: str) -> None:
        """This peer is dead: let its owner clean up, and the next caller get a new one."""
        if self._peer is None or not self._peer.done() or self._peer.exception() or self._peer.result() is not peer:
            return
        self._failed(why)
        self._leave.set()
        self._forget()

    def worked(self) -> None:
        """A call was answered: whatever was wrong before is over."""
        self.failures = 0

    async def tools(self) -> list[Definition]:
        """Its tools, asked for once.

        Raises:
            ToolFailed, Lost: as the peer.
        """
        peer = await self.peer()
        if self._listed is None:
            self._listed = asyncio.ensure_future(peer.tools())
        listed = self._listed
        try:
            return await asyncio.shield(listed)
        except BaseException:
            if self._listed is listed and listed.done():
                self._listed = None
            raise

    async def close(self) -> None:
        """End it; whoever waits for an answer gets an error."""
        self._leave.set()
        self._forget()
        await asyncio.gather(*self._owners, return_exceptions=True)

    @property
    def state(self) -> dict[str, Any]:
        """How it is: for pages about health."""
        up = self._peer is not None and self._peer.done() and self._peer.exception() is None
        about = self._peer.result().about if up and self._peer is not None else {}
        return {"server": str(self.address), "connected": up, "failures": self.failures, "why": self.why, **about}

    def _begin(self) -> None:
        left = self._again_at - time.monotonic()
        if left > 0:
            raise ToolFailed(f"{self.address} is not there ({self.why}); it is tried again in {left:.1f} s")
        loop = asyncio.get_running_loop()
        self._peer, self._leave = loop.create_future(), asyncio.Event()
        self._peer.add_done_callback(_seen)
        owner = loop.create_task(self._own(self._peer, self._leave))
        self._owners.add(owner)
        owner.add_done_callback(self._owners.discard)

    async def _own(self, ready: "asyncio.Future[Peer]", leave: asyncio.Event) -> None:
        try:
            async with AsyncExitStack() as stack:
                door = await asyncio.to_thread(import_module, "weft.tools.mcp.sdk")  # heavy
                async with asyncio.timeout(self.address.connect):
                    peer: Peer = await stack.enter_async_context(door.connect(self.address))
                peer.changed = self._changed
                if not ready.done():
                    ready.set_result(peer)
                await self._until_left(leave)
        except Exception as error:
            words = _words(error)
            if not ready.done():
                self._failed(words)
                ready.set_exception(ToolFailed(f"{self.address} cannot be reached: {words}"))
            elif not leave.is_set():
                self._failed(words)
            _log.info("%s: %s", self.address, words)
        finally:
            if not ready.done():
                ready.set_exception(ToolFailed(f"{self.address}: the connection was given up"))
            if self._peer is ready:
                self._forget()

    async def _until_left(self, leave: asyncio.Event) -> None:
        while True:
            try:
                async with asyncio.timeout(IDLE / 10):
                    await leave.wait()
                return
            except TimeoutError:
                if not self.calls and time.monotonic() - self.used_at > IDLE:
                    return

    def _failed(self, why: str) -> None:
        self.why = why[:500]
        pause = PAUSES[min(self.failures, len(PAUSES) - 1)]
        self.failures += 1
        self._again_at = time.monotonic() + pause

    def _forget(self) -> None:
        self._peer = None
        self._changed()

    def _changed(self) -> None:
        self._listed = None
        self.version += 1


def _seen(future: "asyncio.Future[Any]") -> None:
    if not future.cancelled():
        future.exception()


def _words(error: BaseException) -> str:
    inner = error
    while isinstance(inner, BaseExceptionGroup):
        inner = cast("BaseExceptionGroup[BaseException]", inner).exceptions[0]
    words = f"{type(inner).__name__}: {inner}" if str(inner) else type(inner).__name__
    if isinstance(inner, TimeoutError):
        words = "it did not answer in time"
    notes = {*getattr(error, "__notes__", ()), *getattr(inner, "__notes__", ())}
    return "; ".join([words, *notes])
