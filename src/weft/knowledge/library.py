"""The collections that one process has in memory, and how they are searched for who may read what."""

import asyncio
import json
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any
from urllib.parse import quote
from weakref import WeakKeyDictionary, WeakMethod

from msgspec.structs import replace

from weft.errors import UsageError
from weft.knowledge.base import Knowledge, Passage, fits
from weft.knowledge.index import Indexed
from weft.memory.index import unit
from weft.memory.library import whole
from weft.memory.outside import declare
from weft.memory.words import terms
from weft.storage.base import Store
from weft.storage.knowledge_rows import DocumentRow, PieceRow, Reader

SPACES = "knowledge/"
"""How the names of spaces of collections begin."""
_PIECES = 500_000
"""Of all collections that are kept in memory, those that were searched last; one is always kept."""
_WASTE = 1_000
"""Rows of what is gone that are borne with; an index of which more than half is gone is made anew."""
_RERANKED = 4
"""Passages that a reranker sees for each that is wanted."""
_libraries: WeakKeyDictionary[Store, "Library"] = WeakKeyDictionary()


def library(store: Store) -> "Library":
    """The collections of a store that this process has in memory."""
    if (found := _libraries.get(store)) is None:
        found = _libraries[store] = Library(store)
    return found


def space_of(workspace: str, collection: str) -> str:
    """The name under which an index of vectors has a collection.

    >>> space_of("default", "a/b")
    'knowledge/default/a%2Fb'
    """
    return f"{SPACES}{quote(workspace, safe='')}/{quote(collection, safe='')}"


