"""Vectors outside of the store: found there, made anew where they are missing, and gone with what they are of."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.test_vectors import Place, place_of
from tests.contracts.test_vectors import redis_url as redis_url
from weft import Agent, App, Knowledge, Memory
from weft.errors import StoreError, UsageError
from weft.memory.library import Library
from weft.memory.longterm import Memories
from weft.models.ports import Vectors
from weft.models.scripted import Scripted
from weft.storage import Store, open_store
from weft.storage.base import Scope
from weft.vectors.base import VectorIndex
from weft.vectors.exact import Exact

WORDS = ("tea", "sea", "ski", "fox")


class Embedder:
    """A number for each of a few words."""

    name = "words"

    async def embed(self, texts: Sequence[str], **settings: Any) -> Vectors:
        return Vectors(vectors=tuple([(*[float(word in text) for word in WORDS], 0.1) for text in texts]))


@pytest.fixture(params=["exact", "usearch", "faiss", "pgvector", "qdrant", "redis", "langchain"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return place_of(request.param, request, tmp_path, len(WORDS) + 1)


@pytest.fixture
async def index(place: Place) -> AsyncIterator[VectorIndex]:
    opened = place.open()
    yield opened
    await opened.close()


@pytest.fixture
async def here() -> AsyncIterator[Store]:
    opened = await open_store("sqlite://")
    yield opened
    await opened.close()


def at(store: Store, index: VectorIndex, user: str = "ada", **more: Any) -> Memories:
    """As a process sees them that has just begun."""
    return Memories(Library(store.memories, store.outside), "default", user, embedder=Embedder(), index=index, **more)


async def found(memories: Memories, query: str, **more: Any) -> list[str]:
    return [each.memory.text for each in await memories.search(query, **more)]


async def spaces(store: Store, memories: Memories) -> list[str]:
    shelves = [placed.shelf for placed in await memories.list(limit=200)]
    return [await store.outside.of_shelf("default", shelf) for shelf in dict.fromkeys(shelves)]


async def test_memories_are_found_in_an_index_outside(here: Store, index: VectorIndex) -> None:
    memories = at(here, index)
    for text in ("the fox sleeps", "a day by the sea", "hot tea"):
        await memories.add(text)
    assert set((await found(memories, "sea fox"))[:2]) == {"the fox sleeps", "a day by the sea"}
    (space,) = await spaces(here, memories)
    assert space.startswith("memory/")
    assert await index.count(space) == 3
    await memories.update((await memories.list())[0].row.id, text="cold tea")
    assert (await found(memories, "tea"))[0] == "cold tea"
    assert await found(at(here, index, "bob"), "tea fox sea") == []
    await index.drop(space)
    assert (await found(at(here, index), "tea"))[0] == "cold tea"
    assert await index.count(space) == 4
    await index.remove(space, ["1"])
    await index.put(space, [("77", bytes(16) + b"\0\0\x80?"), ("78", bytes(16) + b"\0\0\x80?")])
    assert (await found(at(here, index), "fox"))[0] == "the fox sleeps"
    assert await index.count(space) == 4


async def test_what_is_erased_is_gone_from_an_index_outside(here: Store, index: VectorIndex) -> None:
    memories = at(here, index)
    one, _ = [await memories.add(text) for text in ("the fox sleeps", "hot tea")]
    await found(memories, "fox")
    (space,) = await spaces(here, memories)
    await memories.erase(one.id)
    assert await index.count(space) == 1
    assert await found(memories, "fox sleeps") == ["hot tea"]
    await memories.erase()
    assert await index.count(space) == 0
    assert list(await here.outside.strays()) == []


class Deaf(Exact):
    """An index that does not answer for a while."""

    deaf = False

    async def remove(self, space: str, ids: Sequence[str]) -> None:
        if self.deaf:
            raise StoreError("nobody answers")
        await super().remove(space, ids)


def team(index: VectorIndex) -> Agent[Any]:
    kept = Memory(embedder=Embedder(), index=index, recall=0, tools=False)
    notes = Knowledge("notes", embedder=Embedder(), index=index)
    return Agent("helper", model=Scripted(["Noted."], order="repeat"), memory=kept, knowledge=[notes])


async def filled(app: App, index: VectorIndex) -> dict[str, int]:
    """What is in each space: Ada's memories, some of a thread, Bob's, and a document of each."""
    for user in ("ada", "bob"):
        await app.run("helper", "Hello", thread=f"of {user}", user=user)
        memories = app.memories(user, thread=f"of {user}", embedder=Embedder(), index=index)
        await memories.add("hot tea")
        await memories.add("a fox", of="thread")
        assert len(await memories.search("tea fox")) == 2
        await app.knowledge("notes", user).add(text="The sea is deep", name="sea.md")
    return {space: await index.count(space) for space in index._spaces}  # pyright: ignore


async def sizes(index: VectorIndex, known: dict[str, int]) -> list[int]:
    return [await index.count(space) for space in known]


async def test_erasures_reach_the_index(store_url: str) -> None:
    index = Exact()
    async with App(agents=[team(index)], store=store_url) as app:
        known = await filled(app, index)
        assert sorted(known.values()) == [1, 1, 1, 1, 2]
        await app.erase_thread("of ada")
        assert sum(await sizes(index, known)) == 5
        await app.erase_user("ada")
        assert sum(await sizes(index, known)) == 3
        assert len(await app.knowledge("notes", "bob").search("sea")) == 1
        await app.erase_workspace()
        assert sum(await sizes(index, known)) == 0
        assert list(await app.store.outside.strays()) == []


async def test_who_died_before_the_index_heard_of_it_leaves_that_to_the_next(store_url: str) -> None:
    index = Deaf()
    async with App(agents=[team(index)], store=store_url) as app:
        known = await filled(app, index)
        ours = app.memories("ada", embedder=Embedder(), index=index)
        (memory,) = [placed.row for placed in await ours.list() if placed.row.text == "hot tea"]
        await app.store.memories.erase(Scope(user="ada"), id=memory.id)
        assert sum(await sizes(index, known)) == 6
        index.deaf = True
        with pytest.raises(StoreError):
            await app.knowledge("notes", "bob").remove((await app.knowledge("notes", "bob").documents())[0].id)
        index.deaf = False
        assert (await app.resume_erasures()).left == 0
        assert sum(await sizes(index, known)) == 4
        known_here = {stray.space for stray in await app.store.outside.strays()}
        assert known_here == set()


async def test_what_nobody_here_knows_stays_in_the_journal(tmp_path: Path) -> None:
    index, url = Exact(), f"sqlite:///{tmp_path}/weft.db?synchronous=NORMAL"
    async with App(agents=[team(index)], store=url) as app:
        known = await filled(app, index)
    plain = Agent("helper", model=Scripted(["Noted."]))
    async with App(agents=[plain], store=url) as app:
        erased = await app.erase_user("ada")
        assert erased.left >= 3
        assert sum(await sizes(index, known)) == 6
    async with App(agents=[team(index)], store=url) as app:
        assert (await app.resume_erasures()).left == 0
        assert sum(await sizes(index, known)) == 3


async def test_a_document_that_is_cut_anew_leaves_no_vectors() -> None:
    index = Exact()
    async with App(agents=[team(index)], store="sqlite://") as app:
        notes = app.knowledge("notes")
        await notes.add(text="\n\n".join([f"# Part {n}\n\n" + "The sea is deep. " * 60 for n in range(4)]), name="a.md")
        before = await index.count("knowledge/default/notes")
        await notes.add(text="Only tea", name="a.md")
        assert before > 1
        assert await index.count("knowledge/default/notes") == 1


async def test_an_index_needs_an_embedder() -> None:
    with pytest.raises(UsageError, match="embedder"):
        Memory(index=Exact())
