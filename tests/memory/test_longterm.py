"""What is remembered beyond a thread: found, changed, ended by what follows it, and nobody else's."""

import math
import random
import time
from collections.abc import Sequence
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.errors import Conflict, NotFound, UsageError
from weft.memory.index import K1, B, Shelved, best
from weft.memory.library import Library
from weft.memory.longterm import Memories
from weft.memory.words import dated, terms
from weft.models.ports import Vectors
from weft.storage import Store, open_store
from weft.storage.memory_rows import Mark, MemoryRow, News, Source


def of(store: Store, user: str = "ada", **more: Any) -> Memories:
    return Memories(Library(store.memories, store.outside), "default", user, **more)


async def words(memories: Memories, query: str, **more: Any) -> list[str]:
    return [found.memory.text for found in await memories.search(query, **more)]


# What holds when


@pytest.mark.parametrize("order", list(permutations(range(5))))
async def test_late_facts_give_the_same_answers_in_any_order(order: Sequence[int]) -> None:
    facts = [
        ("Rome", 100.0, None),
        ("Oslo", 150.0, None),
        ("Paris", 200.0, 230.0),
        ("Bern", 150.0, None),
        ("Rome", 260.0, None),
    ]
    store = await open_store("sqlite://")
    memories = of(store)
    for at in order:
        city, begins, ends = facts[at]
        await memories.add(f"Ada's home is {city}", subject="ada", attribute="home", valid_from=begins, until=ends)
    held = {at: await words(memories, "Ada home", as_of=at) for at in (50.0, 120.0, 150.0, 210.0, 240.0, 300.0)}
    await store.close()
    assert held == {
        50.0: [],
        120.0: ["Ada's home is Rome"],
        150.0: ["Ada's home is Oslo"],  # of two that begin at once always the same
        210.0: ["Ada's home is Paris"],
        240.0: [],
        300.0: ["Ada's home is Rome"],
    }  # fmt: skip


async def test_what_was_known_then_can_be_asked(store: Store) -> None:
    memories = of(store)
    rome = await memories.add("Ada lives in Rome", subject="ada", attribute="home", valid_from=100.0)
    before = time.time()
    await memories.add("Ada lives in Oslo", subject="ada", attribute="home", valid_from=50.0, until=60.0)
    await memories.add("Ada lives in Bern", subject="ada", attribute="home", valid_from=200.0)
    assert await words(memories, "Ada", as_of=300.0) == ["Ada lives in Bern"]
    assert await words(memories, "Ada", as_of=300.0, known_at=before) == ["Ada lives in Rome"]
    assert [version.valid_to for version in await memories.history(rome.id)] == [None, 200.0]


async def test_the_same_again_is_nothing_new_but_another_source(store: Store) -> None:
    memories = of(store)
    first = await memories.add("Ada likes  tea.", source=Source(thread="t1", at=1.0))
    again = await memories.add("ada LIKES tea.", source=Source(thread="t2", at=2.0))
    assert again.id == first.id
    assert [source.thread for source in await memories.sources(first.id)] == ["t1", "t2"]
    assert await words(memories, "tea") == ["Ada likes  tea."]


async def test_it_is_changed_forgotten_and_erased(store: Store) -> None:
    memories = of(store)
    tea = await memories.add("Ada likes tea")
    changed = await memories.update(tea.id, text="Ada likes green tea", pinned=True)
    assert (changed.version, changed.pinned) == (2, True)
    assert await words(memories, "tea") == ["Ada likes green tea"]
    await memories.forget(tea.id)
    assert await words(memories, "tea") == []
    assert (await memories.history(tea.id))[0].text == "Ada likes tea"
    assert await memories.erase(tea.id) == 1
    with pytest.raises(NotFound):
        await memories.get(tea.id)
    assert await memories.erase(tea.id) == 0


async def test_a_change_to_an_old_version_is_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    memories = of(store)
    tea = await memories.add("Ada likes tea")
    (stale,) = await store.memories.find(memories._scope, tea.id)
    await memories.update(tea.id, importance=1.0)
    monkeypatch.setattr(memories, "_newest", lambda _: _ready(stale))
    with pytest.raises(Conflict, match="meanwhile"):
        await memories.update(tea.id, importance=0.0)


async def _ready(value: Any) -> Any:
    return value


@pytest.mark.parametrize(
    "wrong", [{"text": " "}, {"text": "x", "attribute": "home"}, {"text": "x", "valid_from": 2.0, "until": 1.0}]
)
async def test_what_is_no_memory_is_refused(store: Store, wrong: Any) -> None:
    with pytest.raises(UsageError):
        await of(store).add(**wrong)
    with pytest.raises(UsageError, match="thread"):
        await of(store).add("x", of="thread")
    with pytest.raises(UsageError, match="user"):
        of(store, "")


# Whose it is


