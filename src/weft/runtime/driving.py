"""Drives runs that this process has acquired to rest, and sees to it that how each ended is on record."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Literal, NamedTuple, TypeAlias

from weft import events
from weft.engine.context import Target
from weft.engine.scheduler import Paused, describe
from weft.errors import Cancelled, Conflict, Fenced, SchemaMismatch, WeftError
from weft.runtime import ending
from weft.runtime.asking import Asking, again
from weft.runtime.below import Find, unknown
from weft.runtime.budgets import Book, Purse
from weft.runtime.ending import Owed, last_words
from weft.runtime.hub import Hub
from weft.runtime.journal import Journal
from weft.runtime.leaving import shielded
from weft.runtime.origin import origin_of
from weft.runtime.permits import Rulebook
from weft.runtime.recent import Recent
from weft.runtime.replaying import answered, recorded
from weft.runtime.result import Result
from weft.runtime.running import run_target
from weft.runtime.session import Session
from weft.runtime.spent import recall
from weft.runtime.steering import Steering, refusing
from weft.runtime.versions import ALONE
from weft.storage.base import Enqueue, Page, QuestionRow, RunChange, RunRecord, Scope, Status, Store

MAX_ATTEMPTS = 4
"""Times a run may be taken up without any progress before it is given up as ``dead``."""


TRIES, PATIENCE = 3, 0.8
"""How often a run that is to stop is cancelled, and how many seconds it then has."""

Why: TypeAlias = Literal["answered", "recovered", "asked"]


class Driven(NamedTuple):
    """A run that this process drives."""

    task: "asyncio.Task[Any]"
    fence: int
    steering: Steering


class Driver:
    """All runs that this process drives right now."""

    def __init__(
        self, store: Store, hub: Hub, guard: Callable[[], None], enqueue: Enqueue, look: Callable[[], None]
    ) -> None:
        self.driven: dict[str, Driven] = {}
        self._stops: dict[str, int] = {}
        """How often the tasks of runs were cancelled by ``stop``."""
        self.ending: set[str] = set()
        """Those of them whose last words are being stored: ours no longer as soon as they are, and yet not taken."""
        self.owed = Owed()
        self.serving = False
        """Whether this process works the queue, so that a run that was let go is done again."""
        self.draining = False
        """Whether runs that are stopped go back to the queue."""
        self._store, self._hub, self._guard, self._enqueue = store, hub, guard, enqueue
        self._recent = Recent()
        self.meeting = ALONE
        """What is to be done where a graph has changed since a run stopped."""
        self.find: Find = unknown
        """Finds the targets of the app."""
        self.look = look
        """Called when a run has come to rest to which a command may have been sent at that very moment."""
        self.book: Book | None = None
        """The budgets that hold for these runs."""
        self.rules: Rulebook | None = None
        """The policies that their tool calls are held to."""

    async def drive(self, target: Target, record: RunRecord, input: Any, deps: Any) -> Result[Any]:
        """Until it rests.

        Raises:
            WeftError: what ended the run; it is on record too.
        """
        task = asyncio.current_task()
        assert task is not None
        steering = Steering()
        self.driven[record.id] = Driven(task, record.fence, steering)
        self._hub.open(record.id)
        try:
            return await self._to_rest(target, record, input, deps, steering)
        except asyncio.CancelledError:
            if not self._ours(record.id, task):
                raise
            raise Cancelled(f"run {record.id} was cancelled") from None
        finally:
            self._stops.pop(record.id, None)
            self.driven.pop(record.id, None)
            self.ending.discard(record.id)
            self._hub.close(record.id)

    async def stop(self, run_id: str) -> None:
        """Cancel what this process does for the run, and wait until it has stopped.

        Code that swallows its cancellation is cancelled again, and in the end left alone: nothing that it does is
        stored any more.
        """
        driven = self.driven.get(run_id)
        if driven is None or driven.task is asyncio.current_task():
            return
        for _ in range(TRIES):
            self._stops[run_id] = self._stops.get(run_id, 0) + 1
            driven.task.cancel()
            done, _ = await asyncio.wait({driven.task}, timeout=PATIENCE)
            if done or self.driven.get(run_id) is not driven:
                return  # the task of somebody who waits here goes on with other things

    def _ours(self, run_id: str, task: "asyncio.Task[Any]") -> bool:
        """Whether only the run was to stop, not the program that waits for it: then it is told so by an error."""
        stops = self._stops.pop(run_id, 0)
        for _ in range(stops):
            task.uncancel()
        return stops > 0 and not task.cancelling()

    async def _visit(self, record: RunRecord, steering: Steering, asked: tuple[str, ...] | None) -> Paused | None:
        """Why the run does not go on, though it was taken up: a person holds it, or only commands brought it here.

        ``asked`` are the questions with which it came to rest, ``None`` where it did not rest.
        """
        if not record.steered or (asked is None and steering.goes_on()):
            return None
        open = await self._store.questions.open(
            Scope(record.workspace), Page(limit=200, newest=False), run_id=record.id
        )
        if steering.goes_on():
            answered = not {row.id for row in open}.issuperset(asked or ())
            if answered or not steering.waits or (steering.freed() and (not open or steering.held)):
                return None
        return Paused(tuple([again(row) for row in open]), halted=steering.held)

    async def _to_rest(
        self, target: Target, record: RunRecord, input: Any, deps: Any, steering: Steering
    ) -> Result[Any]:
        journal = Journal(record, self._store, self._hub)
        if record.attempts > MAX_ATTEMPTS:
            error = WeftError(f"given up after {MAX_ATTEMPTS} attempts without progress")
            await self._failed(journal, error, "dead")
            raise error
        resumed = record.seq > 0
        origin = origin_of(record)
        rows: list[QuestionRow] = []
        if self.book is not None:
            journal.info.meter.purse = Purse(self.book, record)
        journal.info.rules = self.rules
        async with self._ending(journal):
            if origin.kind == "replay":
                journal.info.recorded = await recorded(self._store, Scope(record.workspace), origin)
                rows += await answered(self._store, origin)
            asking = Asking(journal, rows)
            session = Session(journal, deps, asking, resumed=resumed, guard=self._guard, recent=self._recent)
            session.meeting, session.steering = self.meeting, steering
            session.going_on = origin.kind == "go_on" or origin.going_on
            session.until = origin.until
            session.find = self.find
            session.left = origin.left
            if record.steered:
                steering.load(*await self._store.inbox.read(record.id))
            rested = await self._again(session, record, steering) if resumed else None
            try:
                output = await run_target(session, target, input)
            except Paused as paused:
                rested = None if steering.let_go else rested
                self.ending.add(record.id)
                result = await ending.paused(journal, paused, session.best, steering, rested)
                self.look()
                return result
            except SchemaMismatch as error:
                if resumed:  # the right version may come yet: nothing is lost
                    steering.take(refusing(str(error)))
                    self.ending.add(record.id)
                    await ending.held(journal, steering)
                raise
            self.ending.add(record.id)
            result = await ending.finished(journal, output, steering)
        if session.context is not None:
            self._recent.keep(record.thread_id, journal.head_seq, session.thread_mark, session.context)
        return result

    async def _again(self, session: Session, record: RunRecord, steering: Steering) -> events.Pause | None:
        """It was taken up before: to go on, or only for commands that came to it while it rests: then why it rests."""
        last, left = await recall(self._store, record, session.journal)
        if left:
            await session.asking.leave(left)
        if session.left:
            await session.asking.leave(session.left, but=record.id)
        asked = tuple([one.id for one in last.questions]) if isinstance(last, events.RunPaused) else None
        why: Why = "recovered" if asked is None else "answered"
        session.visit = await self._visit(record, steering, asked)
        session.lets_go = self._asked_to
        if session.visit is None:
            await self._lets_go(session, "asked" if steering.freed() else why)
            return None
        return last.reason if isinstance(last, events.RunPaused) else None

    async def _asked_to(self, session: Session) -> None:
        """Somebody lets it go just now."""
        await self._lets_go(session, "asked")

    async def _lets_go(self, session: Session, why: Why) -> None:
        """The run goes on from where it is on record, with the answers that came."""
        info = session.journal.info
        session.asking.hear(await self._store.questions.take(info.id, session.journal.fence))
        if why != "recovered":
            session.until = None
        session.journal.emit((), events.RunResumed(info.target, why))

    @asynccontextmanager
    async def _ending(self, journal: Journal) -> AsyncGenerator[None]:
        """Whatever goes wrong is on record before it is raised, or as soon as the store works again."""
        try:
            yield
        except Fenced as error:
            await self.owed.say(journal.info.id, partial(self._let_go, journal, error))
            raise Cancelled(f"run {journal.info.id} was cancelled or taken over: {error}") from error
        except asyncio.CancelledError:
            await shielded(self._interrupted(journal))
            raise
        except Conflict as error:
            cause = journal.failure or error
            await self._failed(journal, cause)
            raise cause from error
        except Exception as error:
            if not journal.rests:
                await self._failed(journal, error)
            raise
        finally:
            if journal.waits:
                await shielded(self._paid(journal))

    async def _paid(self, journal: Journal) -> None:
        """See to it that the ledger has the calls of lost commits: whoever has the run does not know of them."""
        await journal.heard()
        if journal.unpaid:
            late = partial(self._store.ledger.late, journal.info.id, journal.unpaid)
            await self.owed.say(f"{journal.info.id} calls", late)

    async def _let_go(self, journal: Journal, error: Fenced) -> None:
        """We were silent for too long. If nobody has taken the run over, it is to be done again, or has failed."""
        if self.serving:
            await self._store.runs.requeue(journal.info.id, journal.fence, self._enqueue)
        else:
            await self._failed(journal, error)

    async def _interrupted(self, journal: Journal) -> None:
        if self.draining:
            again = partial(self._store.runs.requeue, journal.info.id, journal.fence, self._enqueue)
            await self.owed.say(journal.info.id, again)
            return
        change = RunChange(status="cancelled", usage=events.encode(journal.info.usage))
        await self.owed.say(journal.info.id, last_words(journal, events.RunCancelled(), change))

    async def _failed(self, journal: Journal, error: Exception, status: Status = "failed") -> None:
        code = error.code if isinstance(error, WeftError) else "bug"
        message = str(error) if isinstance(error, WeftError) else describe(error)
        change = RunChange(status=status, error=f"{code}: {message}", usage=events.encode(journal.info.usage))
        self.ending.add(journal.info.id)
        await self.owed.say(journal.info.id, last_words(journal, events.RunFailed(code, message), change))
