"""What every store promises of items: places, scopes, revisions, time, and nothing left of what is erased."""

import asyncio
from pathlib import Path
from typing import Any

from tests.conftest import Open
from weft.storage import Store, open_store
from weft.storage.base import Scope
from weft.storage.item_rows import ItemRow

ADA, BOB = Scope("default", "ada"), Scope("default", "bob")
NOW = 1_000.0


def item(key: str, *namespace: str, body: bytes = b"{}", at: float = NOW, **fields: Any) -> ItemRow:
    return ItemRow(namespace=namespace or ("a",), key=key, body=body, created_at=at, updated_at=at, **fields)


async def test_an_item_is_where_it_was_put_and_is_put_again_in_its_place(store: Store) -> None:
    items = store.items
    await items.put(ADA, [item("k", "a", "b", body=b"1"), item("k", "a", body=b"2"), item("k", "ab", body=b"3")])
    await items.put(ADA, [item("k", "a", "b", body=b"4", at=NOW + 5)])
    found = await items.get(ADA, [(("a", "b"), "k"), (("a",), "k"), (("b",), "k")], NOW)
    assert [row and (row.body, row.created_at, row.updated_at) for row in found] == [
        (b"4", NOW, NOW + 5),
        (b"2", NOW, NOW),
        None,
    ]
    assert [(row.namespace, row.body) for row in await items.list(ADA, ("a",), NOW)] == [
        (("a", "b"), b"4"),
        (("a",), b"2"),
    ]
    assert await items.namespaces(ADA, NOW) == [("a",), ("a", "b"), ("ab",)]
    numbers = [row.n for row in found if row is not None]
    assert [row and row.body for row in await items.numbered(ADA, [*numbers, 999_999], NOW)] == [b"4", b"2", None]
    assert [row.body for row in await items.list(ADA, (), NOW, limit=1, offset=1)] == [b"3"]


async def test_nobody_sees_the_items_of_another(store: Store) -> None:
    items = store.items
    await items.put(ADA, [item("k", vectors=(b"1234",))])
    (n,) = [row.n for row in await items.list(ADA, (), NOW)]
    for other in (BOB, Scope("elsewhere", "ada")):
        assert await items.get(other, [(("a",), "k")], NOW) == [None]
        assert await items.numbered(other, [n], NOW) == [None]
        assert list(await items.list(other, (), NOW)) == []
        assert list(await items.namespaces(other, NOW)) == []
        assert (await items.news(other, 0))[1] == ()
        assert list(await items.put(other, [], [(("a",), "k")])) == []
        assert list(await items.erase(other)) == []
        await items.touch(other, [n], NOW)
    assert len(await items.list(ADA, (), NOW)) == 1


async def test_news_are_what_was_written_since(store: Store) -> None:
    items = store.items
    assert await items.news(ADA, 0) == (0, ())
    await items.put(ADA, [item("x", vectors=(b"1111", b"2222")), item("y")])
    revision, rows = await items.news(ADA, 0)
    assert [(row.namespace, row.vectors) for row in rows] == [(("a",), (b"1111", b"2222")), (("a",), ())]
    assert await items.news(ADA, revision) == (revision, ())
    await items.put(ADA, [item("x", vectors=(b"3333",))])
    later, (row,) = await items.news(ADA, revision)
    assert later > revision
    assert row.vectors == (b"3333",)
    (gone,) = await items.put(ADA, [], [(("a",), "x"), (("a",), "never")])
    assert (gone.n, gone.vectors) == (row.n, (b"3333",))


async def test_what_has_expired_is_not_there(store: Store) -> None:
    items = store.items
    await items.put(ADA, [item("brief", ttl=10, expires_at=NOW + 10), item("long")])
    (n,) = [row.n for row in await items.list(ADA, (), NOW) if row.key == "brief"]
    assert [row.key for row in await items.list(ADA, (), NOW + 11)] == ["long"]
    assert await items.get(ADA, [(("a",), "brief")], NOW + 11) == [None]
    assert await items.numbered(ADA, [n], NOW + 11) == [None]
    await items.touch(ADA, [n], NOW + 5)
    assert (await items.get(ADA, [(("a",), "brief")], NOW + 14))[0] is not None
    assert list(await items.erase(ADA, expired_at=NOW + 14)) == []
    assert [row.n for row in await items.erase(ADA, expired_at=NOW + 16)] == [n]
    assert [row.key for row in await items.list(ADA, (), NOW)] == ["long"]


async def test_many_write_at_once_and_no_news_are_missed(open_shared: Open) -> None:
    stores = [await open_shared() for _ in range(3)]
    seen: dict[int, int] = {}
    mark, done = 0, asyncio.Event()

    async def write(n: int) -> None:
        for k in range(8):
            await stores[n % 3].items.put(ADA, [item(f"{n}-{k}"), item("same", body=str(n).encode())])

    async def read() -> None:
        nonlocal mark
        while True:
            last = done.is_set()
            mark, rows = await stores[0].items.news(ADA, mark)
            seen.update({row.n: mark for row in rows})
            if last:
                return
            await asyncio.sleep(0.002)

    reading = asyncio.create_task(read())
    await asyncio.gather(*[write(n) for n in range(6)])
    done.set()
    await reading
    rows = await stores[1].items.list(ADA, (), NOW)
    assert len(rows) == 6 * 8 + 1
    assert set(seen) == {row.n for row in rows}


async def test_nothing_is_left_in_the_file_of_what_is_erased(tmp_path: Path) -> None:
    path = tmp_path / "weft.db"
    store = await open_store(f"sqlite:///{path}")
    secret = b"the-secret-of-ada-" * 20
    await store.items.put(ADA, [item("k", "mine", body=secret), item("k", "mine", "too", body=secret)])
    await store.items.put(BOB, [item("k", body=b"bobs-own-words")])
    assert len(await store.items.erase(Scope("default", "ada"), prefix=("mine",))) == 2
    await store.close()
    left = b"".join([file.read_bytes() for file in tmp_path.iterdir()])
    assert b"the-secret-of-ada-" not in left
    assert b"bobs-own-words" in left
