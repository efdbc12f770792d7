"""Starts runs, drives them here or leaves them to the queue, and follows them: what an app asks of the runtime."""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any

from weft.engine.context import Target
from weft.errors import Conflict, UsageError
from weft.events import RESTING as LAST
from weft.events import Envelope, RunPaused
from weft.runtime.alive import TTL
from weft.runtime.answers import canonical, check
from weft.runtime.beginning import PLAIN, Start, new_run
from weft.runtime.budgets import Book, Budget
from weft.runtime.commands import Command, Resume, Step, dump_command, fits
from weft.runtime.dispatch import Dispatcher
from weft.runtime.hub import Hub, Sync
from weft.runtime.leaving import withdrawn_if_left
from weft.runtime.limits import Limits, dump_limits
from weft.runtime.origin import INPUT, Origin
from weft.runtime.permits import Rulebook
from weft.runtime.reading import stored_events
from weft.runtime.result import Result
from weft.runtime.watching import Watch
from weft.runtime.worker import Worker
from weft.security.policy import Policy
from weft.storage.base import ENDED, RESTING, RINGS_ALL, Enqueue, Page, RunRecord, Scope, Store
from weft.storage.closing import see_closed

_BLOB = re.compile(rb'"blob":"([0-9a-f]{64})"')
"""A blob that an input names: it is of the run's thread too."""


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
        budgets: Sequence[Budget] = (),
        policy: Policy | None = None,
    ) -> None:
        self.store = store
        self.hub = Hub()
        self.worker = Worker(store, self.hub, find, dispatcher=dispatcher, ttl=ttl, deps=deps)
        self.book = self.worker.driver.book = Book(store, budgets, ttl=ttl)
        self.rules = self.worker.driver.rules = Rulebook(store, policy)
        self.find = find
        self._unlisten = store.listen(self._rung)

    def _rung(self, run_id: str) -> None:
        self.hub.ring(run_id)
        self.worker.rung(run_id)

    async def close(self) -> None:
        """Let go of the store; it stays open."""
        self._unlisten()
        await self.worker.close()

    async def submit(
        self,
        target: str,
        input: Any,
        scope: Scope,
        *,
        thread: str | None = None,
        idempotency_key: str | None = None,
        origin: Origin = INPUT,
        start: Start = PLAIN,
    ) -> RunRecord:
        """Put a run on record and in the queue.

        Raises:
            NotFound: no such target, or the thread is not yours.
            Conflict: the idempotency key was used for something else; or the thread is busy (``reject``).
        """
        self.find(target)
        record = new_run(target, input, scope, thread, idempotency_key, origin, start.limits)
        return await self._created(record, start, self.worker.dispatcher.enqueue, None, _title(input))

    async def run(
        self,
        target: Target,
        input: Any,
        scope: Scope,
        *,
        thread: str | None = None,
        deps: Any = None,
        origin: Origin = INPUT,
        start: Start = PLAIN,
    ) -> Result[Any]:
        """Run here and now, until it rests.

        Raises:
            WeftError: what ended the run; it is on record too.
        """
        record = await self.create(target, input, scope, thread=thread, origin=origin, start=start)
        return await self.drive(target, record, input, deps=deps)

    async def create(
        self,
        target: Target,
        input: Any,
        scope: Scope,
        *,
        thread: str | None = None,
        origin: Origin = INPUT,
        start: Start = PLAIN,
    ) -> RunRecord:
        """Put a run on record that the caller will ``drive``; it is ours at once if its thread is free.

        Raises:
            NotFound: the thread is not yours.
            Conflict: the thread is busy (``reject``).
        """
        await self.worker.heart.beat()
        record = new_run(target.name, input, scope, thread, origin=origin, limits=start.limits)
        async with withdrawn_if_left(self.store, self.worker.driver.owed, record):
            return await self._created(record, start, None, self.worker.id, _title(input))

    async def _created(
        self, record: RunRecord, start: Start, enqueue: Enqueue | None, worker: str | None, title: str
    ) -> RunRecord:
        ended: list[str] = []
        commands = start.commands(record.user_id)
        made = await self.store.runs.create(
            record, enqueue, worker=worker, title=title, if_busy=start.if_busy, commands=commands, ended=ended
        )
        if held := _BLOB.findall(record.input):
            scope = Scope(record.workspace, record.user_id)
            await self.store.blobs.hold(scope, record.thread_id, [one.decode() for one in held])
        for run_id in ended:
            await self.worker.driver.stop(run_id)
            self.hub.ring(run_id)
        return made

    async def drive(self, target: Target, record: RunRecord, input: Any = None, *, deps: Any = None) -> Result[Any]:
        """Take a queued run as soon as its thread is free, and drive it here and now until it rests.

        Raises:
            WeftError: what ended the run; it is on record too.
        """
        async with self.worker.taking(record) as taken:
            input = json.loads(taken.input) if input is None else input
            return await self.worker.driver.drive(target, taken, input, deps)

    async def stream(
        self, target: Target, record: RunRecord, input: Any, *, deps: Any = None
    ) -> AsyncGenerator[Envelope]:
        """``drive``, seen event by event from the first on. Leaving the loop cancels the run.

        Raises:
            WeftError: what ended the run, after its last event.
        """
        listener, scope, after, ended = self.hub.listen(record.id), Scope(record.workspace), 0, False
        task = asyncio.create_task(self.drive(target, record, input, deps=deps))
        task.add_done_callback(lambda _: listener.ring())
        try:
            await asyncio.sleep(0)  # it has begun: from now on it sees to its own end
            while (queue := listener.queue) or not task.done():
                if not queue:
                    await listener.wait()
                    continue
                envelope = queue.popleft()
                if envelope.durable and envelope.seq > after + 1:
                    for missed in await stored_events(self.store, scope, record.id, after=after):
                        if missed.seq < envelope.seq:
                            yield missed
                after = envelope.seq
                ended = type(envelope.event) in LAST
                yield envelope
            if not ended:
                for missed in await stored_events(self.store, scope, record.id, after=after):
                    yield missed
            await task
        finally:
            self.hub.leave(record.id, listener)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def answer(
        self,
        scope: Scope,
        run_id: str,
        answers: Mapping[str, Any],
        *,
        here: bool = False,
        limits: Limits | None = None,
    ) -> RunRecord:
        """Record answers, all or none, and queue the run again (``here``: without a job): it goes as far as it can.

        A run that rests for another reason, with no question open, goes on without any.

        With ``limits`` it goes on under these, in place of all that it had, now or as soon as it can.

        Raises:
            NotFound: no such run or question.
            AnswerInvalid: one does not fit its question; none is recorded.
            Conflict: a question takes no answer any more, or has another one.
        """
        bodies = await self.see_answers(scope, run_id, answers)
        raised = dump_limits(limits, instead=True)
        enqueue, worker = (None, self.worker.id) if here else (self.worker.dispatcher.enqueue, None)
        if here:
            await self.worker.heart.beat()
        woken = await self.store.questions.answer(scope, run_id, bodies, enqueue, worker=worker, limits=raised)
        if not woken and await self._goes_on_without(scope, run_id, bool(answers), raised is not None):
            await self.store.runs.requeue(run_id, None, enqueue, worker=worker, limits=raised)
        self.hub.ring(run_id)
        return await self.store.runs.get(scope, run_id)

    async def see_answers(self, scope: Scope, run_id: str, answers: Mapping[str, Any]) -> dict[str, bytes]:
        """The answers as they would be recorded now.

        Raises:
            NotFound, AnswerInvalid, Conflict: they would not.
        """
        bodies = {id: canonical(answer) for id, answer in answers.items()}
        for row in await self.store.questions.find(scope, run_id, list(bodies)):
            if row.status == "open":
                check(row.id, row.schema, bodies[row.id])
            else:
                see_closed(row, bodies[row.id])
        return bodies

    async def resume(
        self,
        scope: Scope,
        run_id: str,
        answers: Mapping[str, Any] | None,
        steps: int | None,
        limits: Limits | None,
    ) -> RunRecord:
        """Answer, raise limits, let go of a run that is held: what is asked for; it is then the caller's to ``drive``.

        Raises:
            NotFound, AnswerInvalid, Conflict, UsageError: as ``App.resume``.
        """
        record = None
        if answers is not None or limits is not None:
            if steps is not None and not await self.holds(await self.store.runs.get(scope, run_id)):
                raise UsageError(f"nobody holds run {run_id}, so it cannot be stepped: pause it, then answer")
            record = await self.answer(scope, run_id, answers or {}, here=True, limits=limits)
        if record is None or (record.status == "paused" and await self.holds(record)):
            command = Resume() if steps is None else Step(count=steps)
            await self.send(scope, run_id, command, by=scope.user or "local", here=True)
            return await self.store.runs.get(scope, run_id)
        if record.status in ENDED:
            raise Conflict(f"run {run_id} is {record.status} and takes no more answers")
        if record.status == "paused":
            raise UsageError(f"run {run_id} waits for answers, and these are none that it has not had already")
        return record

    async def holds(self, record: RunRecord) -> bool:
        """Whether a person or a breakpoint holds the paused run: no answer wakes it, only a command."""
        if not record.steered:
            return False
        row, _ = await self.store.inbox.read(record.id)
        return row.held

    async def _goes_on_without(self, scope: Scope, run_id: str, answered: bool, raised: bool) -> bool:
        """Whether it goes on though no answer wakes it: no question is open, or a limit stopped a branch and is raised.

        Who gives the same answers again means a run that had them under a wrong version.
        """
        record = await self.store.runs.get(scope, run_id)
        if record.status != "paused" or await self.holds(record):
            return False
        if await self.store.questions.open(scope, Page(limit=1), run_id=run_id):
            return raised and record.error is not None
        last = await stored_events(self.store, scope, run_id, after=record.seq - 1)
        event = last[-1].event if last else None
        return not answered or (isinstance(event, RunPaused) and event.reason == "version")

    async def send(self, scope: Scope, run_id: str, command: Command, *, by: str, here: bool = False) -> int:
        """Put a command into the run's inbox, and see that it is heard; its number there.

        With ``here`` a paused run that it wakes is kept for this process, whose caller drives it.

        Raises:
            NotFound: no such run, or it is not yours.
            Conflict: it does not fit the run's status.
        """
        enqueue = None if here else self.worker.dispatcher.enqueue
        if here:
            await self.worker.heart.beat()
        new, worker = dump_command(command, by), self.worker.id if here else None
        number = await self.store.inbox.send(scope, run_id, new, fits(run_id, command), enqueue, worker=worker)
        self.worker.rung(RINGS_ALL)
        self.hub.ring(run_id)
        return number

    async def cancel(self, scope: Scope, run_id: str, reason: str | None = None, *, by: str | None = None) -> RunRecord:
        """End a run from outside; all that it does in this process stops before this returns."""
        await self.store.runs.cancel(scope, run_id, reason, by=by)
        await self.worker.driver.stop(run_id)
        self.hub.ring(run_id)
        return await self.store.runs.get(scope, run_id)

    async def wait(self, scope: Scope, run_id: str, seconds: float | None = None) -> RunRecord:
        """The run once it rests, or as it is after ``seconds``. One that was answered while it paused goes on."""
        listener = self.hub.listen(run_id)
        loop = asyncio.get_running_loop()
        until = None if seconds is None else loop.time() + seconds
        try:
            while True:
                record = await self.store.runs.get(scope, run_id)
                left = 0.5 if until is None else min(0.5, until - loop.time())
                if left <= 0 or (record.status in RESTING and not await self._goes_on(record)):
                    return record
                listener.queue.clear()
                await listener.wait(left)
        finally:
            self.hub.leave(run_id, listener)

    async def _goes_on(self, record: RunRecord) -> bool:
        return record.status == "paused" and bool(await self.store.questions.wake(self.worker.dispatcher.enqueue))

    def watch(self, scope: Scope, run_id: str, *, after: int = 0) -> AsyncGenerator[Envelope | Sync]:
        """Every event after number ``after``, stored and then live, until the run rests.

        Where live events begin, a ``Sync`` comes first, then what is going on right now.
        """
        return Watch(self.store, self.hub, scope, run_id, after, self.worker.driver.driven.__contains__).follow()


def _title(input: Any) -> str:
    """A thread is called by its first words, until somebody gives it a name."""
    words = " ".join(input.split()) if isinstance(input, str) else ""
    return words if len(words) <= 80 else f"{words[:79]}…"
