"""Items in a Weft store for LangGraph: its own store in memory answers alike, on each database; langmem; tools."""

import asyncio
import math
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.store.base import BaseStore, GetOp, InvalidNamespaceError, ListNamespacesOp, PutOp, SearchOp
from langgraph.store.memory import InMemoryStore

from tests.conftest import Open
from weft import Agent, App
from weft.errors import StateError
from weft.langgraph.store.durable import DurableStore
from weft.langgraph.store.memory import InMemoryStore as OurInMemoryStore
from weft.langgraph.store.tools import store_tools
from weft.langgraph.storing import WeftStore, item_store
from weft.messages import ToolCall
from weft.models.scripted import Scripted
from weft.storage import Store, open_store
from weft.storage.base import Scope
from weft.vectors.exact import Exact
from weft.vectors.usearch import Usearch

WORDS = ("tea", "coffee", "city", "train", "music", "warm", "cold", "loud")


def embed(texts: Sequence[str]) -> list[list[float]]:
    """How often each of these words is in a text, and a little of everything."""
    found: list[list[float]] = []
    for text in texts:
        counted = Counter(text.lower().replace('"', " ").replace(".", " ").split())
        row = [counted[word] + 0.001 * (crc32(f"{word}{text}".encode()) % 97) for word in WORDS]
        size = math.hypot(*row)
        found.append([number / size for number in row])
    return found


INDEX: Any = {"dims": len(WORDS), "embed": embed, "fields": ["text", "more[*].text"]}


@pytest.fixture
async def items(store: Store) -> WeftStore:
    return WeftStore(store, index=INDEX)


def plain(result: Any) -> Any:
    """Without times, and with scores as far as floats agree; what is alike in its score in one order."""
    if isinstance(result, list):
        return sorted([plain(one) for one in result], key=lambda one: (_far(one), repr(one)))
    if hasattr(result, "dict"):
        told = {name: value for name, value in result.dict().items() if not name.endswith("_at")}
        return {**told, "score": None if told.get("score") is None else round(told["score"], 4)}
    return result


def _far(result: Any) -> float:
    score = result["score"] if isinstance(result, dict) else None
    return 2.0 if score is None else -score


def put(key: str, text: str, *namespace: str, **fields: Any) -> PutOp:
    return PutOp(namespace or ("a",), key, {"text": text, **fields})


def steps() -> list[list[Any]]:
    """Batches in order: what each gives must be the same in all stores."""
    many = ListNamespacesOp
    return [
        [
            put("1", "warm tea", n=1),
            put("2", "cold coffee", n=2),
            put("3", "loud music", "a", "b", n=3),
            put("4", "x", "c", n=4),
        ],
        [GetOp(("a",), "1"), GetOp(("a",), "3"), GetOp(("a", "b"), "3")],
        [SearchOp(("a",)), SearchOp(("a",), limit=0), SearchOp(()), SearchOp(("a", "b")), SearchOp(("none",))],
        [SearchOp(("a",), query="tea"), SearchOp(("a",), query="coffee", limit=1), SearchOp((), query="music")],
        [SearchOp(("a",), {"n": 2}), SearchOp(("a",), {"n": {"$gt": 2}}), SearchOp((), {"n": {"$ne": 2}})],
        [SearchOp(("a",), {"n": {"$gte": 2}}, query="coffee"), SearchOp(("a",), {"n": 9}, query="coffee")],
        [put("1", "train"), GetOp(("a",), "1"), SearchOp(("a",), query="train")],
        [SearchOp(("a",), query="train", limit=2), SearchOp(("a",), query="tea", limit=1, offset=1)],
        [PutOp(("a",), "2", None), PutOp(("a",), "never", None), PutOp(("c",), "5", {"text": "city"}, False)],
        [SearchOp(("a",), query="coffee"), SearchOp(("c",), query="city"), GetOp(("a",), "2")],
        [put("m", "", "d", more=[{"text": "tea"}, {"text": "loud train"}]), put("1", "tea"), put("1", "cold tea")],
        [SearchOp(("d",), query="train"), SearchOp(("d",), query="tea"), GetOp(("a",), "1")],
        [many(), many(limit=2), many(offset=1), many(max_depth=1)],
        [PutOp(("d",), "i", {"text": "tea", "other": "cold"}, ["other"]), SearchOp(("d",), query="cold")],
        [SearchOp(("d",), query="cold")],
    ]


