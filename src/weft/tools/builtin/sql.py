"""``SQL``: questions to a database of yours, SQLite or PostgreSQL; it is only read, unless you say otherwise."""

import asyncio
import re
import sqlite3
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from weft.engine.context import Context
from weft.errors import ToolFailed, ToolRetry, UsageError
from weft.tools.base import Approval, Tool
from weft.tools.function import tool
from weft.tools.threads import in_thread

_READS = ("select", "with", "values", "table", "explain", "show")
_NOISE = re.compile(r"\A(\s|--[^\n]*(\n|\Z)|/\*.*?\*/|\()*", re.DOTALL)
_COLUMNS = """SELECT table_schema || '.' || table_name, column_name, data_type FROM information_schema.columns
WHERE table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, ordinal_position"""


class SQL:
    """Tools ``sql_schema`` and ``sql_query`` for ``sqlite:///file.db`` or ``postgresql://...``.

    ``rows`` are given at most, within ``seconds``. With ``write`` a statement may change the database; then it must
    not happen twice, and asks a person first unless ``approval`` says otherwise. On PostgreSQL give a role that may
    do no more than the agent shall: a transaction that only reads still runs every function that its role may run.
    """

    def __init__(
        self, url: str, *, write: bool = False, rows: int = 200, seconds: float = 10.0, approval: Approval | None = None
    ) -> None:
        scheme = url.partition(":")[0]
        if scheme not in ("sqlite", "postgresql", "postgres"):
            raise UsageError("SQL reads sqlite:///FILE and postgresql://... databases")
        self._write, self._rows, self._seconds = write, rows, seconds
        self._approval: Approval = write if approval is None else approval
        self._base = _Sqlite(url) if scheme == "sqlite" else _Postgres(url)
        self._made: list[Tool] | None = None

    def __repr__(self) -> str:
        return f"SQL({self._base})"

    async def tools(self, ctx: Context[Any]) -> Sequence[Tool]:
        if self._made is None:
            effect = "once" if self._write else "read"
            query = tool(self.sql_query, effect=effect, approval=self._approval, timeout=self._seconds + 10)
            self._made = [tool(self.sql_schema, effect="read").tool, query.tool]
        return self._made

    async def sql_schema(self) -> str:
        """The tables of the database, with their columns and types."""
        tables: dict[str, list[str]] = {}
        for table, column, kind in await self._base.columns(self._seconds):
            tables.setdefault(table, []).append(f"{column} {kind}".strip())
        return (
            "\n".join(f"{table}({', '.join(columns)})" for table, columns in tables.items()) or "There are no tables."
        )

    async def sql_query(self, query: str) -> dict[str, Any]:
        """Ask the database one SQL statement.

        Args:
            query: One statement, in the database's own dialect. Give LIMITs and sums rather than many rows.
        """
        if not self._write and not _NOISE.sub("", query).lower().startswith(_READS):
            raise ToolRetry(f"this database is only read: begin with one of {', '.join(_READS).upper()}")
        names, rows = await self._base.ask(query, self._rows + 1, self._seconds, self._write)
        told: dict[str, Any] = {"columns": names, "rows": [[_plain(v) for v in row] for row in rows[: self._rows]]}
        return told | ({"more": f"only the first {self._rows} rows"} if len(rows) > self._rows else {})


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return f"({len(value)} bytes)"
    return value if isinstance(value, str | int | float | None) else str(value)


