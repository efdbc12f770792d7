"""One pool of HTTP connections for each event loop, shared by all who ask from it, and closed when the loop ends."""

import asyncio
import importlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

_sessions: "WeakKeyDictionary[asyncio.AbstractEventLoop, Any]" = WeakKeyDictionary()
_Close: TypeAlias = Callable[[], Awaitable[None]]
_endings: "WeakKeyDictionary[asyncio.AbstractEventLoop, dict[_Close, AsyncIterator[None]]]" = WeakKeyDictionary()
KEPT = 60.0
"""Seconds that an idle connection waits for the next call."""


async def session() -> Any:
    """The ``aiohttp.ClientSession`` of the running loop."""
    loop = asyncio.get_running_loop()
    opened = _sessions.get(loop)
    if opened is not None and not opened.closed:
        return opened
    if "aiohttp" not in sys.modules:
        await asyncio.to_thread(importlib.import_module, "aiohttp")
        return await session()
    aiohttp: Any = importlib.import_module("aiohttp")
    _sessions[loop] = opened = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEPT, ttl_dns_cache=300),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
        max_line_size=64 * 1024,
        max_field_size=64 * 1024,
    )
    await at_end_of_loop(close_sessions)
    return opened


async def close_sessions() -> None:
    """Closes the running loop's connections; the next call opens new ones."""
    opened = _sessions.pop(asyncio.get_running_loop(), None)
    if opened is not None:
        await opened.close()


async def at_end_of_loop(close: _Close) -> None:
    """Awaits ``close()`` when the running loop is shut down, as ``asyncio.run`` and every server do it; once.

    A loop that is shut down ends the asynchronous generators that began in it: here is one that ends so.
    """
    loop = asyncio.get_running_loop()
    endings = _endings.get(loop)
    if endings is not None and close in endings:
        return
    ending = _until_the_end(close)
    await anext(ending)
    _endings.setdefault(loop, {})[close] = ending


async def _until_the_end(close: _Close) -> AsyncIterator[None]:
    try:
        yield
    finally:
        _endings.pop(asyncio.get_running_loop(), None)
        await close()
