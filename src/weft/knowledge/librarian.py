"""Who reads, cuts and embeds documents: some tasks of an app, as long as there is any to do."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from hashlib import sha256
from weakref import WeakMethod

from msgspec.structs import replace

from weft.documents.base import Document
from weft.documents.reading import read
from weft.errors import BudgetExceeded, Fenced, NotFound, StoreError, WeftError
from weft.knowledge.base import Knowledge
from weft.knowledge.cutting import cut, digest
from weft.knowledge.index import counted
from weft.knowledge.library import library, space_of
from weft.knowledge.sources import hint
from weft.memory.index import unit
from weft.memory.outside import sweep
from weft.models.apart import apart
from weft.storage.base import Scope, Store
from weft.storage.knowledge_rows import DocumentRow, PieceRow
from weft.vectors.base import VectorIndex

_SIDE_BY_SIDE = 2
"""Documents that a process reads at a time."""
_TRIES = 8
_AT_ONCE = 64
"""Pieces that are embedded by one call."""
_SOONEST, _LATEST = 0.05, 2.0
"""Seconds between two looks at what is due."""
_SPENT = 3_600.0
"""Seconds after which is asked again whether a budget has something left."""
_log = logging.getLogger("weft.knowledge")


class Librarian:
    """Takes documents one by one. ``ring`` wakes it; it goes to sleep when nothing is left, unless it serves.

    ``find`` says how a collection is to be read. ``lease`` is in seconds: a document of a process that is silent for
    so long is another's, which goes on where that one stopped.
    """

    def __init__(self, store: Store, workspace: str, find: Callable[[str], Knowledge], lease: float) -> None:
        self._store, self._workspace, self._find, self._lease = store, workspace, find, lease
        self._bell = asyncio.Event()
        self._working: set[asyncio.Task[None]] = set()
        self._leaving = self._serving = False
        library(store).bell = WeakMethod(self.ring)

    def ring(self) -> None:
        """There is something to do."""
        self._bell.set()
        while len(self._working) < _SIDE_BY_SIDE and not self._leaving:
            task = asyncio.create_task(self._work())
            self._working.add(task)
            task.add_done_callback(self._working.discard)

    def serve(self) -> None:
        """Look for work of other processes too, until it stops."""
        self._serving = True
        self.ring()

    async def stop(self, grace: float = 5.0) -> None:
        """Finish what was begun, for ``grace`` seconds; what is left is handed back."""
        self._leaving = True
        self._bell.set()
        if working := set(self._working):
            await asyncio.wait(working, timeout=grace)
            for task in working:
                task.cancel()
            await asyncio.gather(*working, return_exceptions=True)
        self._leaving = self._serving = False

    async def _work(self) -> None:
        pause = _SOONEST
        stored = self._store.indexing
        while not self._leaving:
            self._bell.clear()
            try:
                open = await stored.waiting(self._workspace)
                taken = await stored.take(self._workspace, self._lease) if open else None
                if taken is not None:
                    await self._do(taken)
                    pause = _SOONEST
                    continue
            except StoreError as error:
                _log.warning("no documents are read for now: %s", error)
                open = 1
            if not (self._serving or open or self._bell.is_set()):
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self._bell.wait(), pause)
            pause = min(pause * 2, _LATEST)

    async def _do(self, taken: DocumentRow) -> None:
        working = asyncio.ensure_future(self._index(taken))
        beating = asyncio.create_task(self._beat(taken, working))
        end = self._store.indexing.end
        try:
            await working
            await end(taken)
        except asyncio.CancelledError:
            if not working.cancelled() or _asked_to_stop():
                working.cancel()
                await asyncio.shield(end(taken, again=0.0))
                raise
        except Fenced:
            return
        except BudgetExceeded as error:
            await end(taken, again=_SPENT, error=str(error))  # nobody was asked
        except NotFound as error:
            await end(taken, again=30.0 * taken.tries, error=str(error))  # another process may know it
        except Exception as error:  # a document that fails must not end the others
            again = 5.0 * 2**taken.tries if _passes(error) and taken.tries < _TRIES else None
            await end(taken, error=str(error) or type(error).__name__, again=again)
            _log.warning("%s of %r: %s", taken.name, taken.collection, error)
        finally:
            beating.cancel()
            await asyncio.gather(beating, working, return_exceptions=True)

    async def _beat(self, taken: DocumentRow, working: "asyncio.Future[None]") -> None:
        """It stays ours for as long as we work on it; if it is not, the work stops."""
        while True:
            await asyncio.sleep(self._lease / 3)
            try:
                await self._store.indexing.keep(taken, self._lease)
            except Fenced:
                working.cancel()
                return
            except StoreError:
                continue

    async def _index(self, taken: DocumentRow) -> None:
        """Read and cut it, unless that was done; then embed what is not embedded.

        Raises:
            NotFound: nobody here knows how.
            Unreadable: it cannot be read.
            Fenced: it is not ours any more.
            ModelError: it cannot be embedded.
        """
        knowledge = self._known(taken)
        made = sha256(taken.sha256 + knowledge.recipe.encode()).digest()
        if taken.made != made:
            await self._read(replace(taken, made=made), knowledge)
        if knowledge.embedder is not None:
            await self._embed(taken, knowledge)

    def _known(self, taken: DocumentRow) -> Knowledge:
        knowledge = self._find(taken.collection)
        named = taken.recipe.split(":", 2)[-1]
        if named and knowledge.embedder is None and not knowledge.recipe == taken.recipe:
            raise NotFound(f"collection {taken.collection!r} is embedded by {named!r}, and nobody here says how")
        return knowledge

    async def _read(self, taken: DocumentRow, knowledge: Knowledge) -> None:
        body, _ = await self._store.blobs.get(Scope(self._workspace), taken.sha256.hex())
        document = await read(body, name=hint(taken.name, taken.mime), limits=knowledge.limits)
        pieces, terms = await asyncio.to_thread(_pieces, taken.name, document, knowledge.size)
        told = {"kind": document.kind, "title": document.title, "pages": document.pages, "more": document.more}
        await self._store.indexing.cut(replace(taken, **told), pieces, knowledge.embedder_name, terms)
        if knowledge.index is not None:
            await sweep(self._store.outside)

    async def _embed(self, taken: DocumentRow, knowledge: Knowledge) -> None:
        embedder = knowledge.embedding()
        assert embedder is not None
        stored = self._store.indexing
        while pieces := await stored.bare(taken, _AT_ONCE):
            texts = [f"{piece.context}\n{piece.text}".strip() for piece in pieces]
            with apart(self._store, self._workspace, f"{taken.collection}.knowledge"):
                told = await embedder.embed(texts)
            entries = [(piece.n, unit(each)) for piece, each in zip(pieces, told.vectors, strict=True)]
            if knowledge.index is not None:
                await self._put(taken, knowledge.index, entries)
            await stored.embed(taken, entries, embedder.name, self._lease)

    async def _put(self, taken: DocumentRow, index: VectorIndex, entries: Sequence[tuple[int, bytes]]) -> None:
        """Before they are on record as embedded: who dies in between leaves them to be embedded again.

        Raises:
            Fenced: the document is gone, or another's; then they are not in the index either.
        """
        space = space_of(self._workspace, taken.collection)
        await self._store.outside.of_collection(self._workspace, taken.collection, space)
        await sweep(self._store.outside)  # a number may be that of something that is gone
        await index.put(space, [(str(n), vector) for n, vector in entries])
        try:
            await self._store.indexing.keep(taken, self._lease)
        except Fenced:
            await index.remove(space, [str(n) for n, _ in entries])
            raise


def _pieces(name: str, document: Document, size: int) -> tuple[list[PieceRow], bytes]:
    """Its pieces, and what they are found by."""
    rows = [
        PieceRow(
            text=piece.text,
            start=piece.start,
            page=piece.page or 0,
            context=piece.context,
            digest=digest(piece.text, piece.context),
        )
        for piece in cut(document, size)
    ]
    return rows, counted(name, document.title, rows)


def _passes(error: Exception) -> bool:
    return isinstance(error, WeftError) and error.retryable


def _asked_to_stop() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
