"""One connection to an MCP server, owned by one task and shared by any number of runs.

The task that opens a connection also closes it, and nobody else does. Whoever finds it dead says so with
``drop``, and the next who needs it has a new one opened; after a failure not before a while.
"""

import asyncio
import logging
import time
from contextlib import AsyncExitStack
from functools import partial
from importlib import import_module
from typing import Any, cast
from weakref import WeakKeyDictionary

from weft.errors import ToolFailed, UsageError
from weft.tools.mcp.address import Address
from weft.tools.mcp.oauth import PATIENCE, AtThisMachine, Show
from weft.tools.mcp.peer import Definition, Lost, Peer
from weft.tools.vault import Vault

_log = logging.getLogger("weft.mcp")

IDLE = 600.0
"""Seconds without a call after which a connection is closed."""
LOOK = 30.0
"""Seconds without a word after which a server that is not a process of ours is asked whether it is there."""
PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds before another try, by the number of failures in a row."""
SHORT = 0.5
"""Seconds of a pause that a call waits for; where more is left, it fails at once."""

Key = tuple[Address, Vault | None]
_open: "WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Key, Connection]]" = WeakKeyDictionary()


def connection(address: Address, vault: Vault) -> "Connection":
    """The connection of this event loop to that server; it may not be open.

    Where one signs in, or shows secrets of a workspace, each vault has its own: what one may see another may not.
    """
    mine = _open.setdefault(asyncio.get_running_loop(), {})
    key = (address, vault if address.private else None)
    if key not in mine:
        mine[key] = Connection(address, vault)
    return mine[key]


async def close_connections(*vaults: Vault) -> None:
    """Close all that this event loop has open; with ``vaults``, those that signed in by them."""
    mine = _open.get(asyncio.get_running_loop(), {})
    gone = [key for key in mine if not vaults or key[1] in vaults]
    await asyncio.gather(*(mine.pop(key).close() for key in gone))


async def close_connections_to(address: Address) -> None:
    """Close those of this event loop to one server, whoever signed in."""
    mine = _open.get(asyncio.get_running_loop(), {})
    await asyncio.gather(*(mine.pop(key).close() for key in [key for key in mine if key[0] == address]))


class Connection:
    """Opened when it is needed first."""

    def __init__(self, address: Address, vault: Vault) -> None:
        self.address, self._vault = address, vault
        self.calls = 0
        """Under way."""
        self.used_at = self.heard_at = time.monotonic()
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
        """The server, connected; a short pause before the next try is waited for.

        Raises:
            ToolFailed: it cannot be reached now; the message says why, and when it is tried again.
        """
        while self._peer is None or (self._peer.done() and self._peer.exception() is not None):
            left = self._again_at - time.monotonic()
            if left > SHORT:
                raise ToolFailed(f"{self.address} is not there ({self.why}); it is tried again in {left:.1f} s")
            if left > 0:
                await asyncio.sleep(left)
            else:
                self._begin()
        self.used_at = time.monotonic()
        return await asyncio.shield(self._peer)

    def drop(self, peer: Peer, why: str, *, pause: bool = True) -> None:
        """This peer is dead: let its owner clean up, and the next caller get a new one, after a pause."""
        if self._peer is None or not self._peer.done() or self._peer.exception() or self._peer.result() is not peer:
            return
        if pause:
            self._failed(why)
        self._leave.set()
        self._forget()

    def worked(self) -> None:
        """A call was answered: whatever was wrong before is over."""
        self.failures = 0
        self.heard_at = time.monotonic()

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

    async def sign_in(self, show: Show) -> None:
        """Connect once with a person at hand, who signs in where it is wanted. Raises: ToolFailed, UsageError."""
        how = self.address.auth
        if how is None:
            raise UsageError(f"{self.address} was not given auth=OAuth(...)")
        door = await asyncio.to_thread(import_module, "weft.tools.mcp.sdk")  # heavy
        try:
            async with door.connect(self.address, self._vault, AtThisMachine(show, how.port)) as peer:
                await peer.tools()
        except (ToolFailed, UsageError):
            raise
        except Exception as error:
            raise ToolFailed(f"nobody could sign in at {self.address}: {_words(error)}") from error
        await self.close()
        self._again_at = 0.0

    async def close(self) -> None:
        """End it; whoever waits for an answer gets an error."""
        self._leave.set()
        self._forget()
        await asyncio.gather(*self._owners, return_exceptions=True)

    @property
    def state(self) -> dict[str, Any]:
        """How it is: for pages about health. An end that nobody waited for is seen too: of a process at once, of what
        is elsewhere within ``LOOK`` seconds."""
        up = self._peer is not None and self._peer.done() and self._peer.exception() is None
        about = self._peer.result().about if up and self._peer is not None else {}
        return {"server": str(self.address), "connected": up, "failures": self.failures, "why": self.why, **about}

    def _begin(self) -> None:
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
                patience = PATIENCE if self.address.auth is not None and self.address.auth.show else 0.0
                async with asyncio.timeout(max(self.address.connect, patience)):
                    peer: Peer = await stack.enter_async_context(door.connect(self.address, self._vault))
                peer.changed = self._changed
                peer.gone = partial(self.drop, peer)
                self.heard_at = time.monotonic()
                if not ready.done():
                    ready.set_result(peer)
                await self._until_left(peer, leave)
                peer.gone = _expected
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

    async def _until_left(self, peer: Peer, leave: asyncio.Event) -> None:
        while True:
            try:
                async with asyncio.timeout(LOOK):
                    await leave.wait()
                return
            except TimeoutError:
                now = time.monotonic()
            if not self.calls and now - self.used_at > IDLE:
                return
            if not self.calls and self.address.url is not None and now - self.heard_at >= LOOK:
                await self._look(peer)

    async def _look(self, peer: Peer) -> None:
        """Ask a server that was silent for a while, so that who asks for its state is told the truth."""
        try:
            async with asyncio.timeout(LOOK):
                await peer.alive()
        except ToolFailed:
            pass  # whatever it says: it is there
        except (Lost, TimeoutError) as error:
            self.drop(peer, str(error) or "it does not answer")
            return
        self.heard_at = time.monotonic()

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


def _expected(why: str) -> None:
    """It ends because we end it."""


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
