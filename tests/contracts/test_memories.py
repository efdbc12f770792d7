"""What every store promises of memories: versions, revisions, scopes, and nothing left of what is erased."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.conftest import Open
from weft.errors import NotFound
from weft.memory.longterm import Memories
from weft.memory.remembering import library
from weft.storage import Store
from weft.storage.base import Scope
from weft.storage.belonging_rows import Subject
from weft.storage.memory_rows import Mark, MemoryRow, Shelf, Source

ADA, BOB = Shelf(user="ada"), Shelf(user="bob")


def row(id: str, text: str = "words", **fields: Any) -> MemoryRow:
    fields.setdefault("digest", text.encode())
    return MemoryRow(id=id, text=text, **{"valid_from": 1.0, "known_from": 2.0, **fields})


async def put(store: Store, shelf: Shelf, *rows: MemoryRow, workspace: str = "default", source: Any = None) -> None:
    for each in rows:
        await store.memories.write(workspace, shelf, lambda _, each=each: [each], digest=each.digest, source=source)


async def test_every_field_comes_back(store: Store) -> None:
    full = row(
        "m1",
        kind="procedural",
        subject="ada",
        attribute="home",
        valid_to=9.5,
        until=9.75,
        expires_at=11.0,
        trust="tool",
        importance=0.25,
        pinned=True,
        vector=b"\x00\x01",
        embedder="e",
    )
    await put(store, ADA, full)
    (found,) = await store.memories.find(Scope(user="ada"), "m1")
    assert (found.row, found.shelf) == (full, ADA)


async def test_a_new_version_ends_what_was_known(store: Store) -> None:
    await put(store, ADA, row("m1", "old"), row("m1", "new", version=2, known_from=5.0))
    old, new = [placed.row for placed in await store.memories.find(Scope(user="ada"), "m1")]
    assert (old.text, old.known_to, new.text, new.known_to) == ("old", 5.0, "new", None)
    assert [placed.row.text for placed in await store.memories.list(Scope(user="ada"))] == ["new"]


async def test_a_decision_sees_what_it_is_about(store: Store) -> None:
    seen: list[set[str]] = []

    def decide(known: Sequence[MemoryRow]) -> Sequence[MemoryRow]:
        seen.append({each.id for each in known})
        return []

    await put(store, ADA, row("same"), row("home", "h", subject="ada", attribute="home"), row("other", "o"))
    await put(store, BOB, row("bobs"))
    write = store.memories.write
    await write("default", ADA, decide, digest=b"words")
    await write("default", ADA, decide, digest=b"x", about=("ada", "home"))
    await write("default", ADA, decide, id="other")
    assert seen == [{"same"}, {"home"}, {"other"}]


async def test_news_are_what_was_written_after_a_mark(store: Store) -> None:
    empty = await store.memories.news("default", ADA, Mark())
    assert (list(empty.rows), empty.mark) == ([], Mark())
    await put(store, ADA, row("m1"))
    first = await store.memories.news("default", ADA, Mark())
    await put(store, ADA, row("m1", version=2, known_from=3.0), row("m2"))
    later = await store.memories.news("default", ADA, first.mark)
    assert not later.whole
    assert [(each.id, each.version, each.known_to) for _, each in later.rows] == [
        ("m1", 1, 3.0),
        ("m1", 2, None),
        ("m2", 1, None),
    ]
    assert list((await store.memories.news("default", ADA, later.mark)).rows) == []
    await store.memories.erase(Scope(user="ada"), id="m1")
    whole = await store.memories.news("default", ADA, later.mark)
    assert whole.whole
    assert [each.id for _, each in whole.rows] == ["m2"]


async def test_news_come_in_parts_that_split_no_writing(store: Store) -> None:
    for n in range(3):
        both = [row(f"a{n}", f"a{n}"), row(f"b{n}", f"b{n}")]
        await store.memories.write("default", ADA, lambda known, both=both: [*known, *both])  # about nothing: none
    mark, parts = Mark(), list[list[str]]()
    while (news := await store.memories.news("default", ADA, mark, 3)).rows:
        assert news.whole is (not mark.revision)
        parts.append([each.id for _, each in news.rows])
        assert news.more is (len(parts) < 3)
        mark = news.mark
    assert parts == [["a0", "b0"], ["a1", "b1"], ["a2", "b2"]]
    one = await store.memories.news("default", ADA, Mark(), 1)
    assert [each.id for _, each in one.rows][:2] == ["a0", "b0"]


async def test_who_comes_back_under_an_erased_name_is_another_to_readers(store: Store) -> None:
    await put(store, ADA, row("old"))
    first = await store.memories.news("default", ADA, Mark())
    erasure = await store.belongings.begin(Subject("default", "user", "ada"))
    while erasure is not None:
        erasure = await store.belongings.step(erasure)
    await put(store, ADA, row("new", "n"))
    news = await store.memories.news("default", ADA, first.mark)
    assert (news.whole, [each.id for _, each in news.rows]) == (True, ["new"])


async def test_nobody_sees_anothers(store: Store) -> None:
    everybody = Shelf()
    await put(store, ADA, row("ada"))
    await put(store, everybody, row("all"))
    await put(store, ADA, row("elsewhere"), workspace="other")
    for scope, seen in (
        (Scope(user="ada"), {"ada"}),
        (Scope(user="bob"), set[str]()),
        (Scope(), {"ada", "all"}),
        (Scope("other"), {"elsewhere"}),
        (Scope("nowhere"), set[str]()),
    ):
        assert {placed.row.id for placed in await store.memories.list(scope)} == seen
        for id in {"ada", "all", "elsewhere"} - seen:
            with pytest.raises(NotFound):
                await store.memories.find(scope, id)
            assert not await store.memories.sources(scope, id)
            assert await store.memories.erase(scope, id=id) == 0
    assert not (await store.memories.news("default", BOB, Mark())).rows


async def test_pages_and_kinds(store: Store) -> None:
    await put(store, ADA, *[row(f"m{i}", str(i), kind="profile" if i % 2 else "semantic") for i in range(5)])
    scope = Scope(user="ada")
    first = await store.memories.list(scope, limit=2)
    rest = await store.memories.list(scope, after=first[-1].n)
    assert [placed.row.id for placed in (*first, *rest)] == ["m4", "m3", "m2", "m1", "m0"]
    assert [placed.row.id for placed in await store.memories.list(scope, kind="profile")] == ["m3", "m1"]


async def test_what_is_heard_twice_has_two_sources(store: Store) -> None:
    here, there = Source(thread="t1", message=3, run="r1", at=1.0), Source(thread="t2", message=1, run="r2", at=2.0)
    await put(store, ADA, row("m1"), source=here)
    for _ in range(2):
        await store.memories.write("default", ADA, lambda _: [], digest=b"words", source=there)
    assert list(await store.memories.sources(Scope(user="ada"), "m1")) == [here, there]


async def test_a_thread_takes_with_it_what_only_it_knew(store: Store) -> None:
    here, there = Source(thread="t1", at=1.0), Source(thread="t2", at=2.0)
    await put(store, ADA, row("only", "only"), row("both", "both"), source=here)
    await put(store, Shelf(user="ada", thread="t1"), row("lies there", "lies"))
    await put(store, ADA, row("by hand", "hand"))
    await put(store, BOB, row("bobs", "bobs"), source=here)
    await store.memories.write("default", ADA, lambda _: [], digest=b"both", source=there)
    assert await store.memories.erase(Scope(user="ada"), thread="t1") == 2
    assert {placed.row.id for placed in await store.memories.list(Scope())} == {"both", "by hand", "bobs"}
    assert list(await store.memories.sources(Scope(), "both")) == [there]


async def test_a_user_is_erased(store: Store) -> None:
    await put(store, ADA, row("m1"), row("m1", version=2, known_from=3.0), row("m2", "two"))
    await put(store, BOB, row("bobs"))
    assert await store.memories.erase(Scope(user="ada")) == 2
    assert {placed.row.id for placed in await store.memories.list(Scope())} == {"bobs"}


async def test_no_bytes_are_left(open_shared: Open, shared_url: str, tmp_path: Path) -> None:
    if not shared_url.startswith("sqlite"):
        pytest.skip("a server's files are its own")
    store = await open_shared()
    await put(store, ADA, row("m1", "the word is XYLOPHONE"), row("m1", "XYLOPHONE", version=2))
    await store.memories.erase(Scope(user="ada"))
    assert not [file for file in tmp_path.glob("weft.db*") if b"XYLOPHONE" in file.read_bytes()]


async def test_writers_at_once_take_turns(open_shared: Open) -> None:
    stores = [await open_shared() for _ in range(2)]

    def count(known: Sequence[MemoryRow]) -> Sequence[MemoryRow]:
        old = known[0] if known else row("m1", "n", version=0)
        return [replace(old, version=old.version + 1, known_from=float(old.version + 1))]

    told = [stores[i % 2].memories.write("default", ADA, count, id="m1") for i in range(20)]
    await asyncio.gather(*told)
    versions = [placed.row.version for placed in await stores[0].memories.find(Scope(user="ada"), "m1")]
    assert versions == list(range(1, 21))
    assert (await stores[1].memories.news("default", ADA, Mark())).mark.revision == 20


async def test_the_number_of_what_is_gone_is_given_to_nothing_else(store: Store) -> None:
    memories = Memories(library(store), "default", "ada")
    await memories.add("Ada likes tea")
    (placed,) = await memories.list()
    await memories.erase()
    await memories.add("Ada likes cake")
    assert (await memories.list())[0].n > placed.n
