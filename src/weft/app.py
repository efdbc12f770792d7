"""``App``: what is served, under which names, on which store. The composition root."""

import asyncio
import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from weft.agents.knowing import Knowing
from weft.agents.leaving import Leaving
from weft.agents.locking import Locking
from weft.agents.minding import Minding
from weft.agents.reading import Reading
from weft.engine.context import Target
from weft.engine.evolution import OnChange
from weft.errors import NotFound, UsageError
from weft.events import Envelope
from weft.protocols.verbs import ServedOverMcp
from weft.runtime.accounts import Accounts
from weft.runtime.beginning import Start, usual
from weft.runtime.budgets import Budget
from weft.runtime.commands import Breakpoint
from weft.runtime.limits import Limits
from weft.runtime.past import TimeTravel
from weft.runtime.permissions import Permissions
from weft.runtime.result import Result
from weft.runtime.run import block
from weft.runtime.versions import Shelf
from weft.security.policy import Policy, read_policy
from weft.storage.base import Page, QuestionRow, QuestionStatus, RunRecord, Scope, Store
from weft.storage.commands import IfBusy

if TYPE_CHECKING:
    from weft.models.router import Router
    from weft.models.stored import StoredRouter
    from weft.runtime.control import Control
    from weft.runtime.retention import Retention
    from weft.runtime.runner import Runner
    from weft.runtime.travel import Travel


def secret_key() -> bytes:
    """What secrets in the store are sealed under: ``WEFT_SECRET_KEY``, or a key file. Raises: UsageError."""
    from weft.security.sealing import key_of  # noqa: PLC0415  # only who keeps secrets needs them
    from weft.settings import Settings  # noqa: PLC0415

    return key_of((settings := Settings()).secret_key, settings.secret_key_file)


