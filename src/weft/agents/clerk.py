"""Who does the work on memories that is done beside the runs: one task of an app, as long as there is any to do."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from weakref import WeakMethod

from weft.agents.tasks import Tasks
from weft.engine.context import Target
from weft.errors import BudgetExceeded, Fenced, NotFound, StoreError, WeftError
from weft.memory.remembering import library
from weft.runtime.budgets import Book
from weft.storage.base import Store
from weft.storage.chore_rows import Chore

_TRIES = 8
_SOONEST, _LATEST = 0.05, 2.0
"""Seconds between two looks at what is due."""
_SPENT = 3_600.0
"""Seconds after which is asked again whether a budget has something left."""
_log = logging.getLogger("weft.memory")


class Clerk:
    """Takes chores one by one. ``ring`` wakes it; it goes to sleep when nothing is left, unless it serves.

    ``lease`` is in seconds: a chore of a process that is silent for so long is another's.
    """

    def __init__(
        self, store: Store, workspace: str, find: Callable[[str], Target], lease: float, book: Book | None = None
    ) -> None:
        self.serving = False
        self._store, self._workspace = store, workspace
        self._lease = lease
        self._tasks = Tasks(store, workspace, find, lease, book or Book(store))
        self._bell = asyncio.Event()
        self._working: asyncio.Task[None] | None = None
        self._leaving = False
        library(store).bell = WeakMethod(self.ring)

    def ring(self) -> None:
        """There is something to do."""
        self._bell.set()
        if self._working is None or self._working.done():
            self._working = asyncio.create_task(self._work())

    def serve(self) -> None:
        """Look for work of other processes too, until it stops."""
        self.serving = True
        self.ring()

    async def settle(self, seconds: float = 60.0) -> None:
        """Wait until nothing is left to do.

        Raises:
            TimeoutError: something is, such as a chore whose run is paused.
        """
        async with asyncio.timeout(seconds):
            while await self._store.chores.open(self._workspace):
                self.ring()
                await asyncio.sleep(_SOONEST)

    async def stop(self, grace: float = 5.0) -> None:
        """Do what is due, for ``grace`` seconds; what is left is handed back."""
        working, self._leaving = self._working, True
        if working is not None:
            self._bell.set()
            await asyncio.wait({working}, timeout=grace)
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
        self._working, self._leaving, self.serving = None, False, False

    async def _work(self) -> None:
        pause = _SOONEST
        while True:
            self._bell.clear()
            try:
                open = await self._store.chores.open(self._workspace)
                taken = await self._store.chores.take(self._workspace, self._lease) if open else None
                if taken is not None:
                    await self._do(taken)
                    pause = _SOONEST
                    continue
            except StoreError as error:
                _log.warning("no work on memories for now: %s", error)
                open = 1
            if self._leaving or not (self.serving or open or self._bell.is_set()):
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self._bell.wait(), pause)
            pause = min(pause * 2, _LATEST)

    async def _do(self, chore: Chore) -> None:
        working = asyncio.ensure_future(self._tasks.do(chore))
        beating = asyncio.create_task(self._beat(chore, working))
        end = self._store.chores.end
        try:
            await end(chore, mark=await working)
        except asyncio.CancelledError:
            if not working.cancelled() or _asked_to_stop():
                working.cancel()
                await asyncio.shield(end(chore, again=0.0))
                raise
        except Fenced:
            return
        except BudgetExceeded as error:
            await end(chore, again=_SPENT, error=str(error))  # nobody was asked
        except NotFound as error:
            await end(chore, again=30.0 * chore.tries, error=str(error))  # another process may know it
        except Exception as error:  # a chore that fails must not end the others
            again = 5.0 * 2**chore.tries if _passes(error) and chore.tries < _TRIES else None
            await end(chore, error=f"{type(error).__name__}: {error}", again=again)
            _log.warning("%s of %r: %s", chore.kind, chore.of, error)
        finally:
            beating.cancel()
            await asyncio.gather(beating, working, return_exceptions=True)

    async def _beat(self, chore: Chore, working: "asyncio.Future[int | None]") -> None:
        """It stays ours for as long as we work on it; if it is not, the work stops."""
        while True:
            await asyncio.sleep(self._lease / 3)
            try:
                await self._store.chores.keep(chore, self._lease)
            except Fenced:
                working.cancel()
                return
            except StoreError:
                continue


def _passes(error: Exception) -> bool:
    return isinstance(error, WeftError) and error.retryable


def _asked_to_stop() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
