"""PostgreSQL as a database of the store, for many processes on many machines.

Every operation is taken again when its connection is lost, for up to a minute, and may be: an operation
that was done already finds so. What belongs to an event loop is in ``_Link``; a second loop gets its own.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from weft.errors import StoreError, UsageError
from weft.storage.base import RINGS_ALL, Commit, Enqueue, Job
from weft.storage.database import MemoryTx
from weft.storage.doorbell import Doorbell
from weft.storage.postgres_commit import STATE, Batch
from weft.storage.postgres_errors import is_lost, translated
from weft.storage.postgres_url import Connection, Pool, PostgresUrl
from weft.storage.query import Operation, Rows
from weft.storage.tables import metadata

T = TypeVar("T")
_PATIENCE = 60.0
"""Seconds to wait for a database that is away: a restart or a fail-over is over by then."""
_LONG = 86_400.0
"""Seconds that writing a table anew may take."""
_BATCH = 1_000
_POOL = 8


class _Link:
    """Connections and the line of commits, of one event loop."""

    def __init__(self, url: PostgresUrl) -> None:
        self.url = url
        self.pool: Pool | None = None
        self.opening = asyncio.Lock()
        self.committer: Connection | None = None
        self.line: deque[tuple[Commit, asyncio.Future[None]]] = deque()
        self.flushing: asyncio.Task[None] | None = None
        self.bell = Doorbell(url.connect, url.schema, self.execute)

    async def acquire(self) -> Pool:
        async with self.opening:
            if self.pool is None:
                self.pool = await self.url.pool(_POOL)
            return self.pool

    async def execute(self, sql: str, *arguments: Any) -> None:
        await (self.pool or await self.acquire()).execute(sql, *arguments)

    async def close(self) -> None:
        if self.flushing is not None:
            await asyncio.wait([self.flushing])
        await self.bell.close()
        if self.committer is not None:
            await self.committer.close()
        if self.pool is not None:
            await self.pool.close()

    def drop(self) -> None:
        """Let go of what a closed loop left."""
        with suppress(Exception):
            if self.committer is not None:
                self.committer.terminate()
        with suppress(Exception):
            if self.pool is not None:
                self.pool.terminate()


class Postgres:
    """A ``Database``: a pool for operations, one connection for commits, one for the doorbell."""

    def __init__(self, url: PostgresUrl) -> None:
        self._url = url
        self._links: dict[asyncio.AbstractEventLoop, _Link] = {}
        self._closed = False

    @property
    def url(self) -> str:
        return self._url.shown

    def _link(self) -> _Link:
        loop = asyncio.get_running_loop()
        link = self._links.get(loop)
        if link is None:
            if self._closed:
                raise StoreError("the store is closed")
            for other in [known for known in self._links if known.is_closed()]:
                self._links.pop(other).drop()
            link = self._links[loop] = _Link(self._url)
        return link

    async def read(self, operation: Operation[T], *, brief: bool = False) -> T:
        link = self._link()

        async def attempt() -> T:
            pool = link.pool or await link.acquire()
            async with pool.acquire() as connection:
                return await _take(connection, operation)

        return await persist(attempt)

    async def write(self, operation: Operation[T], *, lone: bool = False) -> T:
        link = self._link()
        await _commits_before(link)
        if lone:
            return await self.read(operation)
        return await self._transaction(link, operation, None, None)

    async def queue(self, operation: Operation[T], jobs: Callable[[T], Sequence[Job]], enqueue: Enqueue) -> T:
        link = self._link()
        await _commits_before(link)
        return await self._transaction(link, operation, jobs, enqueue)

    async def _transaction(
        self,
        link: _Link,
        operation: Operation[T],
        jobs: Callable[[T], Sequence[Job]] | None,
        enqueue: Enqueue | None,
    ) -> T:
        async def attempt() -> T:
            pool = link.pool or await link.acquire()
            async with pool.acquire() as connection:
                tx = PostgresTx(connection)
                async with connection.transaction():
                    result = await _take(connection, operation)
                    if jobs is not None and enqueue is not None:
                        for job in jobs(result):
                            await enqueue(tx, job)
            tx.committed()
            return result

        return await persist(attempt)

    async def erase(self, operation: Operation[T]) -> T:
        """What is deleted is unreachable at once; its bytes go with the next VACUUM, which the server does itself."""
        return await self.write(operation)

    async def compact(self) -> None:
        for table in metadata.tables:
            await self._link().execute(f"VACUUM {table}")

    async def scrub(self, *, whole: bool = False) -> None:
        """Free the space of what was deleted, or write all tables anew; what the server's own log and backups still
        have is not ours to empty."""
        pool, how = await self._link().acquire(), "FULL" if whole else "SKIP_LOCKED"
        for table in metadata.tables:
            await pool.execute(f"VACUUM ({how}) {table}", timeout=_LONG)

    def commit(self, commit: Commit) -> "asyncio.Future[None]":
        link = self._link()
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        link.line.append((commit, future))
        if link.flushing is None:
            link.flushing = asyncio.get_running_loop().create_task(_flush(link))
        return future

    def ring(self, runs: Iterable[str]) -> None:
        if named := list(runs):
            self._link().bell.rang([*named, RINGS_ALL])

    def listen(self, ring: Callable[[str], None]) -> Callable[[], None]:
        return self._link().bell.listen(ring)

    async def close(self) -> None:
        self._closed = True
        here = self._links.pop(asyncio.get_running_loop(), None)
        if here is not None:
            await here.close()
        for link in self._links.values():
            link.drop()
        self._links.clear()


class PostgresTx(MemoryTx):
    """The open transaction, for a dispatcher that keeps its jobs in the same database."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self._connection = connection

    async def execute(self, sql: str, *arguments: Any) -> None:
        await self._connection.execute(sql, *arguments)


