"""Vectors in servers: their time, who is not there, and what is not installed in them."""

import asyncio
from typing import Any

import pytest

from tests.contracts.test_vectors import redis_url as redis_url
from tests.contracts.test_vectors import vector
from weft.errors import StoreError
from weft.vectors.opening import open_index
from weft.vectors.pgvector import PgVector
from weft.vectors.redis import InRedis


async def test_a_space_in_redis_is_forgotten_when_nothing_comes_any_more(redis_url: str) -> None:
    index = InRedis(redis_url, ttl=1.5, prefix="brief:")
    other = InRedis(redis_url, ttl=60, prefix="brief:")
    await index.put("a", [("x", vector(1))])
    assert len(await other.search("a", vector(1), 9)) == 1
    for n in range(4):
        await asyncio.sleep(0.5)
        await index.put("a", [(f"n{n}", vector(1, n))])
    assert await index.count("a") == 5
    await asyncio.sleep(1.8)
    assert await index.count("a") == 0
    assert await other.search("a", vector(1), 9) == []
    await other.put("a", [("again", vector(0, 1, size=16))])
    assert [id for id, _ in await index.search("a", vector(0, 1, size=16), 9)] == ["again"]
    for one in (index, other):
        await one.drop("a")
        await one.close()


async def test_a_copy_of_a_space_in_redis_is_read_again_only_where_somebody_wrote(redis_url: str) -> None:
    index, other = [InRedis(redis_url, prefix="copied:") for _ in range(2)]
    await index.put("a", [("x", vector(1))])
    await index.search("a", vector(1), 1)
    first = index._copies["a"]
    await index.search("a", vector(1), 1)
    assert index._copies["a"][1] is first[1]
    await other.remove("a", ["x"])
    assert await index.search("a", vector(1), 1) == []
    await other.drop("a")
    await other.put("a", [("y", vector(1))])
    assert [id for id, _ in await index.search("a", vector(1), 1)] == ["y"]
    for one in (index, other):
        await one.drop("a")
        await one.close()


@pytest.mark.parametrize(
    "address", ["redis://127.0.0.1:1/0", "postgresql://nobody@127.0.0.1:1/x", "qdrant://127.0.0.1:1"]
)
async def test_a_server_that_is_not_there_is_an_error_of_the_store(address: str) -> None:
    index = open_index(address)
    with pytest.raises(StoreError, match=r"vectors in"):
        await index.put("a", [("x", vector(1))])
    with pytest.raises(StoreError, match=r"vectors in"):
        await index.search("a", vector(1), 1)
    await index.close()


async def test_a_large_space_among_many_small_ones_is_searched_by_an_index(postgres_url: str) -> None:
    index = PgVector(postgres_url, exact_up_to=300)
    for n in range(40):
        await index.put(f"small{n}", [(f"{n}-{k}", vector(1, n, k)) for k in range(10)])
    await index.put("large", [(f"{n}", vector(1, 0.01 * n)) for n in range(1_000)])
    async with index._connection() as connection:
        told: Any = await connection.fetch("SELECT indexdef FROM pg_indexes WHERE tablename = 'vectors_8'")
    assert any(["hnsw" in row[0] for row in told])
    found = await index.search("large", vector(1, 5), 3)
    assert {id for id, _ in found} <= {"498", "499", "500", "501", "502"}
    assert [id for id, _ in await index.search("small7", vector(1, 7, 3), 1)] == ["7-3"]
    assert len(await index.search("small7", vector(1), 100)) == 10
    await index.close()


async def test_what_is_far_is_found_behind_a_crowd_of_another_space(postgres_url: str) -> None:
    index = PgVector(postgres_url, exact_up_to=300)
    await index.put("crowd", [(f"{n}", vector(1, 0.0001 * n)) for n in range(1_500)])
    await index.put("far", [(f"{n}", vector(0.1, 1, 0.01 * n)) for n in range(400)])
    await index.put("far", [("0", vector(0.1, 1))] * 700)  # so that the index is made
    assert [id for id, _ in await index.search("far", vector(1), 3)] == ["0", "1", "2"]
    await index.close()


async def test_vectors_too_long_for_an_index_are_searched_whole(postgres_url: str) -> None:
    index = PgVector(postgres_url, exact_up_to=5)
    await index.put("long", [(f"{n}", vector(1, n, size=2_500)) for n in range(20)])
    found = await index.search("long", vector(1, 7, size=2_500), 2)
    assert [id for id, _ in found] == ["7", "8"]
    await index.close()
