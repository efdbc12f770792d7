"""What every store promises of documents: who may read them, who works on them, and nothing left of what is gone."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.conftest import Open
from weft.errors import Fenced, NotFound
from weft.storage import Store, open_store
from weft.storage.base import Scope
from weft.storage.knowledge_rows import DocumentRow, NewDocument, PieceRow, Reader, State

ADA, BOB, ALL = Reader(user="ada"), Reader(user="bob"), Reader()
WS = "default"


def new(name: str = "a.md", body: bytes = b"# Tea", **fields: Any) -> NewDocument:
    return NewDocument(**{"collection": "handbook", "name": name, "body": body, **fields})


def piece(text: str, start: int = 0, **fields: Any) -> PieceRow:
    return PieceRow(**{"text": text, "start": start, "digest": text.encode(), **fields})


async def indexed(store: Store, reader: Reader, document: NewDocument, *texts: str) -> DocumentRow:
    """A document with these pieces, ready."""
    row, _ = await store.documents.put(reader, document)
    taken = await store.indexing.take(reader.workspace, 60)
    assert taken is not None
    assert taken.n == row.n
    await store.indexing.cut(replace(taken, made=b"made"), [piece(text, at) for at, text in enumerate(texts)], None)
    await store.indexing.end(taken)
    return await store.documents.get(reader, row.id)


async def pieces(store: Store, row: DocumentRow) -> list[PieceRow]:
    """All of a document."""
    reader = Reader("other") if row.name == "other" else ALL
    return list(await store.documents.around(reader, row.id, 0, 2**40))


async def texts(store: Store, reader: Reader, numbers: list[int]) -> set[str]:
    return {row.text for row, _ in await store.documents.pieces(reader, numbers)}


async def test_every_field_comes_back(store: Store) -> None:
    facts = {"year": 2024, "tags": ["a", "\N{BLACK CHESS KNIGHT}"], "done": True, "share": 0.5}
    said = {"mime": "text/markdown", "origin": "/docs/a.md", "facts": facts, "readers": ("role:staff", "user:bob")}
    row, fresh = await store.documents.put(ADA, new(recipe="r", **said))
    assert fresh
    assert (row.user, row.collection, row.name, row.status, row.size, row.recipe) == (
        *("ada", "handbook", "a.md", "waiting", 5, "r"),
    )
    assert (row.mime, row.origin, dict(row.facts), row.readers) == tuple(said.values())
    assert await store.documents.get(ADA, row.id) == row
    assert (await store.blobs.get(Scope(WS), row.sha256.hex()))[0] == b"# Tea"
    taken = await store.indexing.take(WS, 60)
    assert taken is not None
    told = {"kind": "markdown", "title": "Tea", "pages": 3, "more": "some", "made": b"m"}
    given = [piece("one", 1, page=2, context="Tea > Green"), piece("two", 9)]
    await store.indexing.cut(replace(taken, **told), given, "e", b"terms")
    await store.indexing.embed(taken, [((await store.indexing.bare(taken, 1))[0].n, b"1234")], "e", 60)
    await store.indexing.end(taken)
    found = await store.documents.get(ADA, row.id)
    assert {name: getattr(found, name) for name in told} == told
    assert (found.pieces, found.embedded, found.status) == (2, 1, "ready")
    one, two = await pieces(store, row)
    assert (one, two) == tuple(replace(each, n=n.n, document=row.n) for each, n in zip(given, (one, two), strict=True))
    assert await store.indexing.load(row.n) == (b"terms", [(one.n, b"1234"), (two.n, None)])
    assert await store.indexing.load(row.n, vectors=False) == (b"terms", [(one.n, None), (two.n, None)])


async def test_the_same_again_is_not_new(store: Store) -> None:
    row = await indexed(store, ADA, new(recipe="r"), "a")
    same, fresh = await store.documents.put(ADA, new(recipe="r"))
    assert (same, fresh) == (row, False)
    assert not (await store.documents.put(ADA, new()))[1]
    said, fresh = await store.documents.put(ADA, new(facts={"year": 1}))
    assert (said.id, said.status, fresh) == (row.id, "ready", True)
    assert await store.indexing.waiting(WS) == 0
    for changed in (new(recipe="other"), new(body=b"# Coffee", recipe="other")):
        again, fresh = await store.documents.put(ADA, changed)
        assert (again.id, again.status, fresh) == (row.id, "waiting", True)
        await store.indexing.end(await taken(store))
    with pytest.raises(NotFound):
        await store.blobs.get(Scope(WS), row.sha256.hex())
    others, _ = await store.documents.put(BOB, new())
    assert others.id != row.id


async def taken(store: Store) -> DocumentRow:
    found = await store.indexing.take(WS, 60)
    assert found is not None
    return found


async def test_who_may_read(store: Store) -> None:
    mine = await indexed(store, ADA, new("mine"), "mine")
    bobs = await indexed(store, ADA, new("bobs", readers=("user:bob",)), "bobs")
    staff = await indexed(store, ADA, new("staff", readers=("role:staff",)), "staff")
    public = await indexed(store, ALL, new("public", readers=("*",)), "public")
    other = await indexed(store, Reader("other"), new("other", readers=("*",)), "other")
    documents = [mine, bobs, staff, public, other]
    numbers = [row.n for each in documents for row in await pieces(store, each)]
    seen = {
        ADA: {"mine", "bobs", "staff", "public"},
        ALL: {"mine", "bobs", "staff", "public"},
        BOB: {"bobs", "public"},
        Reader(user="eve", roles=("staff", "role:x")): {"staff", "public"},
        Reader(user="*"): {"public"},
        Reader(user="staff"): {"public"},
        Reader(user=""): {"public"},
        Reader("other", "ada"): {"other"},
        Reader("third"): set[str](),
    }
    for reader, expected in seen.items():
        assert await texts(store, reader, numbers) == expected, reader
        assert {row.name for row in await store.documents.list(reader, "handbook")} == expected
        readable = await store.documents.readable(reader, "handbook")
        assert {row.name for row in documents if row.n in readable} == expected
        assert sum([each.documents for each in await store.documents.collections(reader)]) == len(expected)
        for row in documents:
            if row.name in expected:
                assert (await store.documents.around(reader, row.id, 0, 10))[0].text == row.name
            else:
                with pytest.raises(NotFound):
                    await store.documents.get(reader, row.id)
                with pytest.raises(NotFound):
                    await store.documents.around(reader, row.id, 0, 10)
    for row, reader in ((bobs, BOB), (public, ADA), (mine, Reader("other"))):
        with pytest.raises(NotFound):
            await store.documents.remove(reader, row.id)
    await store.documents.put(ADA, new("bobs", readers=()))
    assert await texts(store, BOB, numbers) == {"public"}


_NAMES = st.sampled_from(["ada", "bob", "eve", "*", "user:bob", "role:staff", "staff", "", "a' OR '1'='1"])


@given(
    owners=st.lists(_NAMES, min_size=1, max_size=4),
    invited=st.lists(st.lists(_NAMES.filter(bool), max_size=3), min_size=4, max_size=4),
    asks=_NAMES,
    roles=st.lists(_NAMES.filter(bool), max_size=2),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_nobody_reads_what_is_not_for_him(
    owners: list[str], invited: list[list[str]], asks: str, roles: list[str]
) -> None:
    store = await open_store("sqlite://")
    try:
        reader = Reader(user=asks, roles=tuple(roles))
        expected: set[str] = set()
        numbers: list[int] = []
        for at, owner in enumerate(owners):
            row = await indexed(store, Reader(user=owner), new(f"d{at}", readers=tuple(invited[at])), f"d{at}")
            numbers += [each.n for each in await pieces(store, row)]
            if owner == asks or {"*", f"user:{asks}", *[f"role:{role}" for role in roles]} & set(invited[at]):
                expected.add(f"d{at}")
        assert await texts(store, reader, numbers) == expected
        assert {row.name for row in await store.documents.list(reader, "handbook")} == expected
    finally:
        await store.close()


async def test_pieces_that_stay_keep_their_numbers_and_vectors(store: Store) -> None:
    row, _ = await store.documents.put(ADA, new())
    first = await taken(store)
    await store.indexing.cut(replace(first, made=b"1"), [piece(f"t{at}", at) for at in range(70)], "e")
    await store.indexing.embed(first, [(each.n, b"v") for each in await store.indexing.bare(first, 100)], "e", 60)
    before = {each.text: each for each in await pieces(store, row)}
    kept = [piece("new", 0), *[piece(f"t{at}", at + 10) for at in range(5, 70)]]
    await store.indexing.cut(replace(first, made=b"2"), kept, "e")
    after = await pieces(store, row)
    assert [each.text for each in after] == [each.text for each in kept]
    assert [each.n for each in after[1:]] == [before[each.text].n for each in after[1:]]
    assert [each.text for each in await store.indexing.bare(first, 100)] == ["new"]
    assert (await store.documents.get(ADA, row.id)).embedded == 65
    await store.indexing.cut(replace(first, made=b"3"), kept, "another")
    assert len(await store.indexing.bare(first, 100)) == 66
    twice = [piece("t5", 0), piece("t5", 5)]
    await store.indexing.cut(replace(first, made=b"4"), twice, "e")
    assert [each.start for each in await pieces(store, row)] == [0, 5]


async def test_who_lost_it_writes_nothing(store: Store) -> None:
    row, _ = await store.documents.put(ADA, new())
    first = await store.indexing.take(WS, 0.0)
    assert first is not None
    await asyncio.sleep(0.02)
    second = await taken(store)
    assert (second.n, second.fence, second.tries) == (first.n, first.fence + 1, 2)
    assert await store.indexing.take(WS, 60) is None
    assert await store.indexing.take("other", 60) is None
    for work in (
        store.indexing.keep(first, 60),
        store.indexing.cut(replace(first, made=b"x"), [piece("x")], None),
        store.indexing.embed(first, [], "e", 60),
    ):
        with pytest.raises(Fenced):
            await work
    await store.indexing.end(first, error="late")
    await store.indexing.keep(second, 60)
    assert (await store.documents.get(ADA, row.id)).status == "reading"
    await store.documents.put(ADA, new(body=b"changed"))
    with pytest.raises(Fenced):
        await store.indexing.cut(second, [piece("old")], None)
    third = await taken(store)
    await store.indexing.end(third, error="busy", again=60.0)
    found = await store.documents.get(ADA, row.id)
    assert (found.status, found.error) == ("waiting", "busy")
    assert await store.indexing.take(WS, 60) is None
    assert await store.indexing.waiting(WS, "handbook") == 1
    assert await store.indexing.waiting(WS, "other") == 0


async def test_an_index_is_told_what_is_new(store: Store) -> None:
    nothing = await store.indexing.changes(WS, "handbook", State())
    assert (list(nothing.documents), nothing.state) == ([], State())
    one = await indexed(store, ADA, new("one"), "a")
    two = await indexed(store, ADA, new("two"), "b")
    first = await store.indexing.changes(WS, "handbook", State())
    assert {each.n for each in first.documents} == {one.n, two.n}
    assert not (await store.indexing.changes(WS, "handbook", first.state)).documents
    await store.documents.put(ADA, new("two", facts={"year": 1}))
    later = await store.indexing.changes(WS, "handbook", first.state)
    assert [(each.n, each.facts) for each in later.documents] == [(two.n, {"year": 1})]
    await store.documents.remove(ADA, one.id)
    gone = await store.indexing.changes(WS, "handbook", later.state)
    assert gone.alive == {two.n}
    assert not (await store.indexing.changes("other", "handbook", State())).documents


async def test_removing_leaves_nothing(store: Store) -> None:
    one = await indexed(store, ADA, new("one", b"shared"), "a")
    two = await indexed(store, BOB, new("two", b"shared"), "b")
    alone = await indexed(store, ADA, new("three", b"alone"), "c")
    await store.documents.remove(ADA, one.id)
    assert (await store.blobs.get(Scope(WS), one.sha256.hex()))[0] == b"shared"
    await store.documents.remove(ADA, alone.id)
    await store.documents.remove(ALL, two.id)
    for row in (one, two, alone):
        with pytest.raises(NotFound):
            await store.blobs.get(Scope(WS), row.sha256.hex())
        assert await store.indexing.load(row.n) == (b"", [])
    assert await store.documents.collections(ALL) == []


async def test_bytes_of_a_thread_stay(store: Store) -> None:
    await store.blobs.put(Scope(WS, "ada"), b"both", "text/plain")
    row = await indexed(store, ADA, new("one", b"both"), "a")
    await store.documents.remove(ADA, row.id)
    assert (await store.blobs.get(Scope(WS), row.sha256.hex()))[0] == b"both"


async def test_no_bytes_are_left_in_the_file(tmp_path: Path) -> None:
    store = await open_store(f"sqlite:///{tmp_path}/weft.db")
    row = await indexed(store, ADA, new("secret.md", b"The code is 74656"), "The code is 74656")
    await store.documents.remove(ADA, row.id)
    await store.close()
    for path in tmp_path.iterdir():
        assert b"74656" not in path.read_bytes(), path
        assert b"secret.md" not in path.read_bytes(), path


async def test_two_put_the_same_at_once(open_shared: Open) -> None:
    stores = [await open_shared(), await open_shared()]
    rows = await asyncio.gather(*[store.documents.put(ADA, new(f"{at % 5}")) for store in stores for at in range(10)])
    assert len({row.id for row, _ in rows}) == 5
    each = await asyncio.gather(*[store.indexing.take(WS, 60) for store in stores for _ in range(4)])
    numbers = [row.n for row in each if row is not None]
    assert len(numbers) == len(set(numbers)) == 5
