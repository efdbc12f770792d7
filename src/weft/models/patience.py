"""How long a stream may be silent, and how long it may last: one timer for all its chunks, as one for each is dear."""

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

T = TypeVar("T")


class Patience:
    """Waits for one thing after another.

    Raises ``TimeoutError`` from ``wait`` when one takes longer than ``idle`` seconds, or all together longer than
    ``total``. Time in which nobody waits here counts for ``total`` only.
    """

    __slots__ = ("_deadline", "_expired", "_idle", "_loop", "_since", "_task", "_timer")

    def __init__(self, *, total: float, idle: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._idle = idle
        self._deadline = self._loop.time() + total
        self._since = 0.0
        self._task: asyncio.Task[Any] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._expired = False

    async def wait(self, awaited: Awaitable[T]) -> T:
        """What is awaited."""
        task = asyncio.current_task()
        assert task is not None
        self._since = self._loop.time()
        self._task = task
        if self._timer is None:
            self._arm()
        cancelling = task.cancelling()
        try:
            return await awaited
        except asyncio.CancelledError:
            if self._expired and task.uncancel() <= cancelling:
                raise TimeoutError from None
            raise
        finally:
            self._task = None

    def end(self) -> None:
        """Nothing more is waited for."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        self._timer = self._loop.call_at(min(self._since + self._idle, self._deadline), self._look)

    def _look(self) -> None:
        """Is it late? Chunks only note when they came; here is seen whether that was long ago."""
        self._timer = None
        if self._task is None:
            return
        if self._loop.time() >= min(self._since + self._idle, self._deadline):
            self._expired = True
            self._task.cancel()
        else:
            self._arm()
