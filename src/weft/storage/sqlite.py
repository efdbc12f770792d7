"""SQLite as a database of the store: a file that several processes may share, or memory."""

import asyncio
import os
import sqlite3
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

from weft.errors import StoreLocked, UsageError
from weft.storage.base import Commit, Enqueue, Job
from weft.storage.database import MemoryTx
from weft.storage.query import Operation, Rows
from weft.storage.sqlite_errors import translated
from weft.storage.writer import PATIENCE, Readers, Writer

T = TypeVar("T")
_SYNCHRONOUS = ("FULL", "NORMAL", "EXTRA", "OFF")
_SAFE_TO_SHARE = (3, 51, 3)
"""Before this version, two processes that reset the write-ahead log at the same moment may damage the file."""
_PAGE = 2_048
"""Bytes: what a small commit writes is whole pages, so small ones are cheaper, and less stays empty."""


class SqliteUrl:
    """``sqlite:///relative.db``, ``sqlite:////absolute.db``, ``sqlite://`` (memory); ``?synchronous=NORMAL``.

    >>> SqliteUrl("sqlite:///weft.db?synchronous=normal").path, SqliteUrl("sqlite://").path
    (PosixPath('weft.db'), None)
    """

    def __init__(self, url: str) -> None:
        """Raises: UsageError."""
        parts = urlsplit(url)
        options = {name.lower(): values[-1] for name, values in parse_qs(parts.query).items()}
        self.url = url
        self.synchronous = options.pop("synchronous", "FULL").upper()
        path = unquote(parts.path)[1:]
        self.path = Path(path) if path not in ("", ":memory:") else None
        if parts.scheme != "sqlite" or parts.netloc or options or self.synchronous not in _SYNCHRONOUS:
            raise UsageError(f"{url!r} is no SQLite URL: sqlite:///file.db?synchronous=FULL|NORMAL, or sqlite://")

    def connect(self, *, readonly: bool = False) -> sqlite3.Connection:
        """A connection that may be used from any one thread at a time."""
        connection = sqlite3.connect(
            self.path or ":memory:", isolation_level=None, check_same_thread=False, cached_statements=512
        )
        connection.execute(f"PRAGMA busy_timeout={PATIENCE}")
        connection.execute(f"PRAGMA page_size={_PAGE}")
        if self.path is not None:
            _use_wal(connection)
        pragmas = (f"synchronous={self.synchronous}", "temp_store=MEMORY", "cache_size=-16384", "secure_delete=ON")
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("PRAGMA journal_size_limit=67108864")
        if readonly:
            connection.execute("PRAGMA query_only=ON")
        return connection


def _use_wal(connection: sqlite3.Connection) -> None:
    """Two that open a new file at once are told "locked" without the wait of ``busy_timeout``: wait here."""
    until = time.monotonic() + PATIENCE / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.01)


