"""Schemas of PostgreSQL that tests take and give back: to make one takes ten times as long as to empty it."""

import asyncio
from collections import deque
from collections.abc import Coroutine
from itertools import count
from typing import Any

import asyncpg

from weft.storage import open_store

PATIENCE = 6
"""So many others are given out before one again: a process that a test killed may need a moment to die."""

SHAPE = """
SELECT md5(string_agg(line, ' ' ORDER BY line)) FROM (
    SELECT relname || attname || atttypid::text || attnotnull::text || atthasdef::text AS line
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid WHERE relnamespace = $1::text::regnamespace
    UNION ALL SELECT tgname || tgenabled::text
    FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid WHERE relnamespace = $1::text::regnamespace
    UNION ALL SELECT conname FROM pg_constraint WHERE connamespace = $1::text::regnamespace
    UNION ALL SELECT proname || md5(prosrc) FROM pg_proc WHERE pronamespace = $1::text::regnamespace
) AS lines
"""
WRITTEN = """
SELECT relname::text FROM pg_class
WHERE relnamespace = $1::text::regnamespace AND relkind = 'r' AND pg_relation_size(oid) > 0
"""


class Schemas:
    """Those of one server. Each that is given out has all tables, and they are empty."""

    def __init__(self, url: str, prefix: str) -> None:
        self._url, self._prefix = url, prefix
        self._number = count(1)
        self._free: deque[str] = deque()
        self._shape: str | None = None
        self._kept: set[str] = set()
        """Tables that are not empty in a new schema."""
        self._loop = asyncio.new_event_loop()
        self._held: asyncpg.Connection[Any] | None = None

    def take(self) -> str:
        while len(self._free) > PATIENCE:
            name = self._free.popleft()
            if self._run(self._emptied(name)):
                return name
        name = f"{self._prefix}_{next(self._number)}"
        self._run(self._made(name))
        return name

    def give_back(self, name: str) -> None:
        self._free.append(name)

    def close(self) -> None:
        if self._held is not None:
            self._held.terminate()
        self._loop.close()

    def _run(self, work: "Coroutine[Any, Any, Any]") -> Any:
        return self._loop.run_until_complete(work)

    async def _connection(self) -> "asyncpg.Connection[Any]":
        if self._held is None or self._held.is_closed():
            self._held = await asyncpg.connect(self._url, server_settings={"lock_timeout": "500"})
        return self._held

    async def _made(self, name: str) -> None:
        await (await open_store(f"{self._url}?schema={name}")).close()
        if self._shape is None:
            connection = await self._connection()
            self._shape = await self._look(connection, name)
            self._kept = {row[0] for row in await connection.fetch(WRITTEN, name)}

    async def _look(self, connection: "asyncpg.Connection[Any]", name: str) -> str:
        version = await connection.fetchval(f'SELECT version_num FROM "{name}".alembic_version')
        return f"{version} {await connection.fetchval(SHAPE, name)}"

    async def _emptied(self, name: str) -> bool:
        """Whether it could be made as new: nobody changed its tables, or has them still."""
        try:
            connection = await self._connection()
            if await self._look(connection, name) != self._shape:
                return False
            written = {row[0] for row in await connection.fetch(WRITTEN, name)} - self._kept
            if written:
                tables = ", ".join(f'"{name}"."{table}"' for table in sorted(written))
                await connection.execute(f"TRUNCATE {tables} RESTART IDENTITY CASCADE")
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):  # a test may have killed the server
            return False
        return True
