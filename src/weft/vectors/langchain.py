"""LangChain's vector stores, of any kind, as an index."""

import base64
import inspect
from collections.abc import Callable, Sequence
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import VectorStore

from weft.errors import StoreError
from weft.vectors.base import distinct, numbers
from weft.vectors.exact import best, loaded


class Carried(Embeddings):
    """Embeds nothing: its texts are the vectors, so that a store that wants texts takes vectors."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        import numpy as np  # noqa: PLC0415

        return np.frombuffer(base64.b64decode(text), dtype="<f4").tolist()


class LangChain:
    """``VectorIndex`` in stores of LangChain's that compare by cosine, inner product or distance.

    Each space is a store of its own. The scores are our own, as each kind of store has others.

    >>> from langchain_core.vectorstores import InMemoryVectorStore
    >>> index = LangChain(lambda space, embeddings: InMemoryVectorStore(embeddings), numbers=384)

    Args:
        open: Gives the store of a space, new or as it was left, which must embed with what it is given.
        numbers: Of each vector.
    """

    def __init__(self, open: Callable[[str, Embeddings], Any], *, numbers: int) -> None:
        self._open, self._size = open, numbers
        self._stores: dict[str, VectorStore] = {}

    async def put(self, space: str, entries: Sequence[tuple[str, bytes]]) -> None:
        if entries:
            numbers(space, (vector for _, vector in entries), self._size)
            store, given = await self._store(space), distinct(entries)
            keys = [_key(id) for id in given]
            documents = [Document(_text(vector), id=_key(id), metadata={"weft": id}) for id, vector in given.items()]
            await self._asked(store.aadd_documents(documents, ids=keys))

    async def remove(self, space: str, ids: Sequence[str]) -> None:
        store = await self._store(space)
        there = [id for id, _ in await self._these(store, ids)]
        if there:
            await self._asked(store.adelete([_key(id) for id in there]))

    async def search(
        self, space: str, vector: bytes, limit: int, *, only: Sequence[str] | None = None
    ) -> Sequence[tuple[str, float]]:
        numbers(space, [vector], self._size)
        if limit < 1:
            return []
        store = await self._store(space)
        found = await self._near(store, vector, limit) if only is None else await self._these(store, only)
        return _scored(found, vector, limit)

    async def count(self, space: str) -> int:
        return len(await self._all(await self._store(space)))

    async def scrub(self, space: str) -> None:
        """No store of LangChain's can be asked for it."""

    async def drop(self, space: str) -> None:
        store = await self._store(space)
        if keys := [_key(id) for id, _ in await self._all(store)]:
            await self._asked(store.adelete(keys))
        self._stores.pop(space, None)

    async def close(self) -> None:
        self._stores.clear()

    async def _store(self, space: str) -> VectorStore:
        await loaded()
        if space not in self._stores:
            made = self._open(space, Carried())
            self._stores.setdefault(space, await made if inspect.isawaitable(made) else made)
        return self._stores[space]

    async def _near(self, store: VectorStore, vector: bytes, limit: int) -> list[tuple[str, str]]:
        found: list[Document] = await self._asked(store.asimilarity_search(_text(vector), k=limit))
        return [(_id(each), each.page_content) for each in found]

    async def _these(self, store: VectorStore, ids: Sequence[str]) -> list[tuple[str, str]]:
        """Documents by their id; a store that cannot say them is asked for all."""
        wanted = set(ids)
        if not wanted:
            return []
        try:
            found = await self._asked(store.aget_by_ids([_key(id) for id in wanted]))
        except NotImplementedError:
            return [(id, text) for id, text in await self._all(store) if id in wanted]
        return [(_id(each), each.page_content) for each in found]

    async def _all(self, store: VectorStore) -> list[tuple[str, str]]:
        """By a search that is made wider until nothing comes any more."""
        asked = b"\x00\x00\x80\x3f" + bytes(4 * (self._size - 1))
        wide = 1_000
        while len(found := await self._near(store, asked, wide)) >= wide:
            wide *= 4
        return found

    async def _asked(self, call: Any) -> Any:
        """LangChain's stores raise what their libraries do."""
        try:
            return await call
        except NotImplementedError:
            raise
        except Exception as error:
            raise StoreError(f"vectors in a LangChain store: {type(error).__name__}: {error}") from error


def _key(id: str) -> str:
    """As it is called there: some stores take no ids but UUIDs."""
    return str(uuid5(NAMESPACE_OID, id))


def _id(document: Document) -> str:
    """As we gave it."""
    return document.metadata["weft"]


def _text(vector: bytes) -> str:
    return base64.b64encode(vector).decode()


def _scored(found: Sequence[tuple[str, str]], vector: bytes, limit: int) -> list[tuple[str, float]]:
    import numpy as np  # noqa: PLC0415

    if not found:
        return []
    body = b"".join([base64.b64decode(text) for _, text in found])
    rows = np.frombuffer(body, dtype="<f4").reshape(len(found), -1)
    return best([id for id, _ in found], rows @ np.frombuffer(vector, dtype="<f4"), limit)