async def _take(connection: Connection, operation: Operation[T]) -> T:
    """Take the steps of an operation on a connection."""
    steps = operation()
    rows: Rows = ()
    try:
        query, values = next(steps)
        while True:
            rows = await connection.fetch(query.sql("postgresql"), *query.arguments("postgresql", values))
            query, values = steps.send(rows)
    except StopIteration as stop:
        result: Any = stop.value
        return result


async def persist(attempt: Callable[[], Awaitable[T]], *, patience: float = _PATIENCE) -> T:
    """Try until the database answers, for ``patience`` seconds.

    Raises:
        StoreError: it said no, or was away for too long.
    """
    deadline = time.monotonic() + patience
    pause = 0.05
    while True:
        try:
            return await attempt()
        except Exception as error:
            if not is_lost(error) or time.monotonic() > deadline:
                raise translated(error) from error
        await asyncio.sleep(pause)
        pause = min(1.0, pause * 2)


async def _commits_before(link: _Link) -> None:
    """Wait for the commits that stand in line: an operation does not overtake them."""
    if link.flushing is not None:
        if link.line:
            await asyncio.wait([link.line[-1][1]])
        elif not link.flushing.done():
            await asyncio.wait([link.flushing])


async def _flush(link: _Link) -> None:
    """Write the line until it is empty."""
    try:
        while link.line:
            batch = [link.line.popleft() for _ in range(min(_BATCH, len(link.line)))]
            try:
                await _flush_batch(link, batch)
            finally:
                for _, future in batch:
                    future.cancel()  # a no-op where it is settled: only if this task ends in the midst
    finally:
        link.flushing = None


async def _flush_batch(link: _Link, batch: Sequence[tuple[Commit, "asyncio.Future[None]"]]) -> None:
    """Write these together; where the database refuses the whole, each alone."""
    try:
        outcomes = await persist(lambda: _write(link, [commit for commit, _ in batch]))
    except StoreError as error:
        if len(batch) == 1 or error.retryable:
            _settle(batch, [error] * len(batch))
            return
        for one in batch:
            await _flush_batch(link, [one])
        return
    except UsageError as error:
        if len(batch) == 1:
            _settle(batch, [error])
            return
        for one in batch:
            await _flush_batch(link, [one])
        return
    _settle(batch, outcomes)
    link.bell.rang({commit.run_id for (commit, _), error in zip(batch, outcomes, strict=True) if error is None})


async def _write(link: _Link, commits: Sequence[Commit]) -> Sequence[StoreError | None]:
    connection = link.committer
    try:
        if connection is None or connection.is_closed():
            connection = link.committer = await link.url.connect()
        batch = Batch(commits)
        query, values = batch.query()
        rows = await connection.fetch(query.sql("postgresql"), *query.arguments("postgresql", values))
        written = {row[0] for row in rows}
        state: dict[str, tuple[int, int]] = {}
        if len(written) < len(batch.groups):
            ids = [group.run_id for group in batch.groups]
            found = await connection.fetch(STATE.sql("postgresql"), *STATE.arguments("postgresql", {"ids": ids}))
            state = {row[0]: (row[1], row[2]) for row in found}
        return batch.outcomes(written, state)
    except Exception as error:
        if connection is not None and is_lost(error):
            connection.terminate()
        raise


def _settle(batch: Sequence[tuple[Commit, "asyncio.Future[None]"]], outcomes: Sequence[Exception | None]) -> None:
    for (_, future), error in zip(batch, outcomes, strict=True):
        if future.done():
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
            future.exception()  # seen: who never awaits it is not warned of it
