"""Questions to real databases, and nothing but questions."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from weft.engine.context import Context
from weft.errors import ToolError, ToolFailed, ToolRetry, UsageError
from weft.tools.base import Tool
from weft.tools.builtin.sql import SQL
from weft.tools.run import run_tool

TABLES = """DROP TABLE IF EXISTS city; CREATE TABLE city (name TEXT, people INTEGER);
INSERT INTO city VALUES ('Rome', 2800000), ('Oslo', 700000), ('Bonn', 330000);"""


@pytest.fixture(params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest) -> str:
    if request.param == "sqlite":
        return ""
    return str(request.getfixturevalue("postgres_url")).partition("?")[0]


@pytest.fixture
async def url(server: str, tmp_path: Path) -> str:
    if not server:
        with sqlite3.connect(tmp_path / "a b.db") as made:
            made.executescript(TABLES)
        made.close()
        return f"sqlite:///{tmp_path}/a b.db"
    import asyncpg  # noqa: PLC0415

    connection = await asyncpg.connect(server)
    await connection.execute(TABLES)
    await connection.close()
    return server


async def of(tools: SQL, ctx: Context[Any]) -> dict[str, Tool]:
    return {each.name: each for each in await tools.tools(ctx)}


async def ask(tools: SQL, ctx: Context[Any], query: str) -> str:
    return (await run_tool((await of(tools, ctx))["sql_query"], {"query": query}, ctx)).content


async def test_questions(url: str, ctx: Context[Any]) -> None:
    sql = SQL(url, rows=2)
    tools = await of(sql, ctx)
    assert [(each.effect, each.approval) for each in tools.values()] == [("read", False), ("read", False)]
    schema = (await run_tool(tools["sql_schema"], {}, ctx)).content
    assert "city(name " in schema.lower()
    assert await ask(sql, ctx, "-- biggest\n SELECT name, people FROM city ORDER BY people DESC LIMIT 1") == (
        '{"columns":["name","people"],"rows":[["Rome",2800000]]}'
    )
    assert '"more":"only the first 2 rows"' in await ask(sql, ctx, "SELECT * FROM city")
    assert "[[1,null" in await ask(sql, ctx, "SELECT 1, NULL, CAST('x' AS TEXT)")
    with pytest.raises(ToolRetry, match=r"the database says: .*nowhere"):
        await ask(sql, ctx, "SELECT * FROM nowhere")


@pytest.mark.parametrize(
    "query",
    ["DELETE FROM city", "INSERT INTO city VALUES ('x', 1)", "DROP TABLE city", "UPDATE city SET people = 0",
     "SELECT 1; DELETE FROM city", "WITH x AS (DELETE FROM city RETURNING *) SELECT * FROM x",
     "/* SELECT */ DELETE FROM city",
     "EXPLAIN ANALYZE DELETE FROM city", "BEGIN", "COMMIT; DELETE FROM city", "ATTACH '/tmp/weft-x.db' AS x", "VACUUM",
     "PRAGMA journal_mode = DELETE", "COPY city TO '/tmp/weft-x'", "SELECT 1 INTO bad", "SELECT load_extension('x')",
     "SELECT set_config('transaction_read_only', 'off', false); DELETE FROM city", "CREATE TABLE x (a int)", ""],
)  # fmt: skip
async def test_nothing_is_changed(query: str, url: str, ctx: Context[Any]) -> None:
    sql = SQL(url)
    with pytest.raises(ToolError):
        await ask(sql, ctx, query)
    assert "[[3]]" in await ask(sql, ctx, "SELECT count(*) FROM city")


async def test_a_question_without_end(url: str, ctx: Context[Any]) -> None:
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
    with pytest.raises(ToolFailed, match=r"longer than 0\.3 s"):
        await ask(SQL(url, seconds=0.3), ctx, endless)


async def test_writing_where_it_is_allowed(url: str, ctx: Context[Any]) -> None:
    sql = SQL(url, write=True)
    query = (await of(sql, ctx))["sql_query"]
    assert (query.effect, query.approval) == ("once", True)
    await ask(sql, ctx, "DELETE FROM city WHERE name = 'Rome'")
    assert '"rows":[["Oslo"]]' in await ask(sql, ctx, "UPDATE city SET people = 1 WHERE name = 'Oslo' RETURNING name")
    assert "[[2]]" in await ask(SQL(url), ctx, "SELECT count(*) FROM city")


async def test_databases_that_are_not_there(tmp_path: Path, ctx: Context[Any]) -> None:
    with pytest.raises(ToolFailed, match="there is no database none.db"):  # noqa: RUF043
        await ask(SQL(f"sqlite:///{tmp_path}/none.db"), ctx, "SELECT 1")
    with pytest.raises(ToolFailed, match="cannot be reached"):
        await ask(SQL("postgresql://me:secret@127.0.0.1:9/x"), ctx, "SELECT 1")
    with pytest.raises(UsageError):
        SQL("mysql://x")
    assert repr(SQL("postgresql://me:secret@host/x")) == "SQL(postgresql://host/x)"
