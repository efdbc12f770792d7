"""The vectors of one user's items, in an index that follows what the store has."""

import asyncio
from collections.abc import Mapping, Sequence

from weft.langgraph.store.finding import Vector
from weft.memory.outside import declare, sweep
from weft.storage.base import Scope
from weft.storage.item_rows import Found, Items, Namespace
from weft.storage.outside_rows import Outside
from weft.vectors.base import VectorIndex


class Nearest:
    """Finds items by vectors. Before each search it takes up what anybody wrote since the last one.

    An item may have several vectors; the nearest of them counts.
    """

    def __init__(self, items: Items, scope: Scope, index: VectorIndex, outside: Outside | None = None) -> None:
        """``outside`` is told where vectors are that outlive the process."""
        self._items, self._scope, self._index, self._outside = items, scope, index, outside
        self._space = f"items/{scope.workspace}/{scope.user or ''}"
        if outside is not None:
            declare(outside, self._space, index)
        self._known: dict[int, tuple[Namespace, int]] = {}
        """By the number of an item: where it is, and how many vectors it has."""
        self._mark: int | None = None
        self._turn = asyncio.Lock()

    async def search(
        self, prefix: Namespace, vector: bytes, limit: int, among: set[int] | None = None
    ) -> list[tuple[int, float]]:
        """The numbers of the nearest items below the prefix (and ``among`` these), and their cosine, best first."""
        async with self._turn:
            await self._follow(len(vector))
            chosen = [
                (n, count)
                for n, (namespace, count) in self._known.items()
                if count and namespace[: len(prefix)] == prefix and (among is None or n in among)
            ]
            if not chosen:
                return []
            total = sum([count for _, count in chosen])
            whole = total == sum([count for _, count in self._known.values()])
            only = None if whole else [id for n, count in chosen for id in _ids(n, count)]
            wide = limit
            while True:
                found = await self._index.search(self._space, vector, wide, only=only)
                best: dict[int, float] = {}
                for id, score in found:
                    best.setdefault(int(id.partition(".")[0]), score)
                if len(best) >= limit or wide >= total:
                    return list(best.items())[:limit]
                wide = min(total, 4 * wide)

    async def forget(self, gone: Mapping[int, int]) -> None:
        """These are gone: by their numbers, with how many vectors they had, as far as that is known."""
        async with self._turn:
            ids = [id for n, had in gone.items() for id in _ids(n, max(had, self._known.pop(n, ((), 0))[1]))]
            await self._index.remove(self._space, ids)

    async def _follow(self, size: int) -> None:
        """What is new; at the first time everything, unless the index has it already."""
        revision, rows = await self._items.news(self._scope, self._mark or 0)
        if self._mark is None:
            if self._outside is not None:
                await self._outside.of_items(self._scope, self._space)
                await sweep(self._outside)
            fresh = {row.n: _usable(row, size) for row in rows}
            total = sum([len(vectors) for vectors in fresh.values()])
            if await self._index.count(self._space) != total:
                await self._index.drop(self._space)
                await self._take(rows, size)
            else:
                self._known = {row.n: (row.namespace, len(fresh[row.n])) for row in rows}
        else:
            await self._take(rows, size)
        self._mark = revision

    async def _take(self, rows: Sequence[Found], size: int) -> None:
        gone: list[str] = []
        new: list[tuple[str, bytes]] = []
        for row in rows:
            vectors = _usable(row, size)
            gone += _ids(row.n, self._known.get(row.n, ((), 0))[1])[len(vectors) :]
            new += zip(_ids(row.n, len(vectors)), vectors, strict=True)
            self._known[row.n] = (row.namespace, len(vectors))
        if gone:
            await self._index.remove(self._space, gone)
        await self._index.put(self._space, new)


def _ids(n: int, count: int) -> list[str]:
    return [f"{n}.{at}" for at in range(count)]


def _usable(row: Found, size: int) -> tuple[bytes, ...]:
    """Those that are as long as what is searched: another embedder's say nothing here."""
    return tuple([vector for vector in row.vectors if len(vector) == size])


def packed(vector: Vector) -> bytes:
    """As an index takes it: little-endian 32-bit floats, of length 1."""
    import numpy as np  # noqa: PLC0415  # heavy: only who embeds loads it

    row = np.array(vector, dtype="<f4")
    length = float(np.linalg.norm(row))
    return (row / length if length else row).tobytes()