class Sqlite:
    """A ``Database``: one writer, and two threads that read."""

    def __init__(self, url: SqliteUrl, connection: sqlite3.Connection | None = None) -> None:
        """With a ``connection`` that has the tables: memory's only one.

        Raises:
            StoreError: the file cannot be opened.
        """
        self.url = url.url
        self._address = url
        self._memory = connection is not None
        try:
            if connection is not None:
                self._writer = Writer(lambda: connection, on_loop=True)
                return
            readers = self._readers = Readers(lambda: url.connect(readonly=True))
            on_loop = url.synchronous in ("NORMAL", "OFF")
            self._writer = Writer(url.connect, on_loop=on_loop, checkpoint=lambda: readers.submit(_checkpoint))
        except sqlite3.Error as error:
            raise translated(error) from error
        if url.path is not None:
            _warn_if_shared(url.path)

    async def read(self, operation: Operation[T], *, brief: bool = False) -> T:
        steps = _steps(operation)
        if self._memory:
            return await self._writer.read(steps)
        here = self._writer.read_here(steps) if brief else None
        return await (here or self._readers.submit(steps))

    async def write(self, operation: Operation[T], *, lone: bool = False) -> T:
        return await self._writer.submit(_steps(operation), brief=lone)

    async def queue(self, operation: Operation[T], jobs: Callable[[T], Sequence[Job]], enqueue: Enqueue) -> T:
        result: T = await self._writer.submit(_steps(operation))
        tx = MemoryTx()
        for job in jobs(result):
            await enqueue(tx, job)
        tx.committed()
        return result

    def commit(self, commit: Commit) -> "asyncio.Future[None]":
        return self._writer.submit(commit)

    async def erase(self, operation: Operation[T]) -> T:
        """Deleted bytes are overwritten (``secure_delete``); the log that may still have them is emptied."""
        result: T = await self._writer.submit(_steps(operation), brief=False)
        await asyncio.to_thread(self._emptied)
        return result

    async def compact(self) -> None:
        await asyncio.to_thread(self._aside, "VACUUM")
        await asyncio.to_thread(self._emptied)

    async def scrub(self, *, whole: bool = False) -> None:
        """Empty the log; a reader that is in the midst of something is waited for."""
        if not await asyncio.to_thread(self._emptied):
            raise StoreLocked("others read or write for too long, so the log may still have what was erased: try again")

    def _emptied(self) -> bool:
        """Whether the log has nothing any more. One that is just being read into the database refuses it at once."""
        if self._memory:
            return True
        until = time.monotonic() + PATIENCE / 1000
        try:
            with closing(self._address.connect()) as connection:
                while connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                    if time.monotonic() > until:
                        return False
                    time.sleep(0.01)
        except sqlite3.Error as error:
            raise translated(error) from error
        return True

    def _aside(self, *statements: str) -> None:
        """On a connection of its own, so that the writer's is not kept waiting."""
        if self._memory:
            return
        try:
            with closing(self._address.connect()) as connection:
                for statement in statements:
                    connection.execute(statement)
        except sqlite3.Error as error:
            raise translated(error) from error

    def ring(self, runs: Iterable[str]) -> None:
        """SQLite has no bell: others look by themselves, a few times a second."""

    def listen(self, ring: Callable[[str], None]) -> Callable[[], None]:
        """SQLite has no bell."""
        return lambda: None

    async def close(self) -> None:
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._writer.close()
        if not self._memory:
            self._readers.close()


def _checkpoint(connection: sqlite3.Connection) -> None:
    """Bring the log into the database, as far as no reader needs it: a reader's thread may wait for the disk."""
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)")


def _steps(operation: Operation[T]) -> Callable[[sqlite3.Connection], T]:
    """The operation as a function of a connection."""

    def run(connection: sqlite3.Connection) -> T:
        execute = connection.execute
        steps = operation()
        rows: Rows = ()
        try:
            query, values = next(steps)
            while True:
                rows = execute(query.sql("sqlite"), query.arguments("sqlite", values)).fetchall()
                query, values = steps.send(rows)
        except StopIteration as stop:
            result: Any = stop.value
            return result

    return run


def _warn_if_shared(path: Path) -> None:
    if sqlite3.sqlite_version_info < _SAFE_TO_SHARE and _others(path):
        warnings.warn(
            f"another process has {path} open, and SQLite {sqlite3.sqlite_version} may damage a file that several "
            "processes write: use SQLite 3.51.3 or newer, or PostgreSQL",
            RuntimeWarning,
            stacklevel=2,
        )


def _others(path: Path) -> bool:
    """Whether another process holds the file's lock; always False where the system has no ``/proc/locks``.

    To ask ``fcntl`` would mean to open the file, and closing it would drop SQLite's own locks.
    """
    try:
        inode = os.stat(f"{path}-shm").st_ino
        with open("/proc/locks") as locks:
            lines = [line.split() for line in locks]
    except OSError:
        return False
    found = [(line[-4], line[-3]) for line in lines if len(line) >= 8 and "POSIX" in line]
    return any(pid != str(os.getpid()) and place.rsplit(":", 1)[-1] == str(inode) for pid, place in found)