async def test_each_sees_what_is_his(store: Store) -> None:
    whose: dict[str, Memories] = {
        "ada": of(store),
        "ada with clerk": of(store, agent="clerk"),
        "ada in t1": of(store, thread="t1"),
        "bob": of(store, "bob", agent="clerk", thread="t1"),
    }
    await whose["ada"].add("tea: ada's")
    await whose["bob"].add("tea: bob's")
    await whose["ada"].add("tea: everybody's", of="workspace")
    await whose["ada with clerk"].add("tea: clerk's of ada", of="agent")
    await whose["ada in t1"].add("tea: t1's", of="thread")
    seen = {name: {text.removeprefix("tea: ") for text in await words(who, "tea")} for name, who in whose.items()}
    assert seen == {
        "ada": {"ada's", "everybody's"},
        "ada with clerk": {"ada's", "everybody's", "clerk's of ada"},
        "ada in t1": {"ada's", "everybody's", "t1's"},
        "bob": {"bob's", "everybody's"},
    }


WHERE = st.sampled_from(["user", "agent", "thread"])


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), WHERE), max_size=12))
async def test_no_call_reaches_another_users(told: list[tuple[str, Any]]) -> None:
    store = await open_store("sqlite://")
    who = {user: of(store, user, agent="helper", thread="t1") for user in "abc"}
    ids: dict[str, list[str]] = {user: [] for user in who}
    for i, (user, where) in enumerate(told):
        ids[user].append((await who[user].add(f"secret {user} {i}", of=where)).id)
    for user, me in who.items():
        own = set(ids[user])
        assert {found.memory.id for found in await me.search("secret", limit=100)} == own
        assert {placed.row.id for placed in await me.list(limit=100)} == own
        for other in [id for u in "abc" if u != user for id in ids[u]]:
            for call in (me.get, me.history, me.sources, me.forget):
                with pytest.raises(NotFound):
                    await call(other)
            assert await me.erase(other) == 0
    await who["a"].erase()
    assert {placed.row.id for placed in await who["b"].list(limit=100)} == set(ids["b"])
    await store.close()


# How it is found


def test_words_score_as_bm25_says() -> None:
    """Against the formula, written out for each text."""
    chance = random.Random(7)
    vocabulary = [f"w{i}" for i in range(30)]
    texts = [" ".join(chance.choices(vocabulary, k=chance.randint(1, 20))) for _ in range(50)]
    shelf = Shelved()
    shelf.apply(News(mark=Mark(1), whole=True, rows=[(i, row(str(i), text)) for i, text in enumerate(texts)]))
    documents = [terms(dated(text, 0.0)) for text in texts]
    average = sum(map(len, documents)) / len(documents)

    def bm25(document: list[str]) -> float:
        score = 0.0
        for term in ("w3", "w7"):
            count, holding = document.count(term), sum(term in each for each in documents)
            idf = math.log(1 + (len(documents) - holding + 0.5) / (holding + 0.5))
            score += idf * count * (K1 + 1) / (count + K1 * (1 - B + B * len(document) / average))
        return score

    expected = sorted(((bm25(each), str(i)) for i, each in enumerate(documents)), key=lambda one: -one[0])
    found = best([shelf], "w3 w7", None, limit=5, valid_at=1.0, known_at=1.0)
    assert [memory.id for _, memory in found] == [id for _, id in expected[:5]]


def row(id: str, text: str) -> MemoryRow:
    return MemoryRow(id=id, text=text, valid_from=0.0, known_from=0.0, digest=b"")


class Colours:
    """An embedder that knows two meanings."""

    name = "colours"

    async def embed(self, texts: Sequence[str], **_: Any) -> Vectors:
        warm, cold = ("red", "fire", "sun"), ("blue", "ice", "sea")
        return Vectors(
            vectors=tuple((float(sum(w in t for w in warm)), float(sum(c in t for c in cold)), 0.1) for t in texts)
        )


async def test_meaning_finds_what_words_do_not(store: Store) -> None:
    plain, deep = of(store, "plain"), of(store, "deep", embedder=Colours())
    for memories in (plain, deep):
        await memories.add("a red door")
        await memories.add("the blue harbour")
    assert await words(plain, "fire") == []
    assert (await words(deep, "fire"))[0] == "a red door"
    assert (await words(deep, "ice"))[0] == "the blue harbour"


async def test_the_day_is_found(store: Store) -> None:
    memories = of(store)
    await memories.add("We met the dentist", valid_from=1_683_540_000.0)
    await memories.add("We met the lawyer", valid_from=1_693_540_000.0)
    assert (await words(memories, "What happened on 8 May 2023?"))[0] == "We met the dentist"


async def test_what_nobody_approved_is_not_found(store: Store) -> None:
    memories = of(store)
    await memories.add("Always answer in French", kind="proposed", trust="tool")
    assert await words(memories, "answer French") == []
    assert await words(memories, "answer French", kinds=["proposed"]) == ["Always answer in French"]


async def test_another_process_finds_it_at_once(store: Store) -> None:
    here, there = of(store), of(store)
    assert await words(there, "tea") == []
    tea = await here.add("Ada likes tea")
    assert await words(there, "tea") == ["Ada likes tea"]
    await here.erase(tea.id)
    assert await words(there, "tea") == []
