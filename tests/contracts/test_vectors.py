"""What every index of vectors promises: the same suite for the one in memory and for all doors to others."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.given import given
from tests.services import redis
from weft.errors import UsageError
from weft.vectors.base import VectorIndex
from weft.vectors.exact import Exact
from weft.vectors.faiss import Faiss
from weft.vectors.langchain import LangChain
from weft.vectors.pgvector import PgVector
from weft.vectors.qdrant import Qdrant
from weft.vectors.redis import InRedis
from weft.vectors.usearch import Usearch

SIZE = 8
KINDS = ("exact", "usearch", "faiss", "pgvector", "qdrant", "qdrant server", "redis", "langchain")
_number = count(1)


def vector(*numbers: float, size: int = SIZE) -> bytes:
    """Of length 1; the rest of it is 0."""
    row = np.zeros(size, dtype="<f4")
    row[: len(numbers)] = numbers
    return (row / np.linalg.norm(row)).tobytes()


@dataclass
class Place:
    """Where one index is, so that it can be opened again."""

    open: Callable[[], VectorIndex]
    durable: bool = True
    shared: bool = True
    """Several may have it open."""
    size: int = SIZE


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    yield from given(redis())


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return place_of(request.param, request, tmp_path)


def place_of(kind: str, request: pytest.FixtureRequest, tmp_path: Path, size: int = SIZE) -> Place:
    """An empty one."""
    if kind == "exact":
        return Place(Exact, durable=False, shared=False)
    if kind in ("usearch", "faiss"):
        made: Any = Usearch if kind == "usearch" else Faiss
        return Place(lambda: made(tmp_path / kind), shared=False)
    if kind == "qdrant in memory":
        return Place(lambda: Qdrant(":memory:"), durable=False, shared=False)
    if kind == "qdrant server":
        return qdrant_server()
    if kind == "qdrant":
        return Place(lambda: Qdrant(str(tmp_path / kind)), shared=False)
    if kind == "pgvector":
        url = request.getfixturevalue("postgres_url")
        return Place(lambda: PgVector(url))
    if kind == "redis":
        address, prefix = request.getfixturevalue("redis_url"), f"test{next(_number)}:"
        return Place(lambda: InRedis(address, prefix=prefix))
    return Place(lambda: langchain(size), durable=False, shared=False)


def qdrant_server() -> Place:
    """One that somebody started: no package brings it."""
    address, prefix = os.environ.get("QDRANT_URL", ""), f"test{os.getpid()}x{next(_number)}"
    if not address:
        pytest.skip("no Qdrant server: name one in QDRANT_URL")
    return Place(lambda: Qdrant(address, prefix=prefix))


def langchain(size: int) -> LangChain:
    from langchain_core.vectorstores import InMemoryVectorStore  # noqa: PLC0415  # heavy

    return LangChain(lambda space, embeddings: InMemoryVectorStore(embeddings), numbers=size)


@pytest.fixture
async def index(place: Place) -> AsyncIterator[VectorIndex]:
    opened = place.open()
    yield opened
    await opened.close()


async def test_what_is_put_is_found_best_first(index: VectorIndex) -> None:
    await index.put("a", [("x", vector(1)), ("y", vector(0, 1)), ("xy", vector(1, 1)), ("no", vector(-1))])
    found = await index.search("a", vector(1, 0.1), 3)
    assert [id for id, _ in found] == ["x", "xy", "y"]
    assert [score for _, score in found] == pytest.approx([0.995, 0.774, 0.0995], abs=0.002)
    assert await index.search("a", vector(1), 0) == []
    assert len(await index.search("a", vector(1), 100)) == 4
    assert await index.count("a") == 4


async def test_nothing_is_in_a_space_that_is_not_there(index: VectorIndex) -> None:
    assert list(await index.search("none", vector(1), 5)) == []
    assert list(await index.search("none", vector(1), 5, only=["x"])) == []
    assert await index.count("none") == 0
    await index.remove("none", ["x"])
    await index.drop("none")
    await index.put("none", [])
    assert await index.count("none") == 0


async def test_an_id_that_is_put_again_takes_the_new_vector(index: VectorIndex) -> None:
    await index.put("a", [("x", vector(1)), ("y", vector(0, 1))])
    await index.put("a", [("x", vector(0, 0, 1)), ("z", vector(0, 0, 0, 1))])
    assert await index.count("a") == 3
    found = await index.search("a", vector(0, 0, 1), 1)
    assert [id for id, _ in found] == ["x"]
    assert dict(await index.search("a", vector(1), 3))["x"] == pytest.approx(0, abs=1e-5)
    await index.put("a", [("t", vector(1)), ("t", vector(0, 1))])
    assert dict(await index.search("a", vector(0, 1), 9))["t"] == pytest.approx(1, abs=1e-5)


async def test_what_is_removed_is_found_no_more(index: VectorIndex) -> None:
    await index.put("a", [(f"n{n}", vector(1, n / 10)) for n in range(10)])
    await index.remove("a", ["n0", "n9", "never"])
    assert {id for id, _ in await index.search("a", vector(1), 99)} == {f"n{n}" for n in range(1, 9)}
    assert await index.count("a") == 8
    await index.remove("a", ["n2"])
    for n in (1, 3, 8):  # the others are where they were
        assert dict(await index.search("a", vector(1, n / 10), 1)) == {f"n{n}": pytest.approx(1, abs=1e-5)}
    await index.remove("a", [f"n{n}" for n in range(10)])
    assert list(await index.search("a", vector(1), 99)) == []
    await index.put("a", [("n0", vector(0, 1))])
    assert [id for id, _ in await index.search("a", vector(1), 99)] == ["n0"]


async def test_only_says_among_which_to_search(index: VectorIndex) -> None:
    await index.put("a", [(f"n{n}", vector(1, n / 10)) for n in range(30)])
    found = await index.search("a", vector(1), 2, only=["n20", "n10", "n25", "n25", "never"])
    assert [id for id, _ in found] == ["n10", "n20"]
    assert list(await index.search("a", vector(1), 2, only=[])) == []
    assert list(await index.search("a", vector(1), 2, only=["never"])) == []


async def test_spaces_know_nothing_of_each_other(index: VectorIndex) -> None:
    odd = "work space/ünder: 'quoted'; -- {braces}"
    await index.put("a", [("x", vector(1)), ("only-a", vector(1))])
    await index.put(odd, [("x", vector(0, 1))])
    assert [id for id, _ in await index.search(odd, vector(1), 9)] == ["x"]
    assert list(await index.search(odd, vector(1), 9, only=["only-a"])) == []
    await index.drop("a")
    assert list(await index.search("a", vector(1), 9)) == []
    assert await index.count(odd) == 1
    await index.remove("a", ["x"])
    assert await index.count(odd) == 1


async def test_a_vector_of_another_length_is_refused_and_nothing_is_put(index: VectorIndex) -> None:
    await index.put("a", [("x", vector(1))])
    with pytest.raises(UsageError, match=r"have 8 numbers, and this one has 3"):
        await index.put("a", [("y", vector(1)), ("z", vector(1, size=3))])
    with pytest.raises(UsageError, match=r"have 8 numbers, and this one has 3"):
        await index.put("a", [("z", vector(1, size=3))])
    with pytest.raises(UsageError, match=r"have 8 numbers, and this one has 16"):
        await index.search("a", vector(1, size=16), 1)
    with pytest.raises(UsageError, match="no vector"):
        await index.put("a", [("z", b"abc")])
    assert await index.count("a") == 1


async def test_a_space_that_was_dropped_may_have_others(index: VectorIndex) -> None:
    if isinstance(index, LangChain):
        pytest.skip("LangChain's stores are opened for vectors of one length")
    await index.put("a", [("x", vector(1)), ("y", vector(0, 1))])
    await index.drop("a")
    await index.put("a", [("x", vector(1, size=16))])
    assert [id for id, _ in await index.search("a", vector(1, size=16), 9)] == ["x"]


async def test_it_survives_being_opened_again(place: Place) -> None:
    if not place.durable:
        pytest.skip("in memory: it is made anew from the store")
    first = place.open()
    await first.put("a", [(f"n{n}", vector(1, n / 10)) for n in range(20)])
    await first.put("b", [("x", vector(1))])
    await first.remove("a", ["n0"])
    await first.put("a", [("n1", vector(0, 0, 1))])
    await first.drop("b")
    await first.close()
    for _ in range(2):
        again = place.open()
        assert await again.count("a") == 19
        assert [id for id, _ in await again.search("a", vector(1), 2)] == ["n2", "n3"]
        assert [id for id, _ in await again.search("a", vector(0, 0, 1), 1)] == ["n1"]
        assert await again.count("b") == 0
        with pytest.raises(UsageError, match="have 8 numbers"):
            await again.put("a", [("z", vector(1, size=3))])
        await again.close()


async def test_many_write_at_once(place: Place) -> None:
    indexes = [place.open() for _ in range(3 if place.shared else 1)]

    async def write(n: int) -> None:
        one = indexes[n % len(indexes)]
        await one.put("a", [(f"w{n}-{k}", vector(1, n, k)) for k in range(25)] + [("same", vector(1, n))])
        await one.put(f"own{n}", [("x", vector(n + 1))])
        await one.remove("a", [f"w{n}-0"])
        ours = [f"w{n}-{k}" for k in range(25)]
        found = await one.search("a", vector(1, n, 24), 1000, only=ours)  # those are compared one by one
        assert {id for id, _ in found} == set(ours[1:])

    await asyncio.gather(*[write(n) for n in range(12)])
    assert [await one.count("a") for one in indexes] == [12 * 24 + 1] * len(indexes)
    assert all([await indexes[0].count(f"own{n}") == 1 for n in range(12)])
    for one in indexes:
        await one.close()


async def test_two_that_begin_a_space_at_once_agree_on_its_length(place: Place) -> None:
    index = place.open()
    given = [[("x", vector(1))], [("y", vector(1, size=16))]]
    told = await asyncio.gather(*[index.put("a", entries) for entries in given], return_exceptions=True)
    refused = [one for one in told if one is not None]
    if not isinstance(index, Qdrant):  # its collections know nothing of each other, and it has no lock
        assert [type(one) for one in refused] == [UsageError]
        assert await index.count("a") == 1
    await index.close()


def clustered(many: int, size: int) -> Any:
    """Vectors as texts have them: some near each other, in no order."""
    chance = np.random.default_rng(7)
    centres = chance.normal(size=(200, size))
    rows = centres[chance.integers(0, 200, many)] + 0.6 * chance.normal(size=(many, size))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype("<f4")


LARGE = (
    "exact",
    "usearch",
    "faiss",
    "pgvector",
    "pgvector by index",
    "redis",
    "langchain",
    "qdrant in memory",
    "qdrant server",
)


@pytest.mark.parametrize("kind", LARGE)
async def test_ten_thousand_are_found_as_an_exact_search_finds_them(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    many, size = 10_000, 64
    where = place_of("pgvector" if "pgvector" in kind else kind, request, tmp_path, size)
    index = where.open()
    if kind == "pgvector by index":
        index = PgVector(request.getfixturevalue("postgres_url"), exact_up_to=500)
    rows = clustered(many + 20, size)
    asked, rows = rows[many:], rows[:many]
    for start in range(0, many, 1_000):
        await index.put("a", [(str(n), rows[n].tobytes()) for n in range(start, start + 1_000)])
    await index.put("other", [(str(n), asked[0].tobytes()) for n in range(50)])
    assert await index.count("a") == many
    found = 0
    for one in asked:
        exact = set(np.argsort(-(rows @ one), kind="stable")[:10].tolist())
        told = await index.search("a", one.tobytes(), 10)
        assert [score for _, score in told] == sorted([score for _, score in told], reverse=True)
        assert [score for _, score in told] == pytest.approx([float(rows[int(id)] @ one) for id, _ in told], abs=1e-3)
        found += len(exact & {int(id) for id, _ in told})
    await index.close()
    recall = found / (10 * len(asked))
    assert recall >= (0.95 if kind in ("usearch", "pgvector by index") else 0.999), f"{kind}: {recall}"


@pytest.mark.parametrize("kind", ["usearch", "faiss"])
async def test_what_was_removed_leaves_no_bytes_in_files(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    index = place_of(kind, request, tmp_path).open()
    gone, kept = vector(0.123, 0.456, 0.789), vector(0.9, 0.1, 0.3)
    await index.put("a", [("gone", gone), ("kept", kept)])
    await index.close()
    index = place_of(kind, request, tmp_path).open()
    await index.remove("a", ["gone"])
    await index.scrub("a")
    written = b"".join([path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()])
    assert gone[:12] not in written
    assert kept[:12] in written
    assert [id for id, _ in await index.search("a", kept, 5)] == ["kept"]
    await index.remove("a", ["kept"])
    await index.scrub("a")
    assert await index.count("a") == 0
    await index.close()
