"""LangChain's embedders as ours, and ours as LangChain's."""

import asyncio
from collections.abc import Sequence
from typing import Any

from langchain_core.embeddings import Embeddings

from weft.errors import ModelError, WeftError
from weft.models.ports import Embedder, Vectors


class LangChainEmbedder:
    """``Embedder`` by any of LangChain's.

    Texts that are kept and texts that are asked go the same way, as documents, since an ``Embedder`` does not tell
    them apart.
    """

    def __init__(self, embeddings: Embeddings, name: str = "") -> None:
        self._embeddings = embeddings
        self.name = name or _named(embeddings)

    async def embed(self, texts: Sequence[str], **settings: Any) -> Vectors:
        if not texts:
            return Vectors(vectors=(), model=self.name)
        try:
            found = await self._embeddings.aembed_documents(list(texts))
        except WeftError:
            raise
        except Exception as error:
            raise ModelError(f"{self.name}: {type(error).__name__}: {error}") from error
        if len(found) != len(texts):
            raise ModelError(f"{self.name}: {len(texts)} texts were sent, and {len(found)} vectors came back")
        return Vectors(vectors=tuple([tuple(map(float, vector)) for vector in found]), model=self.name)


class WeftEmbeddings(Embeddings):
    """LangChain's ``Embeddings`` by an ``Embedder``; the methods without ``a`` are for threads without a loop."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        return [list(vector) for vector in (await self._embedder.embed(texts)).vectors]

    async def aembed_query(self, text: str) -> list[float]:
        return (await self.aembed_documents([text]))[0]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return asyncio.run(self.aembed_documents(texts))

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


def _named(embeddings: Any) -> str:
    """What its maker calls the model, after the maker's class."""
    for field in ("model", "model_name", "model_id", "deployment"):
        if isinstance(told := getattr(embeddings, field, None), str) and told:
            return f"{type(embeddings).__name__}:{told}"
    return type(embeddings).__name__
