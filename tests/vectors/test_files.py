"""Vectors in a folder: what a killed process leaves, broken files, and two that want one folder."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contracts.test_vectors import vector
from tests.warm import python
from weft.errors import StoreLocked, UsageError
from weft.vectors import files
from weft.vectors.exact import Exact
from weft.vectors.faiss import Faiss
from weft.vectors.files import InFolder
from weft.vectors.opening import open_index
from weft.vectors.pgvector import PgVector
from weft.vectors.qdrant import Qdrant
from weft.vectors.redis import InRedis
from weft.vectors.usearch import Usearch

KINDS = {"usearch": Usearch, "faiss": Faiss}

_DIES = """
import asyncio, os, sys
from tests.contracts.test_vectors import vector
from weft.vectors.opening import open_index

async def main():
    index = open_index(sys.argv[1])
    for n in range(40):
        await index.put("a", [(f"n{n}", vector(1, n / 10))])
    await index.remove("a", ["n0", "n1"])
    await index.put("a", [("n2", vector(0, 0, 1))])
    os._exit(9)

asyncio.run(main())
"""


@pytest.mark.usefixtures("warm")
@pytest.mark.parametrize("kind", KINDS)
async def test_a_killed_process_loses_nothing(kind: str, tmp_path: Path) -> None:
    address = f"{kind}:///{tmp_path}/vectors"
    command = python("-c", _DIES, address)
    ended = await asyncio.to_thread(subprocess.run, command, cwd=Path(__file__).parents[2])
    assert ended.returncode == 9
    index = open_index(address)
    assert await index.count("a") == 38
    assert [id for id, _ in await index.search("a", vector(1), 2)] == ["n3", "n4"]
    assert [id for id, _ in await index.search("a", vector(0, 0, 1), 1)] == ["n2"]
    await index.close()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_log_that_is_cut_or_broken_gives_what_is_whole(kind: str, tmp_path: Path) -> None:
    def opened() -> InFolder:
        return KINDS[kind](tmp_path)

    index = opened()
    await index.put("a", [("x", vector(1))])
    await index.close()
    index = opened()
    await index.put("a", [("y", vector(0, 1))])
    await index.put("a", [("z", vector(0, 0, 1))])
    (log,) = tmp_path.glob("*.log")
    body = log.read_bytes()
    for space in index._spaces.values():
        space.leave()  # as if it died: what is in the log is not folded
    index._spaces.clear()
    await index.close()
    log.write_bytes(body[:-5])
    index = opened()
    assert {id for id, _ in await index.search("a", vector(1), 9)} == {"x", "y"}
    await index.put("a", [("w", vector(1, 1))])
    await index.close()
    index = opened()
    assert {id for id, _ in await index.search("a", vector(1), 9)} == {"x", "y", "w"}
    await index.close()


async def test_a_long_log_is_folded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_LONG", 2_000)
    index = Usearch(tmp_path)
    for n in range(200):
        await index.put("a", [(f"n{n}", vector(1, n))])
        assert sum([log.stat().st_size for log in tmp_path.glob("*.log")]) < 2_200
    assert len(list(tmp_path.glob("*.index"))) == 1
    assert await index.count("a") == 200
    assert len(await index.search("a", vector(1), 500)) == 200
    await index.drop("a")
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]
    await index.close()


async def test_a_folder_is_one_process_s(tmp_path: Path) -> None:
    one, other = Faiss(tmp_path), Faiss(tmp_path)
    await one.put("a", [("x", vector(1))])
    with pytest.raises(StoreLocked, match="another process"):
        await other.put("a", [("x", vector(1))])
    await one.close()
    assert await other.count("a") == 1
    await other.close()


def test_an_index_is_named_by_its_address(tmp_path: Path) -> None:
    named = {
        "memory": Exact,
        "usearch:///folder": Usearch,
        f"faiss:///{tmp_path}": Faiss,
        "postgresql://me:secret@host/db?schema=mine": PgVector,
        "redis://host:6379/0?ttl=60": InRedis,
        "qdrant://host:6333": Qdrant,
        "qdrant:///folder": Qdrant,
    }
    for address, kind in named.items():
        assert type(open_index(address)) is kind
    for wrong in (
        "usearch://",
        "mongodb://x",
        "redis://host?ttl=soon",
        "redis://host?ttl=0",
        "postgresql://h/d?schema=a;b",
    ):
        with pytest.raises(UsageError):
            open_index(wrong)
    assert "secret" not in PgVector("postgresql://me:secret@host/db").url


@pytest.mark.parametrize("library", ["usearch", "faiss", "qdrant_client", "asyncpg", "redis.asyncio"])
def test_without_its_library_an_index_says_what_to_install(library: str) -> None:
    address = {
        "usearch": "usearch:///never",
        "faiss": "faiss:///never",
        "qdrant_client": "qdrant://127.0.0.1:1",
        "asyncpg": "postgresql://127.0.0.1:1/x",
        "redis.asyncio": "redis://127.0.0.1:1/0",
    }[library]
    script = f"""
import asyncio, os, sys, tempfile
os.chdir(tempfile.mkdtemp())
sys.modules[{library!r}] = None
from weft.errors import UsageError
from weft.vectors.opening import open_index
try:
    asyncio.run(open_index({address!r}).put("a", [("x", bytes(8))]))
except UsageError as error:
    assert "pip install 'weft[" in str(error), error
else:
    raise AssertionError
"""
    subprocess.run([sys.executable, "-c", script], check=True, env=os.environ)