class Library:
    """Collections of a store, shared by all who search."""

    def __init__(self, store: Store) -> None:
        self.outside = store.outside
        self._documents, self._indexing = store.documents, store.indexing  # not the store: it would live for ever
        self.bell: WeakMethod[Callable[[], None]] | None = None
        """Who in this process reads what is new."""
        self._known: dict[str, Knowledge] = {}
        self._kept: OrderedDict[tuple[str, str, bool], tuple[Indexed, asyncio.Lock]] = OrderedDict()

    def declare(self, knowledge: Knowledge) -> Knowledge:
        """From now on the collection of this name is read and searched so.

        Raises:
            UsageError: in this process it is already, in another way.
        """
        known = self._known.setdefault(knowledge.name, knowledge)
        if known.recipe != knowledge.recipe:
            raise UsageError(f"the collection {knowledge.name!r} is cut or embedded in two ways: use one Knowledge")
        if knowledge.index is not None:
            declare(self.outside, SPACES, knowledge.index)
        return knowledge

    def known(self, name: str) -> Knowledge:
        """How a collection is read and searched; by words alone, where nobody said."""
        return self._known.get(name) or Knowledge(name)

    def recipe(self, knowledge: Knowledge) -> str:
        """'' where nobody here said how: what is there stays as it is."""
        return knowledge.recipe if knowledge.name in self._known else ""

    def ring(self) -> None:
        """There is something to be read."""
        if self.bell is not None and (rung := self.bell()) is not None:
            rung()

    async def search(
        self,
        knowledge: Knowledge,
        reader: Reader,
        query: str,
        *,
        limit: int,
        where: Mapping[str, Any] | None = None,
    ) -> list[Passage]:
        """What fits best of what he may read, best first."""
        embedder, ranker = knowledge.embedding(), knowledge.ranking()
        wanted = limit * _RERANKED if ranker is not None else limit
        vector = None if embedder is None else unit((await embedder.embed([query])).vectors[0])
        found = await self._found(knowledge, reader, query, vector, wanted, where or {})
        rows = await self._documents.pieces(reader, [n for _, n in found])  # the store has the last word
        known = {piece.n: (piece, document) for piece, document in rows}
        passages = [_passage(*known[n], score) for score, n in found if n in known]
        if ranker is None or not passages:
            return passages[:limit]
        ranks = await ranker.rank(query, [passage.text for passage in passages], top=limit)
        return [replace(passages[rank.index], score=rank.score) for rank in ranks][:limit]

    async def _found(
        self,
        knowledge: Knowledge,
        reader: Reader,
        query: str,
        vector: bytes | None,
        limit: int,
        where: Mapping[str, Any],
    ) -> list[tuple[float, int]]:
        workspace, name = reader.workspace, knowledge.name
        key = (workspace, name, knowledge.index is None)
        indexed, turn = self._kept.setdefault(key, (Indexed(vectors=knowledge.index is None), asyncio.Lock()))
        self._kept.move_to_end(key)
        async with turn:  # while it is searched nobody writes to it
            indexed = await self._refreshed(indexed, knowledge, reader.workspace)
            self._kept[key] = (indexed, turn)
            self._shrink()
            mask = (reader, json.dumps(where, sort_keys=True, default=str))
            if not indexed.known_mask(mask):
                readable = await self._documents.readable(reader, name)
                indexed.let(mask, [n for n in readable if _counts(indexed, n, where)])
            if not indexed.rows:
                return []
            meant = None
            if knowledge.index is not None and vector is not None:
                space, only = space_of(workspace, name), indexed.counting(mask)
                meant = dict(await knowledge.index.search(space, vector, 4 * limit + 50, only=only))
            return indexed.search(mask, query, vector, limit, meant)

    def _shrink(self) -> None:
        total = sum([len(indexed.rows) for indexed, _ in self._kept.values()])
        while total > _PIECES and len(self._kept) > 1:
            total -= len(self._kept.popitem(last=False)[1][0].rows)

    async def _refreshed(self, indexed: Indexed, knowledge: Knowledge, workspace: str) -> Indexed:
        """With all that is new: one small read where nothing is."""
        await _loaded()
        if indexed.dead > max(_WASTE, len(indexed.rows) // 2):
            indexed = Indexed(vectors=knowledge.index is None)
        stored = self._indexing
        changes = await stored.changes(workspace, knowledge.name, indexed.state)
        if changes.alive is not None:
            for n in [n for n in indexed.documents if n not in changes.alive]:
                indexed.drop(n)
        behind = bool(changes.documents) and await self._behind(knowledge, workspace, indexed)
        for document in changes.documents:
            told, pieces = await stored.load(document.n, vectors=behind or knowledge.index is None)
            if behind:
                await self.outside.of_collection(workspace, knowledge.name, space_of(workspace, knowledge.name))
                await _told(knowledge, workspace, pieces)
            await whole(asyncio.to_thread(indexed.put, document, told, pieces))
        indexed.state = changes.state
        return indexed

    async def _behind(self, knowledge: Knowledge, workspace: str, indexed: Indexed) -> bool:
        """Whether an index that is elsewhere is to be filled, as we begin: it is empty, or has not what the rows say.

        Who was killed between a vector and its row leaves one too many. While documents are read that may be so.
        """
        if knowledge.index is None or indexed.documents:
            return False
        space = space_of(workspace, knowledge.name)
        if not (there := await knowledge.index.count(space)):
            return True
        known = await self._indexing.embedded(workspace, knowledge.name)
        if there == known or await self._indexing.waiting(workspace, knowledge.name):
            return False
        if there > known:
            await knowledge.index.drop(space)
        return True


def _counts(indexed: Indexed, n: int, where: Mapping[str, Any]) -> bool:
    document = indexed.documents.get(n)
    return document is not None and fits({"document": document.name, **document.facts}, where)


async def _told(knowledge: Knowledge, workspace: str, pieces: Sequence[tuple[int, bytes | None]]) -> None:
    entries = [(str(n), vector) for n, vector in pieces if vector is not None]
    if knowledge.index is not None and entries:
        await knowledge.index.put(space_of(workspace, knowledge.name), entries)


def _passage(piece: PieceRow, document: DocumentRow, score: float) -> Passage:
    path = piece.context.partition("\n")[0]
    page = piece.page or None
    return Passage(n=piece.n, text=piece.text, document=document, page=page, offset=piece.start, path=path, score=score)


async def _loaded() -> None:
    """The heavy rooms, opened beside the event loop."""
    await asyncio.to_thread(terms, "words")
    await asyncio.to_thread(import_module, "numpy")
