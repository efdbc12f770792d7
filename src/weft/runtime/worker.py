"""This process as one of those that work on a store: its heart beat, the queue it works, and what it takes over."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from typing import Any

from weft.engine.context import Target
from weft.errors import Cancelled, NotFound, StoreError
from weft.runtime.alive import HeartBeat, is_gone, worker_id
from weft.runtime.beginning import Lines, new_run
from weft.runtime.dispatch import Dispatcher, Embedded
from weft.runtime.driving import Driver
from weft.runtime.hub import Hub
from weft.runtime.leaving import withdrawn_if_left
from weft.runtime.listening import Listening, words_of
from weft.storage.base import RINGS_ALL, Job, Page, RunRecord, Scope, Store, Waiting

AUDIT = 1.0
"""Seconds between two looks at whether the runs that we drive are still ours."""


class Worker:
    """Acquires runs, and hands them to its ``driver``."""

    def __init__(
        self,
        store: Store,
        hub: Hub,
        find: Callable[[str], Target],
        *,
        dispatcher: Dispatcher | None,
        ttl: float,
        deps: Any,
    ) -> None:
        self.id = worker_id()
        self.dispatcher: Dispatcher = dispatcher or Embedded()
        self.heart = HeartBeat(store, self.id, ttl, self._audit)
        self.driver = Driver(store, hub, self.heart.guard, self.dispatcher.enqueue, self._look_soon)
        self.inbox = Listening(store, self.id, self.driver, self.dispatcher.enqueue, self._follow_up)
        self._store, self._find, self._ttl, self._deps = store, find, ttl, deps
        self.driver.find = find
        self._lines = Lines()
        self._queue_changed = asyncio.Event()
        self._serving: asyncio.Task[None] | None = None
        self._audited = 0.0

    @property
    def serving(self) -> bool:
        """Whether this process works the queue."""
        return self._serving is not None

    async def start(self) -> None:
        """Work the queue, until ``stop``."""
        self.driver.draining, self.driver.serving = False, True
        await self.heart.beat()
        await self._look_around()
        self._serving = asyncio.create_task(self._serve())

    async def stop(self, grace: float) -> None:
        """Take no new work, let runs come to rest for ``grace`` seconds, then hand them back."""
        self.driver.draining = True
        await self.dispatcher.stop()
        tasks = [driven.task for driven in self.driver.driven.values()]
        if tasks:
            await asyncio.wait(tasks, timeout=grace)
        for run_id in tuple(self.driver.driven):
            await self.driver.stop(run_id)
        serving, self._serving = self._serving, None
        self.driver.serving = False
        if serving is not None:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)

    async def close(self) -> None:
        """Say good-bye to the store; it stays open."""
        await self.heart.stop()
        await self.inbox.close()
        await self.driver.owed.settle()
        try:
            await self._store.workers.gone(self.id)
        except StoreError:
            return  # others find out by the lease

    @asynccontextmanager
    async def taking(self, record: RunRecord) -> AsyncGenerator[RunRecord]:
        """Around driving a run that somebody here waits for: acquired as soon as its thread is free.

        Raises:
            Cancelled: it was ended before it began.
        """
        line: AsyncExitStack | None = None
        async with withdrawn_if_left(self._store, self.driver.owed, record):
            await self.heart.beat()
            if not (record.status == "running" and record.owner == self.id):
                record, line = await self._in_turn(record)
        try:
            yield record
        finally:
            if line is not None:
                await line.aclose()

    async def _in_turn(self, record: RunRecord) -> tuple[RunRecord, AsyncExitStack]:
        """The run, taken; it is head of its line until that is closed.

        The store goes by the order in which runs were created. Those of a process may come to the line in another one:
        whoever is not to have the thread yet lets the next try.
        """
        job = Job(run_id=record.id, epoch=record.epoch, workspace=record.workspace)
        head = self._lines.head(record)
        while True:
            async with AsyncExitStack() as turn:
                await turn.enter_async_context(head)
                if (taken := await self._store.runs.acquire(job, self.id, self._ttl)) is not None:
                    return taken, turn.pop_all()
                await self._clear_the_way(record)
                await asyncio.sleep(0.02)

    async def advance(self, job: Job) -> None:
        """Drive the run of ``job``, if it may be driven and we know its target. Never raises."""
        try:
            await self.heart.beat()
            queued = await self._store.runs.get(Scope(job.workspace), job.run_id)
            target = self._find(queued.target)
            record = await self._store.runs.acquire(job, self.id, self._ttl)
            if record is None:
                await self._again(job)
                return
            result = await self.driver.drive(target, record, json.loads(record.input), self._deps)
            if result.paused:
                await self._store.questions.wake(self.dispatcher.enqueue)  # answered while it ran
        except NotFound:
            return  # another process may know the target
        except StoreError:
            await self.driver.owed.say(job.run_id, partial(self._requeued, job))
        except (Exception, asyncio.CancelledError):
            return  # on record, or another's run now; one run's defect must not stop the queue

    async def _again(self, job: Job) -> None:
        """A job that could not be taken: if its run only waits for its thread, look again soon."""
        record = await self._store.runs.get(Scope(job.workspace), job.run_id)
        if record.status == "queued" and record.epoch == job.epoch and isinstance(self.dispatcher, Embedded):
            await asyncio.sleep(0.05)
            self.dispatcher.push(job)

    async def _requeued(self, job: Job) -> None:
        """After a job that the store failed: nothing is lost of it. It is ours and not driven, or waits still."""
        record = await self._store.runs.get(Scope(job.workspace), job.run_id)
        if record.status == "running" and record.owner == self.id and job.run_id not in self.driver.driven:
            await self._store.runs.requeue(job.run_id, record.fence, self.dispatcher.enqueue)
        else:
            await self._again(job)

    async def _clear_the_way(self, record: RunRecord) -> None:
        """The thread of this run is busy. If a dead process left it so, finish its run first."""
        scope = Scope(record.workspace)
        current = await self._store.runs.get(scope, record.id)
        if current.status != "queued":
            raise Cancelled(f"run {record.id} was {current.status} before it began")
        await self.driver.owed.settle()
        if self._serving is not None:
            return
        await self._reap()
        alive = await self._store.workers.all()
        for left in await self._store.runs.list(scope, Page(limit=20), thread_id=record.thread_id, status="queued"):
            if left.id < record.id and left.owner not in alive:
                await self.advance(Job(run_id=left.id, epoch=left.epoch, workspace=left.workspace))

    async def _serve(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.dispatcher.work(self.advance))
            while True:
                self._queue_changed.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(1.0, self._ttl / 4)):
                        await self._queue_changed.wait()
                await self._look_around()

    async def _look_around(self) -> None:
        """Queue what dead processes left, what was answered or is overdue, and what others only submitted."""
        await self._reap()
        try:
            await self._store.questions.wake(self.dispatcher.enqueue)
            if not isinstance(self.dispatcher, Embedded):
                return
            for job in await self._store.runs.waiting():
                self.dispatcher.push(job)
        except StoreError:
            return  # next time

    async def _reap(self) -> None:
        """Queue what dead processes left. One that was stopped for a while beats first, or it would be among them."""
        try:
            await self.heart.beat()
            for worker in await self._store.workers.all():
                if worker != self.id and is_gone(worker):
                    await self._store.workers.gone(worker)
            await self._store.workers.reap(self._ttl, self.dispatcher.enqueue)
        except StoreError:
            return  # next time

    def rung(self, run_id: str) -> None:
        """Somebody did something to this run, or to one that we need not know (``*``)."""
        if run_id == RINGS_ALL or run_id in self.driver.driven:
            self._look_soon()
        if run_id == RINGS_ALL and self._serving is not None and isinstance(self.dispatcher, Embedded):
            self._queue_changed.set()

    def _look_soon(self) -> None:
        self.inbox.rung()

    async def _follow_up(self, late: Waiting) -> None:
        """Words that came too late for a run become one of their own."""
        run, key = late.run, f"inject:{late.run.id}:{late.command.number}"
        record = new_run(run.target, words_of(late), Scope(run.workspace, run.user_id), run.thread_id, key)
        await self._store.runs.follow(late, record, self.dispatcher.enqueue)

    async def _audit(self) -> None:
        """At each heart beat: hear commands, stop the runs that are no longer ours, say what is owed to the store."""
        await self.driver.owed.settle()
        await self.inbox.look()
        if not self.driver.driven or time.monotonic() - self._audited < AUDIT:
            return
        self._audited = time.monotonic()
        fences = {run_id: driven.fence for run_id, driven in self.driver.driven.items()}
        for run_id in await self._store.workers.lost(self.id, fences):
            driven = self.driver.driven.get(run_id)
            if driven is not None and driven.fence == fences[run_id] and run_id not in self.driver.ending:
                await self.driver.stop(run_id)
