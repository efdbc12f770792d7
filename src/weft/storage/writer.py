"""One thread that writes, and two that read: SQLite off the event loop, many operations to a transaction.

Whatever waits when the writer is free goes into one transaction and shares its COMMIT. An operation
is told that it is done only after that COMMIT; if it fails, all of the batch are told so.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Any, TypeAlias

from weft.errors import StoreError
from weft.storage.base import Commit
from weft.storage.sqlite_commit import CommitWriter
from weft.storage.sqlite_errors import ends_batch, translated

Work: TypeAlias = Callable[[sqlite3.Connection], Any]
Ticket: TypeAlias = tuple[Commit | Work, "asyncio.Future[Any]"]
Outcome: TypeAlias = tuple["asyncio.Future[Any]", Any, BaseException | None]

BATCH = 512
"""Operations in one transaction at most: what a failed COMMIT takes down with it, and how long readers of new rows wait."""


class Writer:
    """Takes operations in order and writes them in groups."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        """Raises: sqlite3.Error, from ``connect``, which runs here, so that failure has a caller."""
        self._connect = connect
        self._connection = connect()
        self._commits = CommitWriter(self._connection)
        self._tickets: SimpleQueue[Ticket | None] = SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="weft-writer", daemon=True)
        self._thread.start()

    def submit(self, work: Commit | Work) -> "asyncio.Future[Any]":
        """Queue it; the future is of the running loop."""
        future = asyncio.get_running_loop().create_future()
        if self._closed:
            raise StoreError("the store is closed")
        self._tickets.put((work, future))
        return future

    def close(self) -> None:
        """Write what is queued, and end."""
        self._closed = True
        self._tickets.put(None)
        self._thread.join()

    def _run(self) -> None:
        open = True
        while open:
            ticket = self._tickets.get()
            batch: list[Ticket] = []
            while ticket is not None:
                batch.append(ticket)
                if len(batch) >= BATCH:
                    break
                try:
                    ticket = self._tickets.get_nowait()
                except Empty:
                    break
            open = ticket is not None
            if batch:
                deliver(self._write(batch))
        self._finish()

    def _finish(self) -> None:
        try:
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error:
            pass  # another process reads; the next one to close will do it
        self._connection.close()

    def _write(self, batch: Sequence[Ticket]) -> list[Outcome]:
        """First all at once; where one of them cannot be written, each under its own savepoint."""
        try:
            try:
                return self._transaction(batch, guarded=False)
            except Exception as error:
                if ends_batch(error):
                    raise
                self._roll_back()
                return self._transaction(batch, guarded=True)
        except Exception as error:
            self._roll_back()
            failure = translated(error)
            return [(future, None, failure) for _, future in batch]

    def _transaction(self, batch: Sequence[Ticket], *, guarded: bool) -> list[Outcome]:
        self._connection.execute("BEGIN IMMEDIATE")
        outcomes: list[Outcome] = []
        run: list[Ticket] = []
        for ticket in batch:
            if isinstance(ticket[0], Commit):
                run.append(ticket)
                continue
            outcomes += self._commit(run, guarded=guarded)
            run = []
            outcomes.append(self._guarded(ticket[0], ticket[1]))
        outcomes += self._commit(run, guarded=guarded)
        self._connection.execute("COMMIT")
        return outcomes

    def _commit(self, tickets: Sequence[Ticket], *, guarded: bool) -> list[Outcome]:
        """Commits that stand together in line."""
        if guarded:
            return [self._guarded(lambda _, one=commit: self._alone(one), future) for commit, future in tickets]
        if not tickets:
            return []
        refusals = self._commits.write([commit for commit, _ in tickets])  # pyright: ignore[reportArgumentType]
        return [(future, None, refusal) for (_, future), refusal in zip(tickets, refusals, strict=True)]

    def _alone(self, commit: Any) -> None:
        if refusal := self._commits.write([commit])[0]:
            raise refusal

    def _guarded(self, work: Work, future: "asyncio.Future[Any]") -> Outcome:
        """Run it under a savepoint: what it raises is its own, and leaves nothing behind."""
        connection = self._connection
        connection.execute("SAVEPOINT one")
        try:
            value, error = work(connection), None
        except Exception as raised:
            if ends_batch(raised):
                raise
            connection.execute("ROLLBACK TO one")
            value, error = None, translated(raised)
        connection.execute("RELEASE one")
        return future, value, error

    def _roll_back(self) -> None:
        """Leave the transaction, with a new connection if this one cannot."""
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error:
            self._connection.close()
            self._connection = self._connect()
            self._commits = CommitWriter(self._connection)


class Readers:
    """A few threads with a connection each, which take reads from one line."""

    def __init__(self, connect: Callable[[], sqlite3.Connection], count: int = 2) -> None:
        self._tickets: SimpleQueue[tuple[Work, asyncio.Future[Any]] | None] = SimpleQueue()
        self._closed = False
        connections = [connect() for _ in range(count)]
        self._threads = [
            threading.Thread(target=self._run, args=(connection,), name="weft-reader", daemon=True)
            for connection in connections
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, work: Work) -> "asyncio.Future[Any]":
        future = asyncio.get_running_loop().create_future()
        if self._closed:
            raise StoreError("the store is closed")
        self._tickets.put((work, future))
        return future

    def close(self) -> None:
        self._closed = True
        for _ in self._threads:
            self._tickets.put(None)
        for thread in self._threads:
            thread.join()

    def _run(self, connection: sqlite3.Connection) -> None:
        while (ticket := self._tickets.get()) is not None:
            work, future = ticket
            try:
                deliver([(future, work(connection), None)])
            except Exception as error:
                deliver([(future, None, translated(error))])
        connection.close()


def deliver(outcomes: Sequence[Outcome]) -> None:
    """Give each future its outcome, in its own loop: one call into a loop for all that are of it."""
    loops: dict[asyncio.AbstractEventLoop, list[Outcome]] = {}
    for outcome in outcomes:
        loops.setdefault(outcome[0].get_loop(), []).append(outcome)
    for loop, of_loop in loops.items():
        try:
            loop.call_soon_threadsafe(_settle, of_loop)
        except RuntimeError:
            pass  # the loop is closed: nobody waits any more


def _settle(outcomes: Sequence[Outcome]) -> None:
    for future, value, error in outcomes:
        if future.done():
            continue
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)
            future.exception()  # seen: who never awaits it is not warned of it
