"""Questions to files of data, answered by DuckDB: and nothing but answers, of these files, within limits."""

import os
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest

from weft.agents.trying import members
from weft.engine.context import Context
from weft.errors import ToolError, ToolFailed, ToolRetry
from weft.tools.builtin.dataframe import Dataframe
from weft.tools.run import run_tool

SALES = "city,sold,day\nRome,3,2026-01-01\nOslo,5,2026-01-02\nRome,4,2026-01-03\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "data"
    (made / "more").mkdir(parents=True)
    (made / "sales.csv").write_text(SALES)
    (made / "it's.json").write_text('[{"a": {"b": [1, 2]}}]')
    duckdb.sql("SELECT range AS n, 'x' || range AS s FROM range(1000)").write_parquet(str(made / "more" / "n.parquet"))
    (made / "notes.txt").write_text("no data")
    return made


async def ask(tools: Dataframe, ctx: Context[Any], query: str = "") -> str:
    files, asking = await members(tools)
    done = await run_tool(asking, {"query": query}, ctx) if query else await run_tool(files, {}, ctx)
    return done.content


async def test_answers(folder: Path, ctx: Context[Any]) -> None:
    frame = Dataframe(folder, rows=3)
    assert [each.effect for each in await members(frame)] == ["read", "read"]
    assert (await ask(frame, ctx)).splitlines() == [
        "it's.json: a STRUCT(b BIGINT[])",
        "more/n.parquet: n BIGINT, s VARCHAR",
        "sales.csv: city VARCHAR, sold BIGINT, day DATE",
    ]
    assert await ask(frame, ctx, "SELECT city, sum(sold) FROM 'sales.csv' GROUP BY city ORDER BY 2 DESC") == (
        '{"columns":["city","sum(sold)"],"rows":[["Rome",7],["Oslo",5]]}'
    )
    assert '[["2026-01-01"]]' in await ask(frame, ctx, 'SELECT min(day) FROM "sales.csv"')
    assert '"more":"only the first 3 rows"' in await ask(frame, ctx, "FROM 'more/*.parquet'")
    assert '[[{"b":[1,2]}]]' in await ask(frame, ctx, "SELECT a FROM read_json('it''s.json')")
    assert '["city","VARCHAR"' in await ask(frame, ctx, "SUMMARIZE 'sales.csv'")
    with pytest.raises(ToolRetry, match=r"DuckDB says: .*nothing\.csv"):
        await ask(frame, ctx, "SELECT * FROM 'nothing.csv'")


@pytest.mark.parametrize(
    "query",
    ["COPY (SELECT 1) TO 'sales.csv'", "COPY (SELECT 1) TO 'new.csv'", "CREATE TABLE x AS SELECT 1", "DROP TABLE x",
     "EXPLAIN ANALYZE COPY (SELECT 1) TO 'sales.csv'", "ATTACH 'x.db'", "INSTALL httpfs", "LOAD 'x.so'",
     "PRAGMA version",
     "SELECT 1; COPY (SELECT 1) TO 'sales.csv'", "SET memory_limit = '9GB'", "EXPORT DATABASE '.'",
     "CALL pragma_version()",
     "SELECT * FROM read_text('/etc/passwd')", "SELECT * FROM '/etc/passwd'", "SELECT * FROM read_csv('../secret.csv')",
     "SELECT * FROM 'link.csv'", "SELECT * FROM glob('/etc/*')", "SELECT * FROM read_blob('/proc/self/environ')",
     "SELECT * FROM 'https://example.com/a.csv'", "SELECT * FROM 's3://a/b.parquet'",
     "SELECT * FROM sqlite_scan('x.db', 'x')", "SELECT * FROM 'more/../../secret.csv'"],
)  # fmt: skip
async def test_nothing_else(query: str, folder: Path, ctx: Context[Any]) -> None:
    (folder.parent / "secret.csv").write_text("a\nsecret\n")
    os.symlink(folder.parent / "secret.csv", folder / "link.csv")
    with pytest.raises(ToolError):
        await ask(Dataframe(folder), ctx, query)
    assert (folder / "sales.csv").read_text() == SALES
    assert sorted(path.name for path in folder.iterdir()) == ["it's.json", "link.csv", "more", "notes.txt", "sales.csv"]


async def test_limits(folder: Path, ctx: Context[Any]) -> None:
    began = time.monotonic()
    with pytest.raises(ToolFailed, match="takes more than 2 s"):
        await ask(
            Dataframe(folder, seconds=2), ctx, "SELECT sum(a.range * b.range) FROM range(10000000) a, range(1000000) b"
        )
    assert time.monotonic() - began < 10
    with pytest.raises(ToolFailed, match="bytes of memory"):
        await ask(
            Dataframe(folder, memory=200_000_000, seconds=80),
            ctx,
            "SELECT list(range || repeat('x', 100)) FROM range(20000000)",
        )
    with pytest.raises(ToolFailed, match="makes more than"):
        await ask(Dataframe(folder, seconds=80), ctx, "SELECT repeat('x', 30000000)")


async def test_files_that_are_broken(folder: Path, ctx: Context[Any]) -> None:
    (folder / "bad.parquet").write_bytes(b"PAR1 nothing of this PAR1")
    (folder / "empty.json").write_bytes(b"")
    told = await ask(Dataframe(folder), ctx)
    assert "bad.parquet: it cannot be read: " in told
    assert "sales.csv: city VARCHAR" in told
    with pytest.raises(ToolRetry, match="DuckDB says"):
        await ask(Dataframe(folder), ctx, "SELECT * FROM 'bad.parquet'")
