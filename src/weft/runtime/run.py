"""``await agent.run("hello")``: the same few verbs for everything that has a graph."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Coroutine
from typing import Any, Generic, TypeVar

from weft import events
from weft.engine.graph import Graph
from weft.engine.scheduler import Paused, describe
from weft.errors import UsageError, WeftError
from weft.events import Envelope
from weft.ids import new_id
from weft.runtime.asking import Asking
from weft.runtime.hub import Hub
from weft.runtime.journal import Journal
from weft.runtime.limits import Limits, dump_limits
from weft.runtime.result import Out, Result, questions_of, reason_of, result_of
from weft.runtime.running import run_target
from weft.runtime.session import Session
from weft.storage.base import RunRecord

In = TypeVar("In", contravariant=True)


class Runnable(ABC, Generic[In, Out]):
    """Something with a graph: an agent, a team, a workflow.

    These verbs need nothing else and keep nothing. For threads that remember, runs that survive and
    a server, give it to an ``App``.
    """

    __slots__ = ()
    name: str

    @abstractmethod
    def graph(self) -> Graph: ...

    def run(self, input: In, *, deps: Any = None, limits: Limits | None = None) -> Coroutine[Any, Any, Result[Out]]:
        """Run to rest, in memory; a limit that it reaches pauses it, with the best answer so far.

        Raises:
            WeftError: what ended the run.
        """
        return _run(self, input, deps, None, new_id("run"), limits)

    def run_sync(self, input: In, *, deps: Any = None, limits: Limits | None = None) -> Result[Out]:
        """``run`` for programs without an event loop: the package's one blocking door.

        Raises:
            UsageError: there is a loop already; ``await run(...)`` instead.
        """
        return block(lambda: self.run(input, deps=deps, limits=limits))

    async def stream(self, input: In, *, deps: Any = None, limits: Limits | None = None) -> AsyncGenerator[Envelope]:
        """Run in memory, and see every event as it happens. Leaving the loop ends the run.

        Raises:
            WeftError: what ended the run, after its ``run.failed``.
        """
        hub, run_id = Hub(), new_id("run")
        listener = hub.listen(run_id)
        task = asyncio.create_task(_run(self, input, deps, hub, run_id, limits))
        task.add_done_callback(lambda _: listener.ring())
        try:
            while (queue := listener.queue) or not task.done():
                if queue:
                    yield queue.popleft()
                else:
                    await listener.wait()
            await task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _run(
    target: Runnable[Any, Any], input: Any, deps: Any, hub: Hub | None, run_id: str, limits: Limits | None
) -> Result[Any]:
    given = dump_limits(limits)
    journal = Journal(RunRecord(id=run_id, thread_id=new_id("thread"), target=target.name, limits=given), None, hub)
    session = Session(journal, deps, Asking(journal), resumed=False)
    try:
        output = await run_target(session, target, input)
    except Paused as paused:
        questions = questions_of(paused)
        if (stop := paused.stop) is not None:
            journal.emit((target.name,), events.LimitReached(stop.limit, str(stop)))
        journal.commit(happened=(events.RunPaused(questions, reason_of(paused)),))
        best = None if stop is None else session.best
        return result_of(journal, "paused", output=best, questions=questions, stop=stop)
    except asyncio.CancelledError:
        journal.commit(happened=(events.RunCancelled(),))
        raise
    except Exception as error:
        ours = isinstance(error, WeftError)
        failed = events.RunFailed(error.code if ours else "bug", str(error) if ours else describe(error))
        journal.commit(happened=(failed,))
        raise
    if not journal.silent:
        journal.commit(happened=(events.RunFinished(output, journal.info.usage),))
    return result_of(journal, "finished", output=output)


def block(make: Any) -> Any:
    """Run a coroutine to its end from code without an event loop.

    Raises:
        UsageError: this thread already runs a loop.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass  # out of here, so that errors of the run do not seem to come of it
    else:
        raise UsageError("there is a running event loop here (a notebook, an async function): use `await ...run(...)`")
    return asyncio.run(make())
