"""Calls of other graphs that one activation has under way: they come to rest together."""

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Any

from weft.engine.context import joined
from weft.engine.scheduler import Paused


class Beside:
    """The calls that one activation has under way side by side.

    A call that asks, or that a limit stops, waits for the others: so all that can be done is done, and all
    questions are asked at once.
    """

    __slots__ = ("_settled", "halted", "tasks")

    def __init__(self) -> None:
        self.tasks: set[asyncio.Task[Any]] = set()
        self.halted: list[Paused] = []
        self._settled = asyncio.Event()

    async def run(self, call: Awaitable[Any]) -> Any:
        """Raises: Interrupted, for all calls that could not go on."""
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        self._settled.clear()
        try:
            return await call
        except Paused as paused:
            self.halted.append(paused)
            self._leave(task)
            await asyncio.sleep(0)  # those that were made together with it begin
            await self._settled.wait()
            raise joined(self.halted) from None
        finally:
            self._leave(task)

    def _leave(self, task: "asyncio.Task[Any]") -> None:
        self.tasks.discard(task)
        if not self.tasks:
            self._settled.set()


async def left(calls: Mapping[Any, Beside]) -> None:
    """Cancel the calls that nobody waits for any more."""
    tasks = [task for beside in tuple(calls.values()) for task in beside.tasks if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.gather(*tasks, return_exceptions=True)
