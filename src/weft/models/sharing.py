"""When a process tells the others of its router's deployments, and hears of theirs: beside its calls, not in them."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from weft.errors import StoreError

OFTEN = 1.0
"""Seconds between two reports while there are calls."""
SELDOM = 20.0
"""The same while calls are running, and none begins or ends."""


class Sharing:
    """``exchange`` is what it does then. Nothing runs while there are no calls, nor in a loop where it was not made."""

    def __init__(self, exchange: Callable[[], Awaitable[bool]]) -> None:
        """``exchange`` says whether calls are running."""
        self._exchange = exchange
        self._loop = asyncio.get_running_loop()
        self._last = float("-inf")
        self._changed = False
        self._timer: asyncio.TimerHandle | None = None
        self._working: asyncio.Task[None] | None = None
        self._due = float("inf")

    def touch(self) -> None:
        """A call begins or ends: the others will know within ``OFTEN`` seconds."""
        self._changed = True
        if self._working is None and self._due > time.monotonic() + OFTEN:
            self._wake(max(0.0, self._last + OFTEN - time.monotonic()))

    async def now(self) -> None:
        """Tell and hear at once. Raises: StoreError."""
        self._changed, self._last = False, time.monotonic()
        await self._exchange()

    async def end(self) -> None:
        """The last word, where there is something to say."""
        self._sleep()
        working, self._working = self._working, None
        if working is not None:
            await asyncio.gather(working, return_exceptions=True)
            self._sleep()
        if self._changed:
            with suppress(StoreError):
                await self.now()
        self._due = float("-inf")

    def _wake(self, seconds: float) -> None:
        if asyncio.get_running_loop() is not self._loop:
            return
        self._sleep()
        self._due = time.monotonic() + seconds
        self._timer = self._loop.call_later(seconds, self._begin)

    def _sleep(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._due = None, float("inf")

    def _begin(self) -> None:
        self._timer, self._due = None, float("inf")
        self._working = self._loop.create_task(self._work())

    async def _work(self) -> None:
        self._changed, self._last = False, time.monotonic()
        running = True
        try:
            with suppress(StoreError):  # they hear of it the next time
                running = await self._exchange()
        finally:
            self._working = None
        if self._changed:
            self._wake(OFTEN)
        elif running:
            self._wake(SELDOM)