async def test_each_batch_gives_what_langgraphs_own_store_gives(items: WeftStore) -> None:
    theirs = InMemoryStore(index=INDEX)
    for ops in steps():
        expected, told = await theirs.abatch(ops), await items.abatch(ops)
        for op, one, other in zip(ops, told, expected, strict=True):
            assert plain(one) == plain(other), op


async def test_namespaces_are_listed_by_patterns(items: WeftStore) -> None:
    theirs = InMemoryStore()
    for namespace in (("a", "x", "1"), ("a", "y", "1"), ("b", "x", "2"), ("a",), ("b", "x", "2", "deep")):
        for store in (theirs, items):
            await store.aput(namespace, "k", {})
    asked: list[dict[str, Any]] = [
        {"prefix": ("a",)},
        {"prefix": ("a", "*")},
        {"suffix": ("1",)},
        {"prefix": ("a",), "suffix": ("1",)},
        {"prefix": ("*", "x")},
        {"max_depth": 2},
        {"max_depth": 1, "limit": 1},
        {"suffix": ("x", "*"), "offset": 0},
    ]
    for one in asked:
        assert await items.alist_namespaces(**one) == await theirs.alist_namespaces(**one), one


async def test_the_last_changed_come_first_and_times_are_kept(items: WeftStore) -> None:
    for key in ("1", "2", "3"):
        await items.aput(("a",), key, {"n": key})
        await asyncio.sleep(0.01)
    first = await items.aget(("a",), "1")
    await items.aput(("a",), "1", {"n": "again"})
    again = await items.aget(("a",), "1")
    assert first is not None
    assert again is not None
    assert (again.created_at, again.updated_at > first.updated_at) == (first.created_at, True)
    assert isinstance(again.created_at, datetime)
    assert [one.key for one in await items.asearch(("a",))] == ["1", "3", "2"]
    assert [one.key for one in await items.asearch(("a",), limit=1, offset=1)] == ["3"]


async def test_what_cannot_be_is_refused_and_nothing_is_written(items: WeftStore) -> None:
    with pytest.raises(InvalidNamespaceError):
        await items.aput(("a.b",), "k", {})
    with pytest.raises(InvalidNamespaceError):
        await items.aput((), "k", {})
    with pytest.raises(StateError, match="'bad'"):
        await items.abatch([PutOp(("a",), "good", {}), PutOp(("a",), "bad", {"it": object()})])
    with pytest.raises(StateError, match="cannot be kept"):
        await items.aput(("a",), "k\x00", {})
    assert await items.asearch(()) == []


async def test_items_stay_for_their_time_and_longer_where_they_are_read(store: Store) -> None:
    items = WeftStore(store, index=INDEX, ttl={"refresh_on_read": True, "default_ttl": 0.025})
    await items.aput(("a",), "brief", {"text": "tea"})
    await items.aput(("a",), "ever", {"text": "tea"}, ttl=None)
    for _ in range(2):
        await asyncio.sleep(0.8)
        assert await items.aget(("a",), "brief") is not None
    assert await items.aget(("a",), "brief", refresh_ttl=False) is not None
    await asyncio.sleep(1.6)
    assert await items.aget(("a",), "brief") is None
    assert [one.key for one in await items.asearch(("a",), query="tea")] == ["ever"]
    assert await items.own.sweep_ttl() == 1
    assert await items.own.sweep_ttl() == 0
    assert await items.aget(("a",), "ever") is not None


async def test_every_user_has_a_store_of_his_own(store: Store) -> None:
    ada, bob = [WeftStore(store, Scope("default", user), index=INDEX) for user in ("ada", "bob")]
    await ada.aput(("a",), "k", {"text": "tea"})
    assert await bob.aget(("a",), "k") is None
    assert await bob.asearch((), query="tea") == []
    assert await bob.alist_namespaces() == []
    await bob.aput(("a",), "k", {"text": "coffee"})
    await bob.adelete(("a",), "k")
    assert await bob.own.erase() == 0
    assert [one.value for one in await ada.asearch((), query="tea")] == [{"text": "tea"}]
    assert await ada.own.erase(("a",)) == 1
    assert await ada.asearch((), query="tea") == []


