"""A thread's past, as an app offers it: read it, go on from it, replay it, compare it, forget it."""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from weft.engine.context import Target
from weft.engine.graph import Graph
from weft.errors import NotFound
from weft.runtime import checking, diffing, forks, history, replays, retention
from weft.runtime.checking import Checked, graph_of
from weft.runtime.diffing import RunsDiff, StatesDiff
from weft.runtime.forks import UNCHANGED, Edit, Fork
from weft.runtime.history import Moment, StateView
from weft.runtime.origin import GO_ON, Origin
from weft.runtime.repeats import left_behind
from weft.runtime.result import Result
from weft.runtime.retention import Pruned, Retention
from weft.runtime.runner import Runner
from weft.runtime.versions import Meeting
from weft.storage.base import RunRecord, Scope, Store


class Travel:
    """On the threads of one store, with the targets of one app."""

    def __init__(self, store: Store, runner: Runner, find: Callable[[str], Target], meeting: Meeting) -> None:
        self._store, self._runner, self._find = store, runner, find
        self._meeting = meeting

    async def history(
        self, scope: Scope, thread_id: str, path: str | None = None, *, before: int | None = None, limit: int = 50
    ) -> list[Moment]:
        """Newest first, those with a step below ``before``."""
        path = await history.root_path(self._store, scope, thread_id, path)
        return await history.history(self._store, scope, thread_id, path, before=before, limit=limit)

    async def state(
        self,
        scope: Scope,
        thread_id: str,
        path: str | None = None,
        *,
        at: int | None = None,
        target: Target | None = None,
    ) -> StateView:
        path = await history.root_path(self._store, scope, thread_id, path)
        graph = graph_of(self._find, path) if target is None else target.graph()
        return await history.state(self._store, scope, thread_id, path, graph, at=at)

    async def fork(
        self,
        scope: Scope,
        thread_id: str,
        path: str | None = None,
        *,
        at: int | None = None,
        into: str | None = None,
        edit: Edit = UNCHANGED,
        target: Target | None = None,
    ) -> Fork:
        path = await history.root_path(self._store, scope, thread_id, path)
        graph = self._graph(path, target)
        return await forks.fork(self._store, scope, graph, thread_id, path, at=at, into=into, edit=edit)

    async def go_on(
        self, scope: Scope, thread_id: str, target: Target | None, deps: Any, *, confirm: bool = False
    ) -> Result[Any]:
        """Here and now; with ``confirm`` effects that must happen once may be repeated unasked."""
        thread = await self._store.threads.get(scope, thread_id)
        owner = Scope(scope.workspace, thread.user_id)
        target = target or self._find(thread.target)
        origin = await self._going_on(scope, thread_id, target.name, confirm=confirm)
        return await self._runner.run(target, None, owner, thread=thread_id, deps=deps, origin=origin)

    async def submit(self, scope: Scope, thread_id: str, *, confirm: bool = False) -> RunRecord:
        """``go_on``, by the queue."""
        thread = await self._store.threads.get(scope, thread_id)
        owner = Scope(scope.workspace, thread.user_id)
        origin = await self._going_on(scope, thread_id, thread.target, confirm=confirm)
        return await self._runner.submit(thread.target, None, owner, thread=thread_id, origin=origin)

    async def _going_on(self, scope: Scope, thread_id: str, target: str, *, confirm: bool) -> Origin:
        return GO_ON if confirm else replace(GO_ON, left=await left_behind(self._store, scope, thread_id, target))

    async def replay(
        self,
        scope: Scope,
        run_id: str,
        *,
        until: int | None,
        live_from: int | None,
        confirm: bool,
        run_nodes: bool,
        deps: Any,
    ) -> Result[Any]:
        """Here and now."""
        target, ready, owner = await self._ready(scope, run_id, until, live_from, confirm, run_nodes)
        return await self._runner.run(
            target, ready.input, owner, thread=ready.thread_id, deps=deps, origin=ready.origin
        )

    async def submit_replay(
        self, scope: Scope, run_id: str, *, until: int | None, live_from: int | None, confirm: bool, run_nodes: bool
    ) -> RunRecord:
        """``replay``, by the queue."""
        target, ready, owner = await self._ready(scope, run_id, until, live_from, confirm, run_nodes)
        return await self._runner.submit(target.name, ready.input, owner, thread=ready.thread_id, origin=ready.origin)

    async def diff(self, scope: Scope, a: str, b: str) -> RunsDiff:
        return await diffing.diff_runs(self._store, scope, a, b)

    async def diff_states(
        self, scope: Scope, thread_id: str, a: int | None, b: int | None, path: str | None, other: str | None
    ) -> StatesDiff:
        """Of one thread, or ``b`` of an ``other``."""
        one = await self.state(scope, thread_id, path, at=a)
        return diffing.diff_states(one, await self.state(scope, other or thread_id, path, at=b))

    async def check(self, scope: Scope) -> list[Checked]:
        return await checking.check(self._store, scope, self._find, self._meeting)

    async def prune(self, scope: Scope, kept: Retention, thread_id: str | None = None) -> Pruned:
        return await retention.prune(self._store, scope, kept, thread_id=thread_id)

    async def _ready(
        self, scope: Scope, run_id: str, until: int | None, live_from: int | None, confirm: bool, run_nodes: bool
    ) -> tuple[Target, replays.Replay, Scope]:
        record = await self._store.runs.get(scope, run_id)
        target = self._find(record.target)
        graph: Graph = target.graph()
        ready = await replays.prepare(
            self._store, scope, graph, run_id, until=until, live_from=live_from, confirm=confirm, run_nodes=run_nodes
        )
        return target, ready, Scope(record.workspace, record.user_id)

    def _graph(self, path: str, target: Target | None) -> Graph:
        graph = graph_of(self._find, path) if target is None else target.graph()
        if graph is None:
            raise NotFound(f"what ran at {path!r} is not served here: give it as `target`")
        return graph
