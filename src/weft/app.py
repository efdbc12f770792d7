"""``App``: what is served, under which names, on which store. The composition root."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from weft.agents.agent import Agent
from weft.agents.prompt import Explanation, explain
from weft.engine.context import Target
from weft.engine.evolution import OnChange
from weft.errors import Conflict, NotFound, UsageError
from weft.events import Envelope
from weft.messages import Message
from weft.runtime.accounts import Accounts
from weft.runtime.beginning import Start
from weft.runtime.budgets import Budget
from weft.runtime.commands import Breakpoint, Resume, Step
from weft.runtime.conversation import load_context, load_message
from weft.runtime.hub import Sync
from weft.runtime.limits import Limits
from weft.runtime.past import TimeTravel
from weft.runtime.reading import stored_events
from weft.runtime.result import Result
from weft.runtime.run import block
from weft.runtime.versions import Shelf
from weft.storage.base import ENDED, MessageRow, Page, QuestionRow, QuestionStatus, RunRecord, Scope, Store
from weft.storage.commands import IfBusy

if TYPE_CHECKING:
    from weft.runtime.control import Control
    from weft.runtime.retention import Retention
    from weft.runtime.runner import Runner
    from weft.runtime.travel import Travel


class App(TimeTravel, Accounts):
    """Agents and graphs on a store: threads that remember, runs that survive, and what a server serves.

    It opens its store when it is first used. ``async with app:`` closes it at the end. Of targets that share a name
    the first is the newest; others with another ``version`` are for runs that are pinned to them.
    ``on_change`` says what runs do that stopped under another version, and ``retention`` what a started app keeps.
    ``if_busy`` is what becomes of a run whose thread is busy, unless it says: for all targets, or by their names.

    Raises:
        UsageError: two targets share a name and a version.
    """

    def __init__(
        self,
        *,
        agents: Sequence[Target] = (),
        targets: Sequence[Target] = (),
        store: str = "sqlite:///weft.db",
        workspace: str = "default",
        deps: Any = None,
        lease: float = 30.0,
        budgets: Sequence[Budget] = (),
        on_change: OnChange = "go_on",
        retention: "Retention | None" = None,
        if_busy: IfBusy | Mapping[str, IfBusy] = "enqueue",
    ) -> None:
        self.workspace = workspace
        self.store_url = store
        self._deps = deps
        self._lease = lease
        self._budgets = tuple(budgets)
        self.retention = None if retention is None else retention.check()
        self._usual: Mapping[str, IfBusy] = if_busy if isinstance(if_busy, Mapping) else {"": if_busy}
        self._targets: dict[str, Target] = {}
        self._shelf = Shelf(on_change)
        self._store: Store | None = None
        self._runner: Runner | None = None
        self._pruning: asyncio.Task[None] | None = None
        self._opening = asyncio.Lock()
        for target in (*agents, *targets):
            if target.name not in self._targets:
                self._targets[target.name] = target
            elif not self._shelf.put(target, self._targets[target.name]):
                raise UsageError(f"two targets of the app are called {target.name!r}: rename one, or version both")

    # What there is

    def targets(self) -> dict[str, Target]:
        """Everything that can be run, by name."""
        return dict(self._targets)

    def find(self, name: str) -> Target:
        """Raises: NotFound."""
        try:
            return self._targets[name]
        except KeyError:
            known = ", ".join(sorted(self._targets)) or "nothing"
            raise NotFound(f"nothing here is called {name!r}; there is: {known}") from None

    @property
    def store(self) -> Store:
        """Raises: UsageError, where the app is not open."""
        if self._store is None:
            raise UsageError("the app is not open yet: use `async with app:` or `await app.open()`")
        return self._store

    @property
    def runner(self) -> "Runner":
        """Raises: UsageError, where the app is not open."""
        if self._runner is None:
            raise UsageError("the app is not open yet: use `async with app:` or `await app.open()`")
        return self._runner

    # Its life

    async def open(self) -> "App":
        """Open the store and bring its tables up to date.

        Raises:
            StoreError: it cannot be opened; the message says what to do.
        """
        async with self._opening:
            if self._runner is None:
                from weft.runtime.runner import Runner  # noqa: PLC0415  # only an app needs them
                from weft.storage import open_store  # noqa: PLC0415

                self._store = await open_store(self.store_url)
                self._runner = Runner(self._store, self.find, ttl=self._lease, deps=self._deps, budgets=self._budgets)
                self._runner.worker.driver.meeting = self._shelf.meeting
        return self

    async def close(self) -> None:
        """Stop work, if this process does any, and close the store."""
        await self._stop_pruning()
        runner, self._runner = self._runner, None
        store, self._store = self._store, None
        if runner is not None and store is not None:
            await runner.worker.stop(grace=5.0)
            await runner.close()
            await store.close()

    async def __aenter__(self) -> "App":
        return await self.open()

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def start(self) -> None:
        """Work the queue in this process: drive submitted runs, and those that dead processes left."""
        await (await self.open()).runner.worker.start()
        if self.retention is not None and self._pruning is None:
            from weft.runtime.retention import keep_pruning  # noqa: PLC0415

            self._pruning = asyncio.create_task(keep_pruning(self.store, Scope(self.workspace), self.retention))

    async def stop(self, grace: float = 5.0) -> None:
        """Let runs come to rest for ``grace`` seconds, and leave the others to another process."""
        await self._stop_pruning()
        if self._runner is not None:
            await self._runner.worker.stop(grace)

    async def _stop_pruning(self) -> None:
        pruning, self._pruning = self._pruning, None
        if pruning is not None:
            pruning.cancel()
            await asyncio.gather(pruning, return_exceptions=True)

    # Its threads' past

    async def travel(self) -> "Travel":
        """For servers, which say whose threads they mean."""
        from weft.runtime.travel import Travel  # noqa: PLC0415

        await self.open()
        return Travel(self.store, self.runner, self.find, self._shelf.meeting)

    def once(self) -> frozenset[str]:
        """The tools that must not be called twice for one thing."""
        found: set[str] = set()
        for target in self._targets.values():
            if isinstance(target, Agent):
                found.update(target.once())
        return frozenset(found)

    # For people

    async def run(
        self,
        target: Target | str,
        input: Any,
        *,
        thread: str | None = None,
        user: str = "local",
        deps: Any = None,
        if_busy: IfBusy | None = None,
        breakpoints: Sequence[Breakpoint] = (),
        limits: Limits | None = None,
    ) -> Result[Any]:
        """Run here and now, on a new thread or on one that goes on.

        Where the thread is busy it waits for its turn (``enqueue``), is refused (``reject``), or ends what goes on:
        where it is (``interrupt``), or as though it had never been (``rollback``). It pauses at ``breakpoints``.

        Raises:
            Conflict: the thread is busy, and it was to be refused then.
            WeftError: what ended the run; it is on record too.
        """
        await self.open()
        target = self._target(target)
        start = self._start(target.name, if_busy, breakpoints, limits)
        scope, deps = self._scope(user), self._given(deps)
        return await self.runner.run(target, input, scope, thread=thread, deps=deps, start=start)

    def run_sync(
        self,
        target: Target | str,
        input: Any,
        *,
        thread: str | None = None,
        user: str = "local",
        deps: Any = None,
        limits: Limits | None = None,
    ) -> Result[Any]:
        """``run`` for programs without an event loop. The store is closed again at its end."""

        async def main() -> Result[Any]:
            async with self:
                return await self.run(target, input, thread=thread, user=user, deps=deps, limits=limits)

        return block(main)

    async def stream(
        self,
        target: Target | str,
        input: Any,
        *,
        thread: str | None = None,
        user: str = "local",
        deps: Any = None,
        if_busy: IfBusy | None = None,
        breakpoints: Sequence[Breakpoint] = (),
        limits: Limits | None = None,
    ) -> AsyncGenerator[Envelope]:
        """``run``, seen event by event. Leaving the loop cancels the run.

        Raises:
            WeftError: what ended the run, after its ``run.failed``.
        """
        await self.open()
        scope = self._scope(user)
        target = self._target(target)
        start = self._start(target.name, if_busy, breakpoints, limits)
        record = await self.runner.create(target, input, scope, thread=thread, start=start)
        async with aclosing(self.runner.stream(target, record, input, deps=self._given(deps))) as envelopes:
            async for envelope in envelopes:
                yield envelope

    async def resume(
        self,
        run_id: str,
        answers: Mapping[str, Any] | None = None,
        *,
        steps: int | None = None,
        user: str | None = None,
        deps: Any = None,
        limits: Limits | None = None,
    ) -> Result[Any]:
        """Go on with a paused run here and now: with answers to some of its questions, or as nobody holds it any more.

        ``steps`` is how many it may take before it pauses again. Who gives answers lets go of a run that was held.

        With ``limits`` it goes on under these, in place of its own and its agents'.

        Raises:
            NotFound: no such run or question.
            AnswerInvalid: an answer does not fit its question; none is recorded.
            Conflict: it does not wait, or other answers were given.
            UsageError: nothing has been answered since it came to rest.
        """
        await self.open()
        scope = Scope(self.workspace, user)
        record = None if answers is None else await self.runner.answer(scope, run_id, answers, here=True, limits=limits)
        if record is None or (record.status == "paused" and await self.runner.holds(record)):
            command = Resume() if steps is None else Step(count=steps)
            await self.runner.send(scope, run_id, command, by=user or "local", here=True)
            record = await self.store.runs.get(scope, run_id)
        elif record.status in ENDED:
            raise Conflict(f"run {run_id} is {record.status} and takes no more answers")
        elif record.status == "paused":
            raise UsageError(f"run {run_id} waits for answers, and these are none that it has not had already")
        return await self.runner.drive(self.find(record.target), record, deps=self._given(deps))

    async def questions(
        self,
        *,
        user: str | None = None,
        run: str | None = None,
        thread: str | None = None,
        status: QuestionStatus = "open",
        limit: int = 50,
        cursor: str | None = None,
    ) -> list[QuestionRow]:
        """What is asked of people in this workspace (or of one user), newest first; ``place_of`` a row is a cursor.

        With ``status="unknown"``: what must not happen twice and was cut off, so that nobody knows whether it happened.
        """
        await self.open()
        scope, page = Scope(self.workspace, user), Page(limit, cursor)
        return list(await self.store.questions.open(scope, page, run_id=run, thread_id=thread, status=status))

    # For servers

    async def submit(
        self,
        target: str,
        input: Any,
        *,
        scope: Scope,
        thread: str | None = None,
        idempotency_key: str | None = None,
        if_busy: IfBusy | None = None,
        breakpoints: Sequence[Breakpoint] = (),
        limits: Limits | None = None,
    ) -> RunRecord:
        """Queue a run; a started app, this or another, drives it.

        Raises:
            NotFound: no such target, or the thread is not yours.
            Conflict: the idempotency key was used for something else; or the thread is busy (``reject``).
        """
        await self.open()
        start = self._start(target, if_busy, breakpoints, limits)
        return await self.runner.submit(
            target, input, scope, thread=thread, idempotency_key=idempotency_key, start=start
        )

    async def wait(self, scope: Scope, run_id: str, timeout: float | None = None) -> RunRecord:
        """The run once it rests, or as it is after ``timeout`` seconds."""
        await self.open()
        return await self.runner.wait(scope, run_id, timeout)

    async def watch(self, scope: Scope, run_id: str, *, after: int = 0) -> AsyncGenerator[Envelope | Sync]:
        """Every event after number ``after``, stored and then live, until the run rests."""
        await self.open()
        async with aclosing(self.runner.watch(scope, run_id, after=after)) as happenings:
            async for happening in happenings:
                yield happening

    async def events(self, scope: Scope, run_id: str, *, after: int = 0, limit: int = 1000) -> Sequence[Envelope]:
        """The stored events after number ``after``."""
        await self.open()
        return await stored_events(self.store, scope, run_id, after=after, limit=limit)

    async def cancel(self, scope: Scope, run_id: str, reason: str | None = None, *, by: str | None = None) -> RunRecord:
        """End a run and all below it."""
        await self.open()
        return await self.runner.cancel(scope, run_id, reason, by=by)

    async def control(self, run_id: str, *, scope: Scope | None = None, by: str = "local") -> "Control":
        """Pause, resume and step a run, tell it something, change its state: wherever it is driven.

        ``by`` is who does it, as the run's events will say.
        """
        from weft.runtime.control import Control  # noqa: PLC0415  # only those who steer need it

        await self.open()
        return Control(self.runner, scope or Scope(self.workspace), run_id, by=by)

    async def answer(
        self, scope: Scope, run_id: str, answers: Mapping[str, Any], *, limits: Limits | None = None
    ) -> RunRecord:
        """Record answers, all or none; the run is queued again, and goes as far as it can with them.

        With ``limits`` it goes on under these, in place of all that it had.

        Raises:
            NotFound: no such run or question.
            AnswerInvalid: one does not fit its question.
            Conflict: a question takes no answer any more, or has another one.
        """
        await self.open()
        return await self.runner.answer(scope, run_id, answers, limits=limits)

    async def messages(
        self,
        scope: Scope,
        thread_id: str,
        *,
        after: int = 0,
        before: int | None = None,
        limit: int = 50,
        newest: bool = False,
    ) -> list[tuple[MessageRow, Message]]:
        """Messages of the thread's own conversation, in order."""
        await self.open()
        rows = await self.store.threads.messages(
            scope, thread_id, after=after, before=before, limit=limit, newest=newest
        )
        return [(row, load_message(row)) for row in rows]

    async def explain(self, scope: Scope, thread_id: str) -> Explanation:
        """What the model sees of a thread now: each part, its source and its size.

        Raises:
            NotFound: no such thread, or it is not yours.
        """
        await self.open()
        thread = await self.store.threads.get(scope, thread_id)
        opened = await self.store.threads.open(thread_id, conversation="")
        target = self._targets.get(thread.target)
        instructions = target.instructions if isinstance(target, Agent) else ""
        words = instructions if isinstance(instructions, str) else "(made anew for each run)"
        return explain(words, load_context(opened.context, opened.messages))

    def _start(
        self, target: str, if_busy: IfBusy | None, breakpoints: Sequence[Breakpoint], limits: Limits | None
    ) -> Start:
        usual: IfBusy = self._usual.get(target, self._usual.get("", "enqueue"))
        return Start(if_busy=if_busy or usual, breakpoints=tuple(breakpoints), limits=limits)

    def _target(self, target: Target | str) -> Target:
        return self.find(target) if isinstance(target, str) else target

    def _scope(self, user: str) -> Scope:
        return Scope(self.workspace, user)

    def _given(self, deps: Any) -> Any:
        return self._deps if deps is None else deps
