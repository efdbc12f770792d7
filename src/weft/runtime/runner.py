"""Moves a thread from an input to rest: the only caller of a session, and the owner of runs in this process."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any, NamedTuple

from weft import events
from weft.engine.context import Target
from weft.engine.scheduler import Paused, describe
from weft.errors import Cancelled, Conflict, Fenced, NotFound, StoreError, WeftError
from weft.events import Envelope
from weft.runtime import codec, ending
from weft.runtime.alive import TTL, HeartBeat, is_gone, worker_id
from weft.runtime.beginning import Lines, new_run
from weft.runtime.dispatch import Dispatcher, Embedded
from weft.runtime.ending import Owed, last_words
from weft.runtime.hub import Hub, Sync
from weft.runtime.journal import Journal
from weft.runtime.leaving import shielded, withdrawn_if_left
from weft.runtime.recent import Recent
from weft.runtime.result import Result
from weft.runtime.session import Session
from weft.runtime.watching import Watch
from weft.storage.base import ENDED, RESTING, Job, Page, RunChange, RunRecord, Scope, Status, Store

MAX_ATTEMPTS = 4
"""Times a run may be taken up without any progress before it is given up as ``dead``."""


class _Driven(NamedTuple):
    """A run that this process drives."""

    task: asyncio.Task[Any]
    fence: int


class Runner:
    """All runs of one process on one store."""

    def __init__(
        self,
        store: Store,
        find: Callable[[str], Target],
        *,
        dispatcher: Dispatcher | None = None,
        ttl: float = TTL,
        deps: Any = None,
    ) -> None:
        self.store = store
        self.hub = Hub()
        self.worker = worker_id()
        self.dispatcher: Dispatcher = dispatcher or Embedded()
        self._find = find
        self._deps = deps
        self._ttl = ttl
        self._driven: dict[str, _Driven] = {}
        self._lines = Lines()
        self._recent = Recent()
        self._owed = Owed()
        self._draining = False
        self._heart = HeartBeat(store, self.worker, ttl, self._audit)
        self._serving: asyncio.Task[None] | None = None
        self._unlisten = store.listen(self._ring)

    # For callers

    async def submit(
        self,
        target: str,
        input: Any,
        scope: Scope,
        *,
        thread: str | None = None,
        idempotency_key: str | None = None,
    ) -> RunRecord:
        """Put a run on record and in the queue.

        Raises:
            NotFound: no such target, or the thread is not yours.
            Conflict: the idempotency key was used for something else.
        """
        self._find(target)
        record = new_run(target, input, scope, thread, idempotency_key)
        return await self.store.runs.create(record, self.dispatcher.enqueue)

    async def run(
        self, target: Target, input: Any, scope: Scope, *, thread: str | None = None, deps: Any = None
    ) -> Result[Any]:
        """Run here and now, until it rests.

        Raises:
            WeftError: what ended the run; it is on record too.
        """
        return await self.drive(target, await self.create(target, input, scope, thread=thread), input, deps=deps)

    async def create(self, target: Target, input: Any, scope: Scope, *, thread: str | None = None) -> RunRecord:
        """Put a run on record that the caller will ``drive``; it is ours at once if its thread is free.

        Raises:
            NotFound: the thread is not yours.
        """
        await self._heart.beat()
        record = new_run(target.name, input, scope, thread)
        async with withdrawn_if_left(self.store, self._owed, record):
            return await self.store.runs.create(record, None, worker=self.worker)

    async def drive(self, target: Target, record: RunRecord, input: Any = None, *, deps: Any = None) -> Result[Any]:
        """Take a queued run as soon as its thread is free, and drive it here and now until it rests.

        Raises:
            WeftError: what ended the run; it is on record too.
        """
        async with AsyncExitStack() as line:
            async with withdrawn_if_left(self.store, self._owed, record):
                if not (record.status == "running" and record.owner == self.worker):
                    await line.enter_async_context(self._lines.head(record))
                    record = await self._taken(record)
            input = json.loads(record.input) if input is None else input
            return await self._drive(target, record, input, deps)

    async def answer(self, scope: Scope, run_id: str, answers: Mapping[str, Any], *, here: bool = False) -> RunRecord:
        """Record answers; once no question is open, queue the run again (``here``: without a job).

        Raises:
            NotFound: no such run or question.
            Conflict: the run does not wait, or another answer was given.
        """
        record = await self.store.runs.get(scope, run_id)
        if record.status in ENDED:
            raise Conflict(f"run {run_id} is {record.status} and takes no more answers")
        for question, answer in answers.items():
            await self.store.questions.answer(scope, run_id, question, codec.encode(answer, "answer"))
        if not await self.store.questions.open(scope, Page(limit=1), run_id=run_id):
            await self.store.runs.requeue(run_id, None, _no_job if here else self.dispatcher.enqueue)
        self.hub.ring(run_id)
        return await self.store.runs.get(scope, run_id)

    async def cancel(self, scope: Scope, run_id: str, reason: str | None = None) -> RunRecord:
        """End a run from outside; all that it does in this process stops before this returns."""
        await self.store.runs.cancel(scope, run_id, reason)
        await self._stop(run_id)
        self.hub.ring(run_id)
        return await self.store.runs.get(scope, run_id)

    async def wait(self, scope: Scope, run_id: str, seconds: float | None = None) -> RunRecord:
        """The run once it rests, or as it is after ``seconds``."""
        listener = self.hub.listen(run_id)
        loop = asyncio.get_running_loop()
        until = None if seconds is None else loop.time() + seconds
        try:
            while True:
                record = await self.store.runs.get(scope, run_id)
                left = 0.5 if until is None else min(0.5, until - loop.time())
                if record.status in RESTING or left <= 0:
                    return record
                listener.queue.clear()
                await listener.wait(left)
        finally:
            self.hub.leave(run_id, listener)

    def watch(
        self, scope: Scope, run_id: str, *, after: int = 0, over: Callable[[], bool] = lambda: False
    ) -> AsyncGenerator[Envelope | Sync]:
        """Every event after number ``after``, stored and then live, until the run rests, or is ``over`` unrecorded.

        Where live events begin, a ``Sync`` comes first, then what is going on right now.
        """
        return Watch(self.store, self.hub, scope, run_id, after, self._driven.__contains__, over).follow()

    # For workers

    async def start(self) -> None:
        """Work the queue in this process, until ``stop``."""
        self._draining = False
        await self._heart.beat()
        for job in await self.store.runs.waiting():
            if isinstance(self.dispatcher, Embedded):
                self.dispatcher.push(job)
        self._serving = asyncio.create_task(self._serve())

    async def stop(self, grace: float = 5.0) -> None:
        """Take no new work, let runs come to rest for ``grace`` seconds, then hand them back."""
        self._draining = True
        await self.dispatcher.stop()
        tasks = [driven.task for driven in self._driven.values()]
        if tasks:
            await asyncio.wait(tasks, timeout=grace)
        for run_id in tuple(self._driven):
            await self._stop(run_id)
        if self._serving is not None:
            self._serving.cancel()
            await asyncio.gather(self._serving, return_exceptions=True)
            self._serving = None

    async def close(self) -> None:
        """Say good-bye to the store; it stays open."""
        self._unlisten()
        await self._heart.stop()
        await self._owed.settle()
        try:
            await self.store.workers.gone(self.worker)
        except StoreError:
            return  # others find out by the lease

    async def advance(self, job: Job) -> None:
        """Drive the run of ``job``, if it may be driven. Never raises."""
        try:
            await self._heart.beat()
            record = await self.store.runs.acquire(job, self.worker, self._ttl)
            if record is None:
                await self._again(job)
                return
            try:
                target = self._find(record.target)
            except NotFound as error:
                await self._give_up(record, error)
                return
            await self._drive(target, record, json.loads(record.input), self._deps)
        except StoreError:
            await self._owed.say(job.run_id, partial(self._requeued, job))
        except (Exception, asyncio.CancelledError):
            return  # it is on record, or somebody else's run now; one run's defect must not stop the queue

    async def _again(self, job: Job) -> None:
        """A job that could not be taken: if its run only waits for its thread, look again soon."""
        try:
            record = await self.store.runs.get(Scope(job.workspace), job.run_id)
        except NotFound:
            return
        if record.status == "queued" and record.epoch == job.epoch and isinstance(self.dispatcher, Embedded):
            await asyncio.sleep(0.05)
            self.dispatcher.push(job)

    async def _requeued(self, job: Job) -> None:
        """After a job that the store failed: nothing is lost of it. It is ours and not driven, or waits still."""
        record = await self.store.runs.get(Scope(job.workspace), job.run_id)
        if record.status == "running" and record.owner == self.worker and job.run_id not in self._driven:
            await self.store.runs.requeue(job.run_id, record.fence, self.dispatcher.enqueue)
        else:
            await self._again(job)

    async def _serve(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.dispatcher.work(self.advance))
            while True:
                await self._reap()
                await asyncio.sleep(min(1.0, self._ttl / 4))

    async def _reap(self) -> None:
        try:
            for worker in await self.store.workers.all():
                if worker != self.worker and is_gone(worker):
                    await self.store.workers.gone(worker)
            await self.store.workers.reap(self._ttl, self.dispatcher.enqueue)
        except StoreError:
            return  # next time

    async def _audit(self) -> None:
        """Settle what is owed; stop the runs that are no longer ours: cancelled elsewhere, or taken over."""
        await self._owed.settle()
        if not self._driven:
            return
        fences = {run_id: driven.fence for run_id, driven in self._driven.items()}
        for run_id in await self.store.workers.lost(self.worker, fences):
            driven = self._driven.get(run_id)
            if driven is not None and driven.fence == fences[run_id]:
                await self._stop(run_id)

    def _ring(self, run_id: str) -> None:
        self.hub.ring(run_id)

    async def _stop(self, run_id: str) -> None:
        driven = self._driven.get(run_id)
        if driven is not None and driven.task is not asyncio.current_task():
            driven.task.cancel()
            await asyncio.gather(driven.task, return_exceptions=True)

    # One run

    async def _taken(self, record: RunRecord) -> RunRecord:
        """The run, once it is ours."""
        await self._heart.beat()
        job = Job(run_id=record.id, epoch=record.epoch, workspace=record.workspace)
        while (taken := await self.store.runs.acquire(job, self.worker, self._ttl)) is None:
            await self._before(record)
            await asyncio.sleep(0.02)
        return taken

    async def _before(self, record: RunRecord) -> None:
        """Our run cannot start: its thread is busy. If a dead process left it so, finish its run first."""
        current = await self.store.runs.get(Scope(record.workspace), record.id)
        if current.status != "queued":
            raise Cancelled(f"run {record.id} was {current.status} before it began")
        await self._owed.settle()
        if self._serving is not None:
            return
        await self._reap()
        scope = Scope(record.workspace)
        for left in await self.store.runs.list(scope, Page(limit=20), thread_id=record.thread_id, status="queued"):
            begun = left.seq > 0 or left.attempts > 0
            if begun and left.id < record.id and left.id not in self._lines:
                await self.advance(Job(run_id=left.id, epoch=left.epoch, workspace=left.workspace))

    async def _drive(self, target: Target, record: RunRecord, input: Any, deps: Any) -> Result[Any]:
        task = asyncio.current_task()
        assert task is not None
        self._driven[record.id] = _Driven(task, record.fence)
        self.hub.open(record.id)
        try:
            return await self._to_rest(target, record, input, deps)
        finally:
            self._driven.pop(record.id, None)
            self.hub.close(record.id)

    async def _to_rest(self, target: Target, record: RunRecord, input: Any, deps: Any) -> Result[Any]:
        journal = Journal(record, self.store, self.hub)
        if record.attempts > MAX_ATTEMPTS:
            error = WeftError(f"given up after {MAX_ATTEMPTS} attempts without progress")
            await self._failed(journal, error, "dead")
            raise error
        resumed = record.seq > 0
        answers: dict[str, Any] = {}
        session = Session(journal, deps, answers, resumed=resumed, guard=self._heart.guard, recent=self._recent)
        async with self._ending(journal):
            if resumed:
                given = await self.store.questions.answers(record.id)
                answers.update({id: json.loads(body) for id, body in given.items()})
                journal.emit((), events.RunResumed(target.name, "answered" if record.attempts <= 1 else "recovered"))
            try:
                output = await session.root(target, input)
            except Paused as paused:
                return await ending.paused(journal, paused)
            result = await ending.finished(journal, output)
        if session.context is not None:
            self._recent.keep(record.thread_id, journal.head_seq, session.thread_made_at, session.context)
        return result

    @asynccontextmanager
    async def _ending(self, journal: Journal) -> AsyncGenerator[None]:
        """Whatever goes wrong is on record before it is raised."""
        try:
            yield
        except Fenced as error:
            await self._owed.say(journal.info.id, partial(self._let_go, journal, error))
            raise Cancelled(f"run {journal.info.id} was cancelled or taken over: {error}") from error
        except asyncio.CancelledError:
            await shielded(self._interrupted(journal))
            raise
        except Conflict as error:
            cause = journal.failure or error
            await self._failed(journal, cause)
            raise cause from error
        except Exception as error:
            await self._failed(journal, error)
            raise

    async def _let_go(self, journal: Journal, error: Fenced) -> None:
        """We were silent for too long. If nobody has taken the run over, it is to be done again, or has failed."""
        if self._serving is not None:
            await self.store.runs.requeue(journal.info.id, journal.fence, self.dispatcher.enqueue)
        else:
            await self._failed(journal, error)

    async def _interrupted(self, journal: Journal) -> None:
        run_id = journal.info.id
        if self._draining:
            again = partial(self.store.runs.requeue, run_id, journal.fence, self.dispatcher.enqueue)
            await self._owed.say(run_id, again)
            return
        change = RunChange(status="cancelled", usage=events.encode(journal.info.usage))
        await self._owed.say(run_id, last_words(journal, events.RunCancelled(), change))

    async def _failed(self, journal: Journal, error: Exception, status: Status = "failed") -> None:
        code = error.code if isinstance(error, WeftError) else "bug"
        message = str(error) if isinstance(error, WeftError) else describe(error)
        change = RunChange(status=status, error=f"{code}: {message}", usage=events.encode(journal.info.usage))
        await self._owed.say(journal.info.id, last_words(journal, events.RunFailed(code, message), change))

    async def _give_up(self, record: RunRecord, error: Exception) -> None:
        await self._failed(Journal(record, self.store, self.hub), error)


async def _no_job(tx: Any, job: Job) -> None:
    """The caller advances the run itself."""
