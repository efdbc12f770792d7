"""The verbs of an app for the past of its threads. What they do is in ``travel``."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from weft.engine.context import Target
from weft.runtime.result import Result
from weft.storage.base import Scope

if TYPE_CHECKING:
    from weft.runtime.checking import Checked
    from weft.runtime.diffing import RunsDiff, StatesDiff
    from weft.runtime.forks import Fork
    from weft.runtime.history import Moment, StateView
    from weft.runtime.retention import Pruned
    from weft.runtime.travel import Travel


class TimeTravel(ABC):
    """What an app does with the past of its threads. ``thread`` and ``run`` are ids, ``at`` and ``until`` steps."""

    workspace: str

    @abstractmethod
    async def travel(self) -> "Travel":
        """The same for servers, which say whose threads they mean."""

    async def history(
        self, thread: str, path: str | None = None, *, before: int | None = None, limit: int = 50
    ) -> "list[Moment]":
        """The checkpoints of a thread, newest first: those with a step below ``before``.

        ``path`` leads to a graph that the target called (``"desk/3:write/writer#1"``); without it, the target's own.

        Raises:
            NotFound: no such thread.
        """
        return await (await self.travel()).history(Scope(self.workspace), thread, path, before=before, limit=limit)

    async def state(
        self, thread: str, path: str | None = None, *, at: int | None = None, target: Target | None = None
    ) -> "StateView":
        """The state after step ``at``, in its types, with the messages that were in view then; without it, the newest.

        A graph that is not one of the app's targets is read as plain JSON, unless it is given as ``target``.

        Raises:
            NotFound: no such thread or step.
            SchemaMismatch: the graph has changed so that it cannot read this state.
        """
        return await (await self.travel()).state(Scope(self.workspace), thread, path, at=at, target=target)

    async def fork(
        self,
        thread: str,
        path: str | None = None,
        *,
        at: int | None = None,
        into: str | None = None,
        write: Mapping[str, Any] | None = None,
        node: str = "",
        goto: Sequence[str] | None = None,
        target: Target | None = None,
    ) -> "Fork":
        """Take a thread back to step ``at``, or with ``into`` begin a new thread there; then ``go_on``.

        ``write`` are values by channel, merged by its rules, as though ``node`` had written them: what follows it
        is next. ``goto`` says instead what is next. Without ``at`` the newest state is edited. What is left behind
        stays on record; runs that waited in the midst of it are cancelled.

        Raises:
            NotFound: no such thread or step.
            Conflict: a run of the thread is running, or there is a thread ``into``.
            GraphError: the edit is against the graph's rules.
            SchemaMismatch: the graph has changed so that it cannot read this state.
        """
        from weft.runtime.forks import Edit  # noqa: PLC0415  # only an app that travels needs it

        edit = Edit(write=write or {}, node=node, goto=goto)
        travel = await self.travel()
        return await travel.fork(Scope(self.workspace), thread, path, at=at, into=into, edit=edit, target=target)

    async def go_on(
        self, thread: str, *, target: Target | None = None, deps: Any = None, confirm: bool = False
    ) -> Result[Any]:
        """Run what is next in a thread, without an input: after a fork, an edit, or a run that failed or was cancelled.

        What must happen once, and happened on the line that was left, is in ``warnings`` of the result; before it is
        done again somebody is asked, unless with ``confirm``.

        Raises:
            UsageError: the thread has no state of its target.
            WeftError: what ended the run; it is on record too.
        """
        return await (await self.travel()).go_on(Scope(self.workspace), thread, target, deps, confirm=confirm)

    async def replay(
        self,
        run: str,
        *,
        until: int | None = None,
        live_from: int | None = None,
        confirm: bool = False,
        run_nodes: bool = False,
        deps: Any = None,
    ) -> Result[Any]:
        """Run a run again on a thread of its own, with the answers that its models and tools gave: nothing is called.

        Plain functions that are nodes or steps give what they gave, too; with ``run_nodes`` they run. With ``until``
        it pauses at that step of the run, and can be resumed. From step ``live_from`` on everything is called again;
        before that repeats what must happen once somebody is asked, unless with ``confirm``.

        Raises:
            NotFound: no such run.
            UsageError: it left no steps.
            ReplayMissed: the run got no answer where the replay needs one.
        """
        travel, scope = await self.travel(), Scope(self.workspace)
        return await travel.replay(
            scope, run, until=until, live_from=live_from, confirm=confirm, run_nodes=run_nodes, deps=deps
        )

    async def diff(self, a: str, b: str) -> "RunsDiff":
        """Two runs side by side: the first step at which they differ, and in what. Raises: NotFound."""
        return await (await self.travel()).diff(Scope(self.workspace), a, b)

    async def diff_states(
        self, thread: str, a: int | None, b: int | None = None, *, path: str | None = None, other: str | None = None
    ) -> "StatesDiff":
        """The states after steps ``a`` and ``b`` side by side, ``b`` of thread ``other`` where one is named.

        ``None`` is the newest step. Raises: NotFound, SchemaMismatch.
        """
        return await (await self.travel()).diff_states(Scope(self.workspace), thread, a, b, path, other)

    async def delete(self, thread: str) -> None:
        """Forget a thread and everything of it: messages, runs, events, checkpoints, questions, costs by the call.

        Raises:
            NotFound: no such thread.
            Conflict: a run of it is running.
        """
        await self.erase(Scope(self.workspace), thread)

    @abstractmethod
    async def erase(self, scope: Scope, thread: str) -> None:
        """``delete``, for servers, which say whose thread they mean."""

    async def check(self) -> "list[Checked]":
        """How each thread that is in the midst of something would meet the targets as they are now."""
        return await (await self.travel()).check(Scope(self.workspace))

    async def prune(self, *, keep: int | None = None, days: float | None = None, thread: str | None = None) -> "Pruned":
        """Forget checkpoints that are neither among the ``keep`` newest of their graph nor of the last ``days``.

        Raises:
            UsageError: neither is given.
            NotFound: no such thread.
        """
        from weft.runtime.retention import Retention  # noqa: PLC0415

        kept = Retention(keep=keep, days=days)
        return await (await self.travel()).prune(Scope(self.workspace), kept, thread)
