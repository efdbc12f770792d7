"""What every store promises of the tools of a workspace."""

import asyncio

import pytest

from weft.errors import Conflict, NotFound
from weft.storage import Store


async def test_tools_are_kept_by_workspace_and_name(store: Store) -> None:
    await store.tools.put("a", "two", b"2", new=True)
    await store.tools.put("a", "one", b"1", new=True)
    await store.tools.put("b", "one", b"other")
    await store.tools.put("a", "one", b"1b")
    assert [(row.name, row.body) for row in await store.tools.all("a")] == [("one", b"1b"), ("two", b"2")]
    assert [row.body for row in await store.tools.all("b")] == [b"other"]
    await store.tools.remove("a", "one")
    assert [row.name for row in await store.tools.all("a")] == ["two"]
    assert await store.tools.all("nowhere") == []
    with pytest.raises(NotFound, match="no tool 'one'"):
        await store.tools.remove("a", "one")


async def test_of_two_new_ones_with_a_name_one_is_there(store: Store) -> None:
    told = [store.tools.put("a", "x", str(n).encode(), new=True) for n in range(5)]
    ended = await asyncio.gather(*told, return_exceptions=True)
    assert [type(each) for each in ended].count(Conflict) == 4
