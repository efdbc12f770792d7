"""Drives runs that this process has acquired to rest, and sees to it that how each ended is on record."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any, Literal, NamedTuple

from weft import events
from weft.engine.context import Asked, Target
from weft.engine.scheduler import Paused, describe
from weft.errors import Cancelled, Fenced, NotFound, StoreError, WeftError
from weft.runtime import codec
from weft.runtime.hub import Hub
from weft.runtime.journal import Journal
from weft.runtime.leaving import shielded
from weft.runtime.recent import Recent
from weft.runtime.result import Result, questions_of, result_of
from weft.runtime.session import Session
from weft.storage.base import Enqueue, QuestionRow, RunChange, RunRecord, Scope, Store

MAX_ATTEMPTS = 4
"""Times a run may be taken up without any progress before it is given up as ``dead``."""


class Driven(NamedTuple):
    """A run that this process drives."""

    task: "asyncio.Task[Any]"
    fence: int


class Driver:
    """All runs that this process drives right now."""

    def __init__(self, store: Store, hub: Hub, guard: Callable[[], None], enqueue: Enqueue) -> None:
        self.driven: dict[str, Driven] = {}
        self.draining = False
        """Whether runs that are stopped go back to the queue."""
        self._store, self._hub, self._guard, self._enqueue = store, hub, guard, enqueue
        self._recent = Recent()
        self._unrecorded: dict[str, tuple[RunRecord, Exception]] = {}
        """Runs that failed while the store failed too."""

    async def drive(self, target: Target, record: RunRecord, input: Any, deps: Any) -> Result[Any]:
        """Until it rests.

        Raises:
            WeftError: what ended the run; it is on record too.
        """
        task = asyncio.current_task()
        assert task is not None
        self.driven[record.id] = Driven(task, record.fence)
        self._hub.open(record.id)
        try:
            return await self._to_rest(target, record, input, deps)
        finally:
            self.driven.pop(record.id, None)
            self._hub.close(record.id)

    async def stop(self, run_id: str) -> None:
        """Cancel what this process does for the run, and wait until it has stopped."""
        driven = self.driven.get(run_id)
        if driven is not None and driven.task is not asyncio.current_task():
            driven.task.cancel()
            await asyncio.gather(driven.task, return_exceptions=True)

    async def settle(self) -> None:
        """Put on record how runs ended, where the store could not take it before."""
        for run_id, (record, error) in tuple(self._unrecorded.items()):
            try:
                now = await self._store.runs.get(Scope(record.workspace), run_id)
            except NotFound:  # deleted meanwhile
                self._unrecorded.pop(run_id, None)
                continue
            if (now.status, now.fence) != ("running", record.fence) or await self._fail(now, error):
                self._unrecorded.pop(run_id, None)

    async def _to_rest(self, target: Target, record: RunRecord, input: Any, deps: Any) -> Result[Any]:
        journal = Journal(record, self._store, self._hub)
        if record.attempts > MAX_ATTEMPTS:
            error = WeftError(f"given up after {MAX_ATTEMPTS} attempts without progress")
            await _failed(journal, error, "dead")
            raise error
        resumed = record.seq > 0
        answers: dict[str, Any] = {}
        session = Session(journal, deps, answers, resumed=resumed, guard=self._guard, recent=self._recent)
        async with self._ending(record, journal):
            if resumed:
                given = await self._store.questions.answers(record.id)
                answers.update({id: json.loads(body) for id, body in given.items()})
                journal.emit((), events.RunResumed(target.name, "answered" if record.attempts <= 1 else "recovered"))
            try:
                output = await session.root(target, input)
            except Paused as paused:
                return await _paused(journal, paused)
            result = await _finished(journal, output)
        if session.context is not None:
            self._recent.keep(record.thread_id, journal.head_seq, session.thread_made_at, session.context)
        return result

    @asynccontextmanager
    async def _ending(self, record: RunRecord, journal: Journal) -> AsyncGenerator[None]:
        """Whatever goes wrong is on record before it is raised."""
        try:
            yield
        except Fenced as error:
            raise Cancelled(f"run {record.id} was cancelled or taken over: {error}") from error
        except asyncio.CancelledError:
            await shielded(self._interrupted(record, journal))
            raise
        except Exception as error:
            if not await _failed(journal, error):
                await self._fail_again(record, error)
            raise

    async def _interrupted(self, record: RunRecord, journal: Journal) -> None:
        if self.draining:
            await self._store.runs.requeue(record.id, record.fence, self._enqueue)
            return
        change = RunChange(status="cancelled", usage=events.encode(journal.info.usage))
        stored = journal.commit(happened=(events.RunCancelled(),), run=change)
        if stored is not None:
            await asyncio.gather(stored, return_exceptions=True)  # fenced: it is on record already

    async def _fail_again(self, record: RunRecord, error: Exception) -> None:
        """The journal has a gap now: begin from what the store knows, at once or when it works again."""
        self._unrecorded[record.id] = (record, error)
        try:
            await self.settle()
        except StoreError:
            return  # the next heart beat tries again

    async def _fail(self, record: RunRecord, error: Exception) -> bool:
        return await _failed(Journal(record, self._store, self._hub), error)


async def _failed(journal: Journal, error: Exception, status: Literal["failed", "dead"] = "failed") -> bool:
    """Whether it is on record, or somebody else's run now."""
    code = error.code if isinstance(error, WeftError) else "bug"
    message = str(error) if isinstance(error, WeftError) else describe(error)
    change = RunChange(status=status, error=f"{code}: {message}", usage=events.encode(journal.info.usage))
    stored = journal.commit(happened=(events.RunFailed(code, message),), run=change)
    if stored is None:
        return True
    try:
        await stored
    except StoreError as refusal:
        return isinstance(refusal, Fenced)
    return True


async def _finished(journal: Journal, output: Any) -> Result[Any]:
    usage = journal.info.usage
    change = RunChange(status="finished", output=codec.encode(output, "output"), usage=events.encode(usage))
    stored = journal.commit(happened=(events.RunFinished(output, usage),), run=change)
    if stored is not None:
        await stored
    return result_of(journal, "finished", output=output)


async def _paused(journal: Journal, paused: Paused) -> Result[Any]:
    questions = questions_of(paused)
    rows = [_question(asked) for asked in paused.questions]
    change = RunChange(status="paused", usage=events.encode(journal.info.usage))
    stored = journal.commit(happened=(events.RunPaused(questions),), questions=rows, run=change)
    if stored is not None:
        await stored
    return result_of(journal, "paused", questions=questions)


def _question(asked: Asked) -> QuestionRow:
    schema = None if asked.schema is None else codec.encode(asked.schema, "schema of a question")
    payload = codec.encode(asked.payload, "question")
    return QuestionRow(id=asked.id, path="/".join(asked.path), payload=payload, schema=schema)
