"""Qdrant: vectors in its server, or in a folder or memory of this process."""

import asyncio
import threading
from collections.abc import Sequence
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from weft.errors import StoreError, UsageError
from weft.vectors.base import distinct, numbers
from weft.vectors.exact import loaded

_BATCH = 500
"""Points in a request."""


class Qdrant:
    """``VectorIndex`` in Qdrant; ``pip install 'weft[qdrant]'``.

    All spaces whose vectors are of one length share a collection, in which each is a tenant.

    Args:
        where: The address of a server, the path of a folder, or ``:memory:``. Folder and memory are for few vectors:
            Qdrant's client compares all of them.
        api_key: Of the server.
        prefix: Of the names of the collections.
    """

    def __init__(self, where: str, *, api_key: str | None = None, prefix: str = "weft") -> None:
        self._where, self._key, self._prefix = where, api_key, prefix
        self._client: Any = None
        self._library: Any = None
        self._sizes: dict[str, int] = {}
        self._made: set[int] = set()
        self._served = "://" in where
        self._turn = threading.Lock()

    async def put(self, space: str, entries: Sequence[tuple[str, bytes]]) -> None:
        if not entries:
            return
        await self._opened()
        size = await self._checked(space, [vector for _, vector in entries]) or numbers(space, [entries[0][1]])
        await self._collection(size)
        given = list(distinct(entries).items())
        for start in range(0, len(given), _BATCH):
            points = [self._point(space, id, vector) for id, vector in given[start : start + _BATCH]]
            await self._asked("upsert", self._named(size), points, wait=True)
        self._sizes[space] = size

    async def remove(self, space: str, ids: Sequence[str]) -> None:
        if ids and (size := await self._size(space)):
            points = self._library.models.PointIdsList(points=[_key(space, id) for id in ids])
            await self._asked("delete", self._named(size), points, wait=True)

    async def search(
        self, space: str, vector: bytes, limit: int, *, only: Sequence[str] | None = None
    ) -> Sequence[tuple[str, float]]:
        size = await self._checked(space, [vector])
        if size is None or limit < 1 or (only is not None and not only):
            return []
        wanted = self._mine(space, only)
        told = await self._asked(
            "query_points",
            self._named(size),
            query=_floats(vector),
            query_filter=wanted,
            limit=limit,
            with_payload=["id"],
        )
        return [(point.payload["id"], float(point.score)) for point in told.points]

    async def count(self, space: str) -> int:
        size = await self._size(space)
        return 0 if size is None else await self._counted(space, size)

    async def scrub(self, space: str) -> None:
        """Qdrant rewrites its segments by itself, once enough of one is gone."""

    async def drop(self, space: str) -> None:
        if size := await self._size(space):
            chosen = self._library.models.FilterSelector(filter=self._mine(space))
            await self._asked("delete", self._named(size), chosen, wait=True)
            self._sizes.pop(space, None)

    async def close(self) -> None:
        if self._client is not None:
            await self._asked("close")
            self._client = None

    async def _opened(self) -> None:
        if self._client is not None:
            return
        self._library = library = await _library()
        if self._served:
            self._client = library.AsyncQdrantClient(
                url=self._where, api_key=self._key, timeout=60, check_compatibility=False
            )
        elif self._where == ":memory:":
            self._client = library.QdrantClient(":memory:")
        else:
            await asyncio.to_thread(self._in_folder)

    def _in_folder(self) -> None:
        with self._turn:
            if self._client is not None:
                return
            try:
                self._client = self._library.QdrantClient(path=self._where, force_disable_check_same_thread=True)
            except Exception as error:
                raise StoreError(f"vectors in Qdrant in {self._where}: {error}") from error

    def _named(self, size: int) -> str:
        return f"{self._prefix}_{size}"

    async def _checked(self, space: str, vectors: Sequence[bytes]) -> int | None:
        """The space's size, which is that of these vectors; ``None`` where it is not there."""
        try:
            numbers(space, vectors, size := await self._size(space))
        except UsageError:
            self._sizes.pop(space, None)  # another process may have begun it again
            numbers(space, vectors, size := await self._size(space))
        return size

    async def _size(self, space: str) -> int | None:
        """How many numbers the vectors of a space have: it is in one of the collections, or in none."""
        await self._opened()
        if space in self._sizes:
            return self._sizes[space]
        for one in (await self._asked("get_collections")).collections:
            prefix, _, size = one.name.rpartition("_")
            if prefix == self._prefix and size.isdigit() and await self._counted(space, int(size)):
                self._sizes[space] = int(size)
        return self._sizes.get(space)

    async def _counted(self, space: str, size: int) -> int:
        told = await self._asked("count", self._named(size), count_filter=self._mine(space), exact=True)
        return told.count

    async def _collection(self, size: int) -> None:
        if size in self._made:
            return
        m, name = self._library.models, self._named(size)
        if not await self._asked("collection_exists", name):
            told = m.VectorParams(size=size, distance=m.Distance.COSINE)
            hnsw = m.HnswConfigDiff(payload_m=16, m=0)  # a graph for each tenant, and none over all
            try:
                await self._asked("create_collection", name, vectors_config=told, hnsw_config=hnsw)
            except StoreError:
                if not await self._asked("collection_exists", name):  # another process may have been faster
                    raise
            if self._served:
                tenant = m.KeywordIndexParams(type=m.KeywordIndexType.KEYWORD, is_tenant=True)
                await self._asked("create_payload_index", name, "space", tenant)
        self._made.add(size)

    def _point(self, space: str, id: str, vector: bytes) -> Any:
        return self._library.models.PointStruct(
            id=_key(space, id), vector=_floats(vector), payload={"space": space, "id": id}
        )

    def _mine(self, space: str, only: Sequence[str] | None = None) -> Any:
        m = self._library.models
        wanted = [m.FieldCondition(key="space", match=m.MatchValue(value=space))]
        if only is not None:
            wanted.append(m.HasIdCondition(has_id=[_key(space, id) for id in dict.fromkeys(only)]))
        return m.Filter(must=wanted)

    async def _asked(self, verb: str, *words: Any, **options: Any) -> Any:
        """What the client's method gives. Qdrant has no one class for its errors: whatever it raises is its."""
        call = getattr(self._client, verb)
        try:
            if self._served:
                return await call(*words, **options)
            return await asyncio.to_thread(self._local, call, *words, **options)
        except Exception as error:
            raise StoreError(f"vectors in Qdrant at {self._where}: {error or type(error).__name__}") from error

    def _local(self, call: Any, *words: Any, **options: Any) -> Any:
        """Beside the loop, one at a time: in a process Qdrant's client does all by itself."""
        with self._turn:
            return call(*words, **options)


def _key(space: str, id: str) -> str:
    """Qdrant's ids are UUIDs."""
    return str(uuid5(NAMESPACE_OID, f"{space}\x00{id}"))


def _floats(vector: bytes) -> list[float]:
    import numpy as np  # noqa: PLC0415

    return np.frombuffer(vector, dtype="<f4").tolist()


async def _library() -> Any:
    try:
        await loaded("qdrant_client")
        import qdrant_client  # noqa: PLC0415  # an extra
    except ImportError as error:
        raise UsageError(f"vectors in Qdrant need its client: pip install 'weft[qdrant]' ({error})") from error
    return qdrant_client
