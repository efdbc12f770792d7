"""Threads for tools that block: none of them can hold up a run, or the end of the program.

``asyncio.to_thread`` would do, but its few threads are shared with DNS look-ups, and a tool that hangs
keeps one for ever: a handful of them and nothing runs any more; the program cannot even end.
"""

import asyncio
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context as Variables
from contextvars import copy_context
from typing import Any, Generic, TypeVar

from weft.engine.context import Context, D
from weft.errors import Cancelled

T = TypeVar("T")

LIMIT = 64
"""Tools that may block at the same time; further ones wait. One that was given up does not count."""
IDLE = 10.0
"""Seconds after which an unused thread ends."""


async def in_thread(work: Callable[[], T]) -> T:
    """Its result, from a thread, with a copy of the caller's context variables.

    If the caller is cancelled the thread is given up: nobody waits for it, and ``Cancelled`` is raised in it as soon
    as it is back in Python. Code that blocks below Python (a driver, a long sleep) ends when that returns.
    """
    loop = asyncio.get_running_loop()
    job = _Job(work, copy_context(), loop, loop.create_future())
    _pool.submit(job)
    try:
        return await job.future
    except asyncio.CancelledError:
        _pool.give_up(job)
        raise


class ThreadContext(Context[D]):
    """A context that can be used from another thread, until the run stops waiting for that thread."""

    __slots__ = ("_loop", "_open")

    def __init__(self, ctx: Context[D]) -> None:
        super().__init__(ctx.run, ctx.path, ctx.deps, ctx._host, ctx._of or ctx)
        self._loop = asyncio.get_running_loop()
        self._open = True

    def close(self) -> None:
        """Nobody waits any more: what comes now is dropped."""
        self._open = False

    def emit(self, event: Any) -> None:
        """Raises: Cancelled, where the run has given this tool up."""
        if not self._open:
            raise Cancelled("the run does not wait for this tool any more")
        self._loop.call_soon_threadsafe(self._deliver, event)

    def _deliver(self, event: Any) -> None:
        if self._open:
            super().emit(event)


class _Job(Generic[T]):
    """One call, and the future that waits for it."""

    __slots__ = ("future", "loop", "stopped", "taken", "thread", "token", "variables", "work")

    def __init__(
        self, work: Callable[[], T], variables: Variables, loop: asyncio.AbstractEventLoop, future: asyncio.Future[T]
    ) -> None:
        self.work, self.variables, self.loop, self.future = work, variables, loop, future
        self.taken = False
        """Whether a thread runs it, or did."""
        self.thread = 0
        """Which one."""
        self.token = [True]
        """Who takes it says how this ends: the thread that is done, or who gives it up. Taken without a lock."""
        self.stopped = False
        """Whether ``Cancelled`` is on its way to the thread, or has arrived."""

    def ends(self) -> bool:
        """Whether nobody has said before how it ends."""
        try:
            return self.token.pop()
        except IndexError:
            return False

    def run(self) -> None:
        try:
            result, error = self.variables.run(self.work), None
        except StopIteration as stop:
            result, error = None, RuntimeError(f"StopIteration: {stop}")  # a future cannot hold a StopIteration
        except BaseException as raised:
            result, error = None, raised
        with suppress(RuntimeError):  # the loop is closed: nobody is left to tell
            self.loop.call_soon_threadsafe(self._settle, result, error)

    def _settle(self, result: Any, error: BaseException | None) -> None:
        if self.future.done():
            return
        if error is None:
            self.future.set_result(result)
        else:
            self.future.set_exception(error)


class _Pool:
    """Daemon threads that are started when needed, and wait a while for more work."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """In a forked child the threads are gone."""
        self.changed = threading.Condition()
        self.waiting: deque[_Job[Any]] = deque()
        self.alive = 0
        self.idle = 0

    def submit(self, job: _Job[Any]) -> None:
        with self.changed:
            self.waiting.append(job)
            self._provide()

    def give_up(self, job: _Job[Any]) -> None:
        """Stop counting the thread that runs it; it ends after the job, if ever."""
        with self.changed:
            if not job.taken:
                self.waiting.remove(job)
            elif job.ends():
                _raise_in(job.thread)
                job.stopped = True
                self.alive -= 1
                self._provide()

    def _provide(self) -> None:
        if self.idle >= len(self.waiting):
            self.changed.notify()
        elif self.alive < LIMIT and self.waiting:
            self.alive += 1
            threading.Thread(target=self._work, name="weft-tool", daemon=True).start()

    def _work(self) -> None:
        while job := self._next():
            with suppress(Cancelled):
                job.run()
            if not job.ends():
                _await_stop(job)
                return

    def _next(self) -> _Job[Any] | None:
        with self.changed:
            while not self.waiting:
                self.idle += 1
                woken = self.changed.wait(IDLE)
                self.idle -= 1
                if not woken and not self.waiting:
                    self.alive -= 1
                    return None
            job = self.waiting.popleft()
            job.taken, job.thread = True, threading.get_ident()
            return job


def _await_stop(job: _Job[Any]) -> None:
    """Until what is raised in this thread has come: it must not come later, where a lock is held."""
    with suppress(Cancelled):
        while not job.stopped:
            time.sleep(0.0005)
        for _ in range(100):
            pass  # Python looks for it at each turn


def _raise_in(thread: int) -> None:
    """Stop what a thread does, at its next step in Python."""
    import ctypes  # noqa: PLC0415  # only where a thread is given up

    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(Cancelled))


_pool = _Pool()
os.register_at_fork(after_in_child=_pool.reset)