async def test_what_another_process_writes_and_deletes_is_seen(open_shared: Open) -> None:
    one, other = [WeftStore(await open_shared(), index=INDEX) for _ in range(2)]
    for n in range(12):
        await one.aput(("a",), str(n), {"text": f"tea {WORDS[n % 8]}"})
    assert len(await other.asearch(("a",), query="tea", limit=50)) == 12
    await one.aput(("a",), "0", {"text": "music"})
    assert (await other.asearch(("a",), query="music", limit=1))[0].key == "0"
    for n in range(1, 9):
        await one.adelete(("a",), str(n))
    assert {item.key for item in await other.asearch(("a",), query="tea", limit=3)} <= {"0", "9", "10", "11"}
    assert len(await other.asearch(("a",), query="tea", limit=3)) == 3
    await asyncio.gather(*[store.aput(("b",), f"{n}", {"text": "city"}) for n in range(10) for store in (one, other)])
    assert len(await one.asearch(("b",), query="city", limit=50)) == 10


async def test_an_index_that_has_all_is_used_as_it_is_and_made_anew_where_it_is_not(tmp_path: Path) -> None:
    asked = 0

    class Counting(Usearch):
        async def put(self, space: str, entries: Sequence[tuple[str, bytes]]) -> None:
            nonlocal asked
            asked += len(entries)
            await super().put(space, entries)

    async def found(folder: str) -> list[str]:
        store, index = await open_store(f"sqlite:///{tmp_path}/weft.db"), Counting(tmp_path / folder)
        items = WeftStore(store, index=INDEX, vectors=index)
        if not await items.asearch(("a",)):
            for n, word in enumerate(WORDS):
                await items.aput(("a",), str(n), {"text": word})
        told = [one.key for one in await items.asearch(("a",), query="tea", limit=1)]
        await index.close()
        await store.close()
        return told

    assert [await found("one"), asked] == [["0"], 8]
    assert [await found("one"), asked] == [["0"], 8]
    assert [await found("lost"), asked] == [["0"], 16]


async def test_an_item_is_not_found_by_what_it_was(items: WeftStore) -> None:
    await items.aput(("a",), "k", {"text": "tea", "more": [{"text": "loud train"}, {"text": "city"}]})
    await items.aput(("a",), "other", {"text": "coffee train"})
    assert [one.key for one in await items.asearch((), query="loud train")] == ["k", "other"]
    await items.aput(("a",), "k", {"text": "tea"})
    assert [one.key for one in await items.asearch((), query="loud train")] == ["other", "k"]
    await items.aput(("a",), "other", {"text": "coffee train"}, index=False)
    assert [(one.key, one.score is None) for one in await items.asearch((), query="train")] == [
        ("k", False),
        ("other", True),
    ]


async def test_what_is_erased_or_deleted_leaves_the_index_at_once(store: Store) -> None:
    index = Exact()
    before = WeftStore(store, index=INDEX, vectors=index)
    for n in range(4):
        await before.aput(("a",), str(n), {"text": "tea", "more": [{"text": "city"}]})
    await before.asearch((), query="tea")
    space = "items/default/local"
    assert await index.count(space) == 8
    after = WeftStore(store, index=INDEX, vectors=index)  # another process: it has not searched yet
    await after.adelete(("a",), "0")
    assert await index.count(space) == 6
    assert await after.own.erase() == 3
    assert await index.count(space) == 0


def test_a_program_without_a_loop_uses_it(tmp_path: Path) -> None:
    store = asyncio.run(open_store(f"sqlite:///{tmp_path}/weft.db"))
    items: BaseStore = WeftStore(store, index=INDEX)
    items.put(("a",), "k", {"text": "tea"})
    assert items.search(("a",), query="tea")[0].value == {"text": "tea"}
    items.delete(("a",), "k")
    assert items.list_namespaces() == []
    asyncio.run(store.close())


async def test_threads_of_a_program_with_a_loop_use_it(items: WeftStore) -> None:
    def work(n: int) -> Any:
        items.put(("a",), str(n), {"text": WORDS[n]})
        return items.search(("a",), query=WORDS[n], limit=1)[0].key

    assert await asyncio.gather(*[asyncio.to_thread(work, n) for n in range(8)]) == [str(n) for n in range(8)]


