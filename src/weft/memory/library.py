"""The shelves of memories that one process has in memory, each brought up to date when it is asked for."""

import asyncio
import sys
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from importlib import import_module
from typing import Any
from weakref import WeakMethod

from weft.memory.index import Shelved
from weft.memory.outside import Elsewhere
from weft.memory.words import terms
from weft.storage.memory_rows import Mark, Shelf, Shelves
from weft.storage.outside_rows import Outside

_MANY = 500
"""Memories that are taken up beside the event loop, as they would hold it up."""
_SHELVES = 256
"""That one process keeps in memory, the last used ones."""


class _Kept:
    """A shelf, and whose turn it is to bring it up to date."""

    def __init__(self, space: str | None) -> None:
        self.shelved, self.turn = Shelved(space=space), asyncio.Lock()


class Library:
    """The shelves of a store that one process has in memory: shared by all who search."""

    def __init__(self, stored: Shelves, outside: Outside) -> None:
        self.stored, self.outside = stored, outside
        self.bell: WeakMethod[Callable[[], None]] | None = None
        """Who in this process does what is to be done of memories."""
        self._shelves: OrderedDict[tuple[str, Shelf, Elsewhere | None], _Kept] = OrderedDict()

    def ring(self) -> None:
        """There is something to be done."""
        if self.bell is not None and (rung := self.bell()) is not None:
            rung()

    async def shelf(self, workspace: str, shelf: Shelf, elsewhere: Elsewhere | None = None) -> Shelved:
        """Brought up to date: one small read where nothing is new."""
        key = (workspace, shelf, elsewhere)
        kept = self._shelves.setdefault(key, _Kept(None if elsewhere is None else ""))
        self._shelves.move_to_end(key)
        while len(self._shelves) > _SHELVES:
            self._shelves.popitem(last=False)
        async with kept.turn:
            kept.shelved = await self._refreshed(kept.shelved, workspace, shelf, elsewhere)
            return kept.shelved

    async def _refreshed(self, held: Shelved, workspace: str, shelf: Shelf, elsewhere: Elsewhere | None) -> Shelved:
        anew = False
        while True:
            news = await self.stored.news(workspace, shelf, held.mark)
            if news.whole:  # who searches the old one at this moment may do so to the end
                space = None if elsewhere is None else await self.outside.of_shelf(workspace, shelf)
                held, anew = Shelved(space=space), True
            elif elsewhere is not None and held.space and not anew:
                await elsewhere.put(self.outside, held.space, news.rows)
            if len(news.rows) > _MANY:
                await whole(asyncio.to_thread(held.apply, news))
            else:
                held.apply(news)
            if not news.more:
                break
        if anew and elsewhere is not None and held.space:
            await self._compared(held, workspace, shelf, elsewhere)
        return held

    async def _compared(self, held: Shelved, workspace: str, shelf: Shelf, elsewhere: Elsewhere) -> None:
        """An index that has not as many vectors as we know is filled anew."""
        space = held.space or ""
        there = await elsewhere.index.count(space)
        known = sum([row.embedder == elsewhere.embedder for row in held.rows])
        if there > known:
            await elsewhere.index.drop(space)
        if there != known:
            mark = Mark()
            while (news := await self.stored.news(workspace, shelf, mark)).rows:
                await elsewhere.put(self.outside, space, news.rows)
                mark = news.mark


async def whole(work: Coroutine[Any, Any, None]) -> None:
    """Wait for its end even when cancelled: a thread cannot be stopped, and until then it writes."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise


async def loaded() -> None:
    """The heavy rooms, opened beside the event loop."""
    if "numpy" not in sys.modules or "snowballstemmer" not in sys.modules:
        await asyncio.to_thread(terms, "words")
        await asyncio.to_thread(import_module, "numpy")
