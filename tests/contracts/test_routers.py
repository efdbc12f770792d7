"""What every store promises of routers: versions that nobody overwrites."""

import asyncio
import time

import pytest

from weft.errors import Conflict
from weft.storage import Store


async def test_versions_count_up_and_stay(store: Store) -> None:
    assert await store.routers.newest("default", "default") is None
    first = await store.routers.put("default", "default", b"{}", expected=0)
    second = await store.routers.put("default", "default", b'{"retries":1}', expected=1)
    assert (first.version, second.version) == (1, 2)
    assert second.at == pytest.approx(time.time(), abs=60)
    assert await store.routers.newest("default", "default") == second
    assert await store.routers.newest("default", "default", after=1) == second
    assert await store.routers.newest("default", "default", after=2) is None
    assert list(await store.routers.versions("default", "default")) == [second, first]


async def test_a_change_to_an_old_version_is_refused(store: Store) -> None:
    await store.routers.put("default", "default", b"{}", expected=0)
    for expected in (0, 2):
        with pytest.raises(Conflict, match="version 1"):
            await store.routers.put("default", "default", b"[]", expected=expected)
    found = await store.routers.newest("default", "default")
    assert found is not None
    assert found.body == b"{}"


async def test_of_changes_at_once_one_holds(store: Store) -> None:
    told = [store.routers.put("default", "default", str(n).encode(), expected=0) for n in range(8)]
    ended = await asyncio.gather(*told, return_exceptions=True)
    assert [type(each) for each in ended].count(Conflict) == 7
    assert len(await store.routers.versions("default", "default")) == 1


async def test_workspaces_and_names_have_routers_of_their_own(store: Store) -> None:
    await store.routers.put("default", "default", b"1", expected=0)
    await store.routers.put("other", "default", b"2", expected=0)
    await store.routers.put("default", "second", b"3", expected=0)
    for workspace, name, body in (
        ("default", "default", b"1"),
        ("other", "default", b"2"),
        ("default", "second", b"3"),
    ):
        [row] = await store.routers.versions(workspace, name)
        assert row.body == body
    assert await store.routers.newest("nowhere", "default") is None