class _Sqlite:
    def __init__(self, url: str) -> None:
        self._path = Path(url.removeprefix("sqlite:///"))

    def __str__(self) -> str:
        return f"sqlite:///{self._path}"

    async def columns(self, seconds: float) -> list[tuple[str, str, str]]:
        sql = """SELECT m.name, c.name, c.type FROM sqlite_master m JOIN pragma_table_info(m.name) c
        WHERE m.type IN ('table', 'view') AND m.name NOT LIKE 'sqlite_%' ORDER BY m.name, c.cid"""
        return (await in_thread(partial(self._ask, sql, 10_000, seconds, False, guarded=False)))[1]

    async def ask(self, query: str, most: int, seconds: float, write: bool) -> tuple[list[str], list[Any]]:
        return await in_thread(partial(self._ask, query, most, seconds, write))

    def _ask(
        self, query: str, most: int, seconds: float, write: bool, *, guarded: bool = True
    ) -> tuple[list[str], list[Any]]:
        if not self._path.is_file():
            raise ToolFailed(f"there is no database {self._path.name}")
        mode, until = "rw" if write else "ro", time.monotonic() + seconds
        address = f"file:{quote(str(self._path.resolve()))}?mode={mode}"
        with _closing(sqlite3.connect(address, uri=True, timeout=seconds)) as connection:
            if guarded:
                connection.set_authorizer(partial(_allowed, write))
            connection.set_progress_handler(lambda: time.monotonic() > until, 10_000)
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 50_000_000)
            try:
                cursor = connection.execute(query)
                rows = cursor.fetchmany(most)
                if write:
                    connection.commit()
            except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
                if "interrupted" in str(error):
                    raise ToolFailed(f"the query took longer than {seconds:g} s") from None
                raise ToolRetry(f"the database says: {error}") from None
        return [column[0] for column in cursor.description or ()], rows


class _closing:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> sqlite3.Connection:
        return self._connection

    def __exit__(self, *_: object) -> None:
        self._connection.close()


_READING = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE})
_NEVER = frozenset({sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH})


def _allowed(write: bool, action: int, one: str | None, two: str | None, *_: str | None) -> int:
    """Other files are never opened; without ``write`` nothing but reading is done."""
    if action == sqlite3.SQLITE_PRAGMA:
        fine = one in ("table_info", "index_list", "foreign_key_list", "table_list")
    elif action == sqlite3.SQLITE_FUNCTION:
        fine = two != "load_extension"
    else:
        fine = action not in _NEVER and (write or action in _READING)
    return sqlite3.SQLITE_OK if fine else sqlite3.SQLITE_DENY


class _Postgres:
    def __init__(self, url: str) -> None:
        self._url = url

    def __str__(self) -> str:
        return re.sub(r"//[^@/]*@", "//", self._url)

    async def columns(self, seconds: float) -> list[tuple[str, str, str]]:
        return (await self.ask(_COLUMNS, 10_000, seconds, False))[1]

    async def ask(self, query: str, most: int, seconds: float, write: bool) -> tuple[list[str], list[Any]]:
        try:
            import asyncpg  # noqa: PLC0415  # the extra weft[postgres]
        except ImportError:
            raise ToolFailed("asking PostgreSQL needs the extra weft[postgres]") from None
        driver: Any = asyncpg  # it has no types
        try:
            connection = await driver.connect(self._url, timeout=seconds, command_timeout=seconds + 5)
        except (OSError, driver.PostgresError, TimeoutError) as error:
            raise ToolFailed(f"the database cannot be reached: {type(error).__name__}") from None
        try:
            transaction = connection.transaction(readonly=not write)
            await transaction.start()
            try:
                await connection.execute(f"SET LOCAL statement_timeout = {int(seconds * 1000)}")
                statement = await connection.prepare(query)  # one statement: several cannot be prepared
                names = [attribute.name for attribute in statement.get_attributes()]
                rows = [tuple(row) for row in await statement.fetch()] if write else []
                if not write:
                    rows = [tuple(row) for row in await (await statement.cursor()).fetch(most)]
                await transaction.commit()
            except BaseException:
                await asyncio.shield(transaction.rollback())
                raise
        except driver.QueryCanceledError:
            raise ToolFailed(f"the query took longer than {seconds:g} s") from None
        except (driver.PostgresError, driver.InterfaceError) as error:
            raise ToolRetry(f"the database says: {error}") from None
        finally:
            await connection.close(timeout=2)
        return names, rows[:most]
