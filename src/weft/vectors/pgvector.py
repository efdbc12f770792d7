"""pgvector: vectors in PostgreSQL, in the application's own database or another, shared by all its processes."""

import asyncio
import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from weft.errors import StoreError, UsageError
from weft.vectors.base import distinct, numbers
from weft.vectors.exact import loaded

_MOST = 2_000
"""Numbers of a vector that an index of pgvector's takes; longer ones are always searched whole."""
_MANY = 20_000
"""Vectors of a space up to which all are compared: an index that serves many spaces would miss some of them."""
_LOCK = 0x776566745F766563
"""The number under which the tables are made by one process at a time."""


class PgVector:
    """``VectorIndex`` in PostgreSQL with the extension ``vector`` (0.8 or newer); ``pip install 'weft[postgres]'``.

    Tables are in the schema ``weft_vectors`` (``?schema=`` names another), one for each length of vectors. A space of
    up to ``exact_up_to`` vectors is searched whole, a larger one by an HNSW index, which is made when there is need.

    >>> PgVector("postgresql://me:secret@db/app").url
    'postgresql://me@db/app'
    """

    def __init__(self, url: str, *, exact_up_to: int = _MANY, connections: int = 4) -> None:
        """Raises: UsageError."""
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query))
        self._schema = options.pop("schema", "weft_vectors")
        if not re.fullmatch(r"[A-Za-z_]\w{0,50}", self._schema, re.ASCII):
            raise UsageError(f"{self._schema!r} is no name for a schema")
        self._dsn = parts._replace(scheme="postgresql", query=urlencode(options)).geturl()
        user, _, host = parts.netloc.rpartition("@")
        self.url = parts._replace(netloc=f"{user.partition(':')[0]}@{host}" if user else host, query="").geturl()
        self._few, self._connections = exact_up_to, connections
        self._pool: Any = None
        self._opening = asyncio.Lock()
        self._tables: dict[int, bool] = {}
        """By the length of their vectors; whether there is an index."""
        self._since = 0

    async def put(self, space: str, entries: Sequence[tuple[str, bytes]]) -> None:
        if not entries:
            return
        size = numbers(space, (vector for _, vector in entries))
        async with self._connection() as connection:
            await self._table(connection, size)
            async with connection.transaction():
                held = f"SELECT size FROM {self._schema}.spaces WHERE space = $1 FOR KEY SHARE"  # no drop meanwhile
                known = await connection.fetchval(held, space)
                if known is None:
                    known = await self._begin(connection, space, size)
                numbers(space, (vector for _, vector in entries), known)
                await connection.executemany(
                    f"INSERT INTO {self._named(size)} (space, id, body) VALUES ($1, $2, $3) "
                    "ON CONFLICT (space, id) DO UPDATE SET body = excluded.body",
                    [(space, id, vector) for id, vector in sorted(distinct(entries).items())],
                )
            self._since += len(entries)
            if self._since >= min(1_000, self._few):
                self._since = 0
                await self._index(connection, size)

    async def remove(self, space: str, ids: Sequence[str]) -> None:
        async with self._connection() as connection:
            if size := await self._size(connection, space):
                sql = f"DELETE FROM {self._named(size)} WHERE space = $1 AND id = ANY($2::text[])"
                await connection.execute(sql, space, list(ids))

    async def search(
        self, space: str, vector: bytes, limit: int, *, only: Sequence[str] | None = None
    ) -> Sequence[tuple[str, float]]:
        async with self._connection() as connection:
            size = await self._size(connection, space)
            if size is None or limit < 1 or (only is not None and not only):
                return []
            numbers(space, [vector], size)
            mine = f"SELECT id, body <#> $2 AS far FROM {self._named(size)} WHERE space = $1"
            if only is not None:
                sql = f"{mine} AND id = ANY($4::text[]) ORDER BY (body <#> $2) + 0, id LIMIT $3"
                rows = await connection.fetch(sql, space, vector, limit, list(only))
            else:
                rows = ()
                if self._tables.get(size) and not await self._small(connection, space, size):
                    sql = f"{mine} ORDER BY body <#> $2 LIMIT $3"
                    rows = await self._by_index(connection, sql, space, vector, limit)
                if len(rows) < limit:  # a small space, or one so rare here that the index gave up
                    # the sum keeps the index out, which may not find all that are near
                    rows = await connection.fetch(
                        f"{mine} ORDER BY (body <#> $2) + 0, id LIMIT $3", space, vector, limit
                    )
            return [(row[0], -float(row[1])) for row in rows]

    async def count(self, space: str) -> int:
        async with self._connection() as connection:
            if not (size := await self._size(connection, space)):
                return 0
            return await connection.fetchval(f"SELECT count(*) FROM {self._named(size)} WHERE space = $1", space)

    async def scrub(self, space: str) -> None:
        """The space in the tables is freed; of one that was dropped nobody knows any more which one it was in."""
        async with self._connection() as connection:
            for size in list(self._tables):
                await connection.execute(f"VACUUM (SKIP_LOCKED) {self._named(size)}", timeout=3600)

    async def drop(self, space: str) -> None:
        async with self._connection() as connection, connection.transaction():
            sql = f"DELETE FROM {self._schema}.spaces WHERE space = $1 RETURNING size"
            if size := await connection.fetchval(sql, space):
                await connection.execute(f"DELETE FROM {self._named(size)} WHERE space = $1", space)

    async def close(self) -> None:
        if self._pool is not None:
            await self._pool.close()
            self._pool = None

    # Tables

    def _named(self, size: int) -> str:
        return f"{self._schema}.vectors_{size}"

    async def _size(self, connection: Any, space: str) -> int | None:
        size = await connection.fetchval(f"SELECT size FROM {self._schema}.spaces WHERE space = $1", space)
        if size is not None and size not in self._tables:
            await self._table(connection, size)
        return size

    async def _begin(self, connection: Any, space: str, size: int) -> int:
        """A new space; its length, which is another's where two begin at once."""
        names = f"{self._schema}.spaces"
        await connection.execute(
            f"INSERT INTO {names} (space, size) VALUES ($1, $2) ON CONFLICT DO NOTHING", space, size
        )
        return await connection.fetchval(f"SELECT size FROM {names} WHERE space = $1 FOR UPDATE", space)

    async def _table(self, connection: Any, size: int) -> None:
        if size in self._tables:
            return
        async with connection.transaction():
            await connection.execute(f"SELECT pg_advisory_xact_lock({_LOCK})")
            await connection.execute(
                f"CREATE TABLE IF NOT EXISTS {self._named(size)} "
                f"(space text NOT NULL, id text NOT NULL, body {self._type}({size}) NOT NULL, PRIMARY KEY (space, id))"
            )
        self._tables[size] = await self._indexed(connection, size)

    async def _indexed(self, connection: Any, size: int) -> bool:
        name = f"{self._schema}.vectors_{size}_near"
        return await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", name)

    async def _index(self, connection: Any, size: int) -> None:
        """Make the index, once a table is so large that a space in it may be."""
        if self._tables[size] or size > _MOST or await self._few_in(connection, self._named(size), "true"):
            return
        async with connection.transaction():
            await connection.execute(f"SELECT pg_advisory_xact_lock({_LOCK})")
            await connection.execute(
                f"CREATE INDEX IF NOT EXISTS vectors_{size}_near ON {self._named(size)} "
                f"USING hnsw (body {self._home}.vector_ip_ops)",
                timeout=3600,
            )
            await connection.execute(f"ANALYZE {self._named(size)}")
        self._tables[size] = True

    async def _small(self, connection: Any, space: str, size: int) -> bool:
        return await self._few_in(connection, self._named(size), "space = $1", space)

    async def _few_in(self, connection: Any, table: str, where: str, *values: Any) -> bool:
        sql = f"SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {where} LIMIT {self._few + 1}) AS few"
        return await connection.fetchval(sql, *values) <= self._few

    async def _by_index(self, connection: Any, sql: str, space: str, vector: bytes, limit: int) -> Sequence[Any]:
        """It goes on until it has enough of this space, or has looked at too many."""
        async with connection.transaction():
            await connection.execute("SET LOCAL hnsw.iterative_scan = strict_order; SET LOCAL enable_sort = off")
            await connection.execute(f"SET LOCAL hnsw.ef_search = {max(100, min(2 * limit, 1000))}")
            return await connection.fetch(sql, space, vector, limit)

    # Connections

    @asynccontextmanager
    async def _connection(self) -> AsyncGenerator[Any]:
        driver = await _driver()
        try:
            async with (await self._opened(driver)).acquire() as connection:
                yield connection
        except (OSError, TimeoutError, driver.PostgresError, driver.InterfaceError) as error:
            raise StoreError(f"vectors in {self.url}: {error or type(error).__name__}") from error

    async def _opened(self, driver: Any) -> Any:
        async with self._opening:
            if self._pool is None:
                connection = await driver.connect(self._dsn, timeout=30)
                try:
                    await self._prepare(connection)
                finally:
                    await connection.close()
                self._pool = await driver.create_pool(
                    self._dsn,
                    min_size=0,
                    max_size=self._connections,
                    init=self._speak,
                    timeout=30,
                    server_settings={"search_path": f"{self._home}, public", "application_name": "weft", "jit": "off"},
                )
            return self._pool

    async def _prepare(self, connection: Any) -> None:
        """The extension, where it may be made; its schema; the table of spaces."""
        async with connection.transaction():
            await connection.execute(f"SELECT pg_advisory_xact_lock({_LOCK})")
            find = (
                "SELECT quote_ident(n.nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace "
                "WHERE e.extname = 'vector'"
            )
            if (home := await connection.fetchval(find)) is None:
                await connection.execute("CREATE EXTENSION vector")
                home = await connection.fetchval(find)
            self._home, self._type = home, f"{home}.vector"
            await connection.execute(
                f"CREATE SCHEMA IF NOT EXISTS {self._schema}; "
                f"CREATE TABLE IF NOT EXISTS {self._schema}.spaces (space text PRIMARY KEY, size integer NOT NULL)"
            )

    async def _speak(self, connection: Any) -> None:
        """Vectors cross the wire as they are kept: two lengths and big-endian floats."""
        await connection.set_type_codec(
            "vector", schema=self._home.strip('"'), encoder=_sent, decoder=bytes, format="binary"
        )


def _sent(vector: bytes) -> bytes:
    import numpy as np  # noqa: PLC0415

    size = len(vector) // 4
    return size.to_bytes(2, "big") + bytes(2) + np.frombuffer(vector, dtype="<f4").astype(">f4").tobytes()


async def _driver() -> Any:
    try:
        await loaded("asyncpg")
        import asyncpg  # noqa: PLC0415  # an extra
    except ImportError as error:
        raise UsageError(f"vectors in PostgreSQL need its driver: pip install 'weft[postgres]' ({error})") from error
    return asyncpg
