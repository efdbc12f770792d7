"""A test fails when it leaves a task behind, or blocks the event loop.

A callback that takes longer than ``NOTED`` seconds is a warning (a busy machine can cause one); longer than
``REFUSED`` seconds is a failure. While the machine gave its core to somebody else, it does not count.
``@pytest.mark.blocks`` allows a test to block.
"""

import asyncio
import inspect
import threading
import time
import warnings
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

NOTED = 0.2
REFUSED = 3.0
GRACE = 0.5
"""Seconds that cancelled tasks may take to end after a test."""


class BlockedLoop(UserWarning):
    """A callback kept all others waiting."""


_slow: list[tuple[float, str]] = []
_run = asyncio.Handle._run


class _Queued(threading.local):
    """How long this thread was ready to run, and did not; looked at ten times a second at most."""

    def __init__(self) -> None:
        self._at, self._then = 0.0, 0.0

    def look(self, now: float) -> None:
        if now - self._at > 0.1:
            self._at, self._then = now, self.total()

    def since(self) -> float:
        return self.total() - self._then

    def total(self) -> float:
        try:
            with open("/proc/thread-self/schedstat") as told:
                return int(told.read().split()[1]) / 1e9
        except (OSError, IndexError, ValueError):
            return 0.0


_queued = _Queued()


def waited() -> float:
    """Seconds for which this thread was ready to run, and others had the machine: what a test need not answer for."""
    return _queued.total()


def _timed(handle: asyncio.Handle) -> None:
    began = time.perf_counter()
    _queued.look(began)
    _run(handle)
    took = time.perf_counter() - began
    if took > NOTED and (took := took - _queued.since()) > NOTED:
        _slow.append((took, repr(handle)[:300]))


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "blocks: may block the event loop")
    asyncio.Handle._run = _timed  # pyright: ignore  # the one place through which every callback goes


def pytest_unconfigure() -> None:
    asyncio.Handle._run = _run  # pyright: ignore


@pytest.fixture(autouse=True)
def no_leaks(request: pytest.FixtureRequest) -> Iterator[None]:
    """Around every test; first in, last out."""
    if inspect.iscoroutinefunction(getattr(request.node, "obj", None)):
        request.getfixturevalue("no_task_left")
    _slow.clear()
    yield
    if request.node.get_closest_marker("blocks"):
        return
    for took, what in _slow:
        if took > REFUSED:
            pytest.fail(f"the event loop was blocked for {took:.2f} s by {what}")
        warnings.warn(BlockedLoop(f"{took:.2f} s: {what}"), stacklevel=1)


@pytest.fixture
async def no_task_left() -> AsyncIterator[None]:
    """When the test and its fixtures have ended, nothing may run on."""
    before = asyncio.all_tasks()
    yield
    left = await _still_running(before)
    if left:
        names = "\n".join(f"- {_described(task)}" for task in left)
        for task in left:
            task.cancel()
        pytest.fail(f"tasks are left:\n{names}")


async def _still_running(before: "set[asyncio.Task[Any]]") -> "set[asyncio.Task[Any]]":
    mine = before | {asyncio.current_task()}
    ends = time.monotonic() + GRACE
    while left := asyncio.all_tasks() - mine:
        if time.monotonic() > ends:
            return left
        await asyncio.sleep(0.001)
    return set()


def _described(task: "asyncio.Task[Any]") -> str:
    return f"{task.get_name()}: {task.get_coro()!r}"[:200]
