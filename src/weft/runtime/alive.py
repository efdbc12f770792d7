"""That this process is alive: its worker id, its heart beat, and the clock that stops it when the beat fails."""

import asyncio
import os
import platform
import time
from collections.abc import Awaitable, Callable

from weft.errors import Fenced, StoreError
from weft.ids import new_id
from weft.storage.base import Store

TTL = 30.0
"""Seconds without a beat after which others may take over a worker's runs."""

TICK = 0.25
"""Seconds between two looks at what others want of us, where no bell rings."""


def worker_id() -> str:
    """``host:pid:random``: unique, and on the same host it tells which process to look for."""
    return f"{platform.node()}:{os.getpid()}:{new_id('w')}"


def is_gone(worker: str) -> bool:
    """Whether this worker is known to be dead: its process was on this host, and is no more."""
    host, _, rest = worker.partition(":")
    pid = rest.partition(":")[0]
    if host != platform.node() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


class HeartBeat:
    """Beats from the first need on, and knows whether the last beat is too long ago."""

    def __init__(self, store: Store, worker: str, ttl: float, tick: Callable[[], Awaitable[None]]) -> None:
        self._store, self._worker, self._ttl, self._tick = store, worker, ttl, tick
        self._beaten = -1e9
        self._task: asyncio.Task[None] | None = None

    def guard(self) -> None:
        """Before anything that has an effect: a process that slept past its lease must not go on.

        Raises:
            Fenced: somebody else may own the run by now.
        """
        if self._is_late():
            raise Fenced("this process was silent for so long that another may have taken over its runs")

    async def beat(self) -> None:
        """See that the last beat is fresh, and that others follow until ``stop``."""
        if time.monotonic() - self._beaten > self._ttl / 4:
            await self._beat()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._go_on())

    async def stop(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _beat(self) -> None:
        before = time.monotonic()  # taken first: the lease counts from here
        await self._store.workers.beat(self._worker)
        if self._is_late() and self._beaten > 0:
            await self._tick()  # what others took over meanwhile is let go before anything may go on
        self._beaten = before

    def _is_late(self) -> bool:
        return time.monotonic() - self._beaten > 0.8 * self._ttl

    async def _go_on(self) -> None:
        while True:
            await asyncio.sleep(min(TICK, self._ttl / 8))
            try:
                if time.monotonic() - self._beaten > self._ttl / 4:
                    await self._beat()
                await self._tick()
            except StoreError:
                continue  # the guard stops us if this goes on for too long