async def test_langgraphs_engine_gives_it_to_its_nodes(tmp_path: Path) -> None:
    class Said(MessagesState):
        pass

    async def remembers(state: Said, *, store: BaseStore) -> Any:
        found = await store.asearch(("notes",), query="tea")
        await store.aput(("notes",), str(len(found)), {"text": state["messages"][-1].text})
        return {"messages": [("ai", f"{len(found)} before")]}

    for before in range(3):
        async with item_store(f"sqlite:///{tmp_path}/weft.db", index=INDEX) as items:
            graph = StateGraph(Said).add_node("remembers", remembers).add_edge(START, "remembers")
            built: Any = graph.add_edge("remembers", END).compile(store=items)
            said = await built.ainvoke({"messages": [("user", f"tea number {before}")]})
            assert said["messages"][-1].text == f"{before} before"


MADE: dict[str, Callable[[Store], Any]] = {
    "theirs in memory": lambda store: InMemoryStore(index=INDEX | {"fields": ["content"]}),
    "ours in memory": lambda store: OurInMemoryStore(index=INDEX | {"fields": ["content"]}),
    "theirs over ours": lambda store: WeftStore(store, index=INDEX | {"fields": ["content"]}),
    "durable": lambda store: DurableStore(store, index=INDEX | {"fields": ["content"]}, vectors=Exact()),
}


@pytest.mark.parametrize("kind", MADE)
async def test_an_agent_has_any_such_store_as_its_notebook(kind: str, tmp_path: Path) -> None:
    store = await open_store(f"sqlite:///{tmp_path}/items.db")
    items = MADE[kind](store)
    model = Scripted(
        [
            ToolCall(id="1", name="keep_item", arguments={"text": "Ada drinks warm tea"}),
            ToolCall(id="2", name="keep_item", arguments={"text": "Ada takes the train"}),
            ToolCall(id="3", name="search_items", arguments={"query": "tea", "limit": 1}),
            "Tea.",
            ToolCall(id="4", name="search_items", arguments={"query": "tea"}),
            "Nothing.",
        ]
    )
    agent = Agent("helper", model=model, tools=store_tools(items))
    async with App(store=f"sqlite:///{tmp_path}/weft.db", agents=[agent]) as app:
        await app.run(agent, "What do I drink?", thread="t", user="ada.l")
        told = [m for _, m in await app.messages(Scope("default"), "t") if m.role == "tool"]
        assert "Ada drinks warm tea" in str(told[-1].parts)
        assert "train" not in str(told[-1].parts)
        await app.run(agent, "And I?", thread="u", user="ada%2El")
        told = [m for _, m in await app.messages(Scope("default"), "u") if m.role == "tool"]
        assert "There are no notes." in str(told[-1].parts)
    assert [one.namespace for one in await items.asearch(())] == [("memories", "ada%2El")] * 2
    await store.close()


def notes(lg: Any) -> Any:
    """A graph that keeps what it hears."""

    def remembers(state: Any, *, store: Any) -> Any:
        found = store.search(("notes",), query="tea")
        store.put(("notes",), str(len(found)), {"text": state["messages"][-1].content})
        return {"messages": [("ai", f"{len(found)} before")]}

    return lg.StateGraph(lg.MessagesState).add_node("remembers", remembers).add_edge(lg.START, "remembers")


def test_a_program_of_langgraphs_keeps_its_items_in_a_file_after_a_change_of_imports(tmp_path: Path) -> None:
    import weft.langgraph as lg  # noqa: PLC0415
    from weft.langgraph.store.sqlite import SqliteStore  # noqa: PLC0415

    for before in range(3):
        with SqliteStore.from_conn_string(f"{tmp_path}/items.db", index=INDEX) as items:
            items.setup()
            built = notes(lg).compile(store=items)
            said = built.invoke({"messages": [("user", f"tea number {before}")]})
            assert said["messages"][-1].content == f"{before} before"


async def test_and_in_postgresql(postgres_url: str) -> None:
    from weft.langgraph.store.postgres.aio import AsyncPostgresStore  # noqa: PLC0415

    for before in range(2):
        async with AsyncPostgresStore.from_conn_string(postgres_url, index=INDEX) as items:
            await items.setup()
            assert len(await items.asearch(("a",), query="tea")) == before
            await items.aput(("a",), str(before), {"text": "tea"})
