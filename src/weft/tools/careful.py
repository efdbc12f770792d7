"""Care around a tool's calls: tries again, a circuit breaker, a cache of results, and so many at the same time."""

import asyncio
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any
from weakref import WeakKeyDictionary

from msgspec import Struct
from msgspec.structs import replace

from weft.engine.breaker import Breaker
from weft.engine.cache import Cache
from weft.engine.context import Context
from weft.engine.policy import Retry
from weft.errors import CircuitOpen, ToolError, ToolFailed, UsageError
from weft.events import Custom
from weft.messages import Json
from weft.tools.base import Returned, Tool
from weft.tools.run import Broke, run_tool


class Care(Struct, frozen=True, kw_only=True):
    """What is done around each call of a tool; what is not asked for costs nothing."""

    retry: Retry | None = None
    """Tries again what broke: an exception or a time limit, not what the tool said itself (``ToolRetry``,
    ``ToolFailed``). ``on`` may say which exceptions."""
    breaker: Breaker | None = None
    """Shared by all runs of this process; a call that broke counts."""
    cache: Cache | None = None
    """Keeps results by workspace, user and arguments. A ``key`` function is given (tool, workspace, user) as a dict,
    and the arguments."""
    parallel: int | None = None
    """Calls at the same time, of all runs of this process. Waiting does not count as the tool's time."""

    def __bool__(self) -> bool:
        return any(part is not None for part in (self.retry, self.breaker, self.cache, self.parallel))


def careful(tool: Tool, care: Care) -> Tool:
    """The same tool, called with care. Its ``timeout`` is for each try.

    Raises:
        UsageError: it must happen once, and would be tried again or cached; or ``parallel`` is below 1.
    """
    if tool.effect == "once" and (care.retry is not None or care.cache is not None):
        raise UsageError(f"{tool.name!r} must not happen twice (effect='once'): it can have no retry and no cache")
    if care.parallel is not None and care.parallel < 1:
        raise UsageError(f"parallel of {tool.name!r} is how many calls may be made at once: at least 1")
    slots = None if care.parallel is None else _Slots(care.parallel)

    async def once(arguments: Json, ctx: Context[Any]) -> Returned:
        async with nullcontext() if slots is None else slots.one():
            if care.breaker is None:
                return await run_tool(tool, arguments, ctx)
            return await _broken(care.breaker, tool, arguments, ctx)

    async def tried(arguments: Json, ctx: Context[Any]) -> Returned:
        attempt = 1
        while True:
            try:
                return await once(arguments, ctx)
            except Broke as broke:
                if care.retry is None or attempt >= care.retry.attempts or not _meant(care.retry, broke):
                    raise
                attempt += 1
                pause = care.retry.pause_before(attempt)
                told = {"tool": tool.name, "attempt": attempt, "seconds": pause, "why": str(broke)}
                ctx.emit(Custom("tool.retrying", told))
            await asyncio.sleep(pause)

    async def call(arguments: Json, ctx: Context[Any]) -> Returned:
        return await (tried(arguments, ctx) if care.cache is None else _cached(care.cache, tool, arguments, ctx, tried))

    return replace(tool, call=call, timeout=None)


def _meant(retry: Retry, broke: Broke) -> bool:
    """Whether it is for what broke the call; without ``on``, for everything that did."""
    cause = broke.__cause__
    return retry.on is None or (isinstance(cause, Exception) and retry.meant(cause))


async def _broken(breaker: Breaker, tool: Tool, arguments: Json, ctx: Context[Any]) -> Returned:
    try:
        breaker.enter()
    except CircuitOpen as error:
        raise ToolFailed(f"{tool.name}: {error}") from None
    try:
        result = await run_tool(tool, arguments, ctx)
    except Broke as broke:
        breaker.failed(broke.__cause__ if isinstance(broke.__cause__, Exception) else broke)
        raise
    except ToolError:
        breaker.succeeded()  # it answered, if not what was hoped for
        raise
    except BaseException:
        breaker.left()
        raise
    breaker.succeeded()
    return result


async def _cached(cache: Cache, tool: Tool, arguments: Json, ctx: Context[Any], work: Any) -> Returned:
    whose = {"tool": tool.name, "workspace": ctx.run.workspace, "user": ctx.run.user_id}
    key = cache.key(whose, arguments)
    if key is None:
        return await work(arguments, ctx)
    key = "/".join(("tool", *whose.values(), key))
    kept = await cache.kept.get(key)
    if kept is None:
        kept = await work(arguments, ctx)
        await cache.kept.put(key, kept, cache.ttl)
    return kept


class _Slots:
    """A semaphore for each event loop."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._of: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()

    def one(self) -> AbstractAsyncContextManager[None]:
        loop = asyncio.get_running_loop()
        if loop not in self._of:
            self._of[loop] = asyncio.Semaphore(self._count)
        return self._of[loop]
