"""Commands find their run: what waits in the inbox is brought, soon after it was sent, to whoever drives its run.

The store's bell tells when to look; where there is none, or it was not heard, the heart beat looks by itself.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence

from weft.errors import StoreError, WeftError
from weft.runtime.driving import Driver
from weft.storage.base import Enqueue, Store, Waiting

KEPT = 60.0
"""Seconds that commands for ended runs are kept for whoever still drives them."""
SWEPT = 30.0
"""Seconds between two cleanings of the inbox."""


class Listening:
    """What one worker hears of the inbox."""

    def __init__(
        self,
        store: Store,
        worker: str,
        driver: Driver,
        enqueue: Enqueue,
        follow_up: Callable[[Waiting], Awaitable[object]],
    ) -> None:
        """``follow_up`` makes a run of its own of words that came too late for theirs."""
        self._store, self._worker, self._driver = store, worker, driver
        self._enqueue, self._follow_up = enqueue, follow_up
        self._task: asyncio.Task[None] | None = None
        self._again = False
        self._swept = time.monotonic()

    def rung(self) -> None:
        """Look soon, in a task of its own."""
        if self._task is not None and not self._task.done():
            self._again = True
            return
        self._task = asyncio.get_running_loop().create_task(self._look_until_quiet())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def look(self) -> None:
        """Bring what waits to where it belongs.

        Raises:
            StoreError: next time.
        """
        found = await self._store.inbox.waiting(self._worker)
        runs: dict[str, list[Waiting]] = {}
        for one in found:
            runs.setdefault(one.run.id, []).append(one)
        for waiting in runs.values():
            await self._bring(waiting)
        if time.monotonic() - self._swept > SWEPT:
            self._swept = time.monotonic()
            await self._store.inbox.sweep(before=time.time() - KEPT)

    async def _look_until_quiet(self) -> None:
        while True:
            self._again = False
            try:
                await self.look()
            except StoreError:
                return  # the heart beat looks again
            if not self._again:
                return

    async def _bring(self, waiting: Sequence[Waiting]) -> None:
        run = waiting[0].run
        driven = self._driver.driven.get(run.id)
        if run.status == "running":
            if driven is not None and driven.fence == run.fence:
                driven.steering.add([one.command for one in waiting])
        elif run.status == "paused":
            await self._store.runs.requeue(run.id, None, self._enqueue)
        else:
            if driven is not None and driven.fence < run.fence:
                await self._driver.stop(run.id)
            for one in waiting:
                if one.command.kind == "inject":
                    await self._say_again(one)

    async def _say_again(self, late: Waiting) -> None:
        """Words for a run that has ended: a run of their own, once, whoever of us sees them first."""
        try:
            await self._follow_up(late)
        except WeftError as error:
            if not (isinstance(error, StoreError) and error.retryable):
                await self._store.inbox.discard(late.run.id, late.command.number)


def words_of(late: Waiting) -> object:
    """What was to be said."""
    return json.loads(late.command.body)["input"]
