"""Who advances which run, and when: the port to an existing queue, and the embedded one.

A job is a hint. It may come late, twice, or to two workers at once; the store's epoch and fence make
that harmless. So a dispatcher needs no promise but "at least once, most of the time": what it loses
is found again by the reaper.
"""

import asyncio
import heapq
import time
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Protocol

from msgspec import Struct

from weft.storage.base import Job, Tx


class QueueStats(Struct, frozen=True, kw_only=True):
    """How busy a dispatcher is."""

    queued: int
    running: int


class Dispatcher(Protocol):
    """An existing distributed engine, or the embedded queue."""

    async def enqueue(self, tx: Tx, job: Job) -> None:
        """Queue the job, inside the store's transaction."""
        ...

    async def discard(self, job_id: str) -> None:
        """Forget a job that can no longer do anything."""
        ...

    async def work(self, advance: Callable[[Job], Awaitable[None]]) -> None:
        """Take jobs and advance them, until ``stop``."""
        ...

    async def stop(self) -> None:
        """Take no new job."""
        ...

    async def stats(self) -> QueueStats: ...


class Embedded:
    """A heap of jobs in this process. Nothing of it is kept: at start the runs themselves are read again."""

    def __init__(self, concurrency: int = 1000) -> None:
        self._concurrency = concurrency
        self._heap: list[tuple[float, int, int, Job]] = []
        self._order = count()
        self._queued: set[str] = set()
        self._running: set[asyncio.Task[None]] = set()
        self._discarded: set[str] = set()
        self._wake = asyncio.Event()
        self._working = False

    async def enqueue(self, tx: Tx, job: Job) -> None:
        tx.after_commit(lambda: self.push(job))

    def push(self, job: Job) -> None:
        """Queue a job that is already on record; one that is queued already is not queued twice."""
        if job.id in self._queued:
            return
        self._queued.add(job.id)
        heapq.heappush(self._heap, (job.not_before or 0.0, job.priority, next(self._order), job))
        self._wake.set()

    async def discard(self, job_id: str) -> None:
        self._discarded.add(job_id)

    async def work(self, advance: Callable[[Job], Awaitable[None]]) -> None:
        self._working = True
        async with asyncio.TaskGroup() as group:
            while self._working:
                self._wake.clear()
                while self._due():
                    job = heapq.heappop(self._heap)[3]
                    self._queued.discard(job.id)
                    if job.id in self._discarded:
                        self._discarded.remove(job.id)
                        continue
                    task = group.create_task(_advanced(advance, job))
                    self._running.add(task)
                    task.add_done_callback(self._done)
                await self._pause()

    async def stop(self) -> None:
        self._working = False
        self._wake.set()

    async def stats(self) -> QueueStats:
        return QueueStats(queued=len(self._heap), running=len(self._running))

    def _due(self) -> bool:
        return bool(self._heap) and len(self._running) < self._concurrency and self._heap[0][0] <= time.time()

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._wake.set()

    async def _pause(self) -> None:
        """Until a job comes, one ends, or the next one is due."""
        if not self._working or self._wake.is_set():
            return
        full = len(self._running) >= self._concurrency
        seconds = None if full or not self._heap else max(0.0, self._heap[0][0] - time.time())
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass


async def _advanced(advance: Callable[[Job], Awaitable[None]], job: Job) -> None:
    await advance(job)