class App(TimeTravel, Accounts, Permissions, Reading, Minding, Knowing, Leaving, Locking, ServedOverMcp):
    """Agents and graphs on a store: threads that remember, runs that survive, and what a server serves.

    It opens its store when it is first used. ``async with app:`` closes it at the end. Of targets that share a name
    the first is the newest; others with another ``version`` are for runs that are pinned to them.
    ``on_change`` says what runs do that stopped under another version, and ``retention`` what a started app keeps.
    ``if_busy`` is what becomes of a run whose thread is busy, unless it says: for all targets, or by their names.
    ``policy`` (or a YAML file's path) is what tool calls are held to, unless one is on record (``docs/permission.md``).

    Raises:
        UsageError: two targets share a name and a version.
    """

    def __init__(
        self,
        *,
        agents: Sequence[Target] = (),
        targets: Sequence[Target] = (),
        store: str | None = None,
        workspace: str = "default",
        deps: Any = None,
        lease: float = 30.0,
        budgets: Sequence[Budget] = (),
        on_change: OnChange = "go_on",
        retention: "Retention | None" = None,
        if_busy: IfBusy | Mapping[str, IfBusy] = "enqueue",
        router: "Router | None" = None,
        policy: Policy | str | None = None,
    ) -> None:
        self.workspace = workspace
        self.placed, self.store_url = store is not None, store or "sqlite:///weft.db"
        self._deps = deps
        self._lease = lease
        self._budgets = tuple(budgets)
        self.retention = None if retention is None else retention.check()
        self._usual = usual(if_busy)
        self._first_router = router
        self._policy = read_policy(policy) if isinstance(policy, str) else policy
        self._router: StoredRouter | None = None
        self._targets: dict[str, Target] = {}
        self._beside = {}
        self._shelf = Shelf(on_change)
        self._store: Store | None = None
        self._runner: Runner | None = None
        self._pruning: asyncio.Task[None] | None = None
        self._sweeping: asyncio.Task[None] | None = None
        self._erasing: asyncio.Task[None] | None = None
        self._resealing: asyncio.Task[None] | None = None
        self._opening = asyncio.Lock()
        for target in (*agents, *targets):
            if target.name not in self._targets:
                self._targets[target.name] = target
            elif not self._shelf.put(target, self._targets[target.name]):
                raise UsageError(f"two targets of the app are called {target.name!r}: rename one, or version both")

    def with_targets(self, targets: Sequence[Target], *, store: str | None = None) -> "App":
        """The same app, not open, with other targets, and perhaps on another store."""
        return App(
            targets=targets,
            store=store or (self.store_url if self.placed else None),
            workspace=self.workspace,
            deps=self._deps,
            lease=self._lease,
            budgets=self._budgets,
            on_change=self._shelf.meeting.on_change,
            retention=self.retention,
            if_busy=self._usual,
            router=self._first_router,
            policy=self._policy,
        )

    # What there is

    def targets(self) -> dict[str, Target]:
        """Everything that can be run, by name."""
        return dict(self._targets)

    def find(self, name: str) -> Target:
        """Raises: NotFound."""
        if (found := self._targets.get(name) or self._beside.get(name)) is not None:
            return found
        known = ", ".join(sorted(self._targets)) or "nothing"
        raise NotFound(f"nothing here is called {name!r}; there is: {known}")

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

    @property
    def router(self) -> "StoredRouter":
        """The workspace's router, whose groups ``model="router:GROUP"`` means.

        Raises: UsageError, where the app is not open.
        """
        if self._router is None:
            raise UsageError("the app is not open yet: use `async with app:` or `await app.open()`")
        return self._router

    # Its life

    async def open(self) -> "App":
        """Open the store and bring its tables up to date.

        Raises:
            StoreError: it cannot be opened; the message says what to do.
        """
        async with self._opening:
            if self._runner is None:
                from weft.runtime.runner import Runner  # noqa: PLC0415  # only an app needs them
                from weft.security.keys import master_in  # noqa: PLC0415
                from weft.storage import open_store  # noqa: PLC0415
                from weft.tools.vault import Stored, Vault, keep_in  # noqa: PLC0415

                self._store = await open_store(self.store_url, master=master_in(os.environ))
                self._runner = Runner(
                    *(self._store, self.find),
                    ttl=self._lease,
                    deps=self._deps,
                    budgets=self._budgets,
                    policy=self._policy,
                )
                self._runner.worker.driver.meeting = self._shelf.meeting
                self._begin_minding(self._store, self.find, self._lease, self._runner.book)
                self._begin_knowing(self._store, self._lease)
                secrets = self._store.secrets

                def vault(workspace: str) -> Vault:
                    return Stored(secrets, workspace, secret_key)

                keep_in(self._store, self.workspace, vault)
            await self._open_router(self._store)
        return self

    async def close(self) -> None:
        """Stop work, if this process does any, and close the store."""
        await self._stop_tidying()
        runner, self._runner = self._runner, None
        router, self._router = self._router, None
        store, self._store = self._store, None
        if runner is not None and store is not None:
            await runner.worker.stop(grace=5.0)
            await runner.close()
            await self._end_minding()
            await self._end_knowing()
            if router is not None:
                await router.end()
            from weft.tools.mcp.connection import close_connections  # noqa: PLC0415
            from weft.tools.vault import let_go  # noqa: PLC0415

            if vaults := let_go(store):
                await close_connections(*vaults)
            await store.close()

    async def _open_router(self, store: Store | None) -> None:
        if self._router is None and store is not None:
            from weft.models.stored import StoredRouter  # noqa: PLC0415

            router = StoredRouter(store, self.workspace)
            await router.begin(self._first_router)
            self._router = router

    async def __aenter__(self) -> "App":
        return await self.open()

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def start(self) -> None:
        """Work the queue in this process: drive submitted runs, and those that dead processes left."""
        await (await self.open()).runner.worker.start()
        self.clerk.serve()
        self.librarian.serve()
        if self.retention is not None and self._pruning is None:
            from weft.runtime.retention import keep_pruning  # noqa: PLC0415

            self._pruning = asyncio.create_task(keep_pruning(self.store, Scope(self.workspace), self.retention))
        if self._sweeping is None:
            from weft.tools.rooms import keep_sweeping  # noqa: PLC0415

            self._sweeping = asyncio.create_task(keep_sweeping(self.store))
        if self._erasing is None:
            self._erasing = asyncio.create_task(self._keep_erasing())
            if self._resealing is None and self.store.keys.on:
                self._resealing = asyncio.create_task(self._keep_resealing())

    async def stop(self, grace: float = 5.0) -> None:
        """Let runs come to rest for ``grace`` seconds, and leave the others to another process."""
        await self._stop_tidying()
        if self._runner is not None:
            await self._runner.worker.stop(grace)
            await self.clerk.stop(grace)
            await self.librarian.stop(grace)

    async def _stop_tidying(self) -> None:
        tidying = [task for task in (self._pruning, self._sweeping, self._erasing, self._resealing) if task is not None]
        self._pruning = self._sweeping = self._erasing = self._resealing = None
        for task in tidying:
            task.cancel()
        await asyncio.gather(*tidying, return_exceptions=True)

    # Its threads' past

    async def travel(self) -> "Travel":
        """For servers, which say whose threads they mean."""
        from weft.runtime.travel import Travel  # noqa: PLC0415

        await self.open()
        return Travel(self.store, self.runner, self.find, self._shelf.meeting)

    async def erase(self, scope: Scope, thread: str) -> None:
        """``delete``, for servers, which say whose thread they mean. Folders that tools kept for it go as well."""
        from weft.memory.outside import sweep as sweep_vectors  # noqa: PLC0415
        from weft.tools.rooms import sweep  # noqa: PLC0415

        await self.open()
        await self.store.threads.delete(scope, thread)
        await sweep(self.store, workspace=scope.workspace, thread=thread)
        await sweep_vectors(self.store.outside)

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

        ``steps`` is how many a run that was held may take before it pauses again. Who gives answers lets go of it.

        With ``limits`` it goes on under these, in place of its own and its agents'.

        Raises:
            NotFound: no such run or question.
            AnswerInvalid: an answer does not fit its question; none is recorded.
            Conflict: it does not wait, or other answers were given.
            UsageError: nothing has been answered since it came to rest; or it is to be stepped, and nobody holds it.
        """
        await self.open()
        scope = Scope(self.workspace, user)
        record = await self.runner.resume(scope, run_id, answers, steps, limits)
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

    def _start(
        self, target: str, if_busy: IfBusy | None, breakpoints: Sequence[Breakpoint], limits: Limits | None
    ) -> Start:
        here: IfBusy = self._usual.get(target, self._usual.get("", "enqueue"))
        return Start(if_busy=if_busy or here, breakpoints=tuple(breakpoints), limits=limits)

    def _target(self, target: Target | str) -> Target:
        return self.find(target) if isinstance(target, str) else target

    def _scope(self, user: str) -> Scope:
        return Scope(self.workspace, user)

    def _given(self, deps: Any) -> Any:
        return self._deps if deps is None else deps
