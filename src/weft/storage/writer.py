"""The one writer of a SQLite database, and its readers: many operations to a transaction, in order.

Whatever waits when the writer is free goes into one transaction and shares its COMMIT. An operation
is told that it is done only after that COMMIT; if it fails, all of the batch are told so.

Where a COMMIT waits for the disk (``synchronous=FULL``), a thread writes. Where it does not, the event
loop itself writes, a short batch at a time, as handing it to a thread and back would cost more than the
writing (``docs/decisions/0010-sqlite-writes-on-the-loop.md``); the thread is then for what may take long.
A run that commits alone, one step after the other, does not even wait for the loop's next turn.
"""

import asyncio
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TypeAlias

from weft.errors import StoreError, StoreLocked
from weft.storage.base import Commit
from weft.storage.sqlite_commit import CommitWriter
from weft.storage.sqlite_errors import ends_batch, is_locked, translated

Work: TypeAlias = Callable[[sqlite3.Connection], Any]
Future: TypeAlias = "asyncio.Future[Any]"
Ticket: TypeAlias = tuple[Commit | Work, Future]
Outcome: TypeAlias = tuple[Future, Any, BaseException | None]

BATCH = 512
"""Operations in one transaction of the thread at most: what a failed COMMIT takes down with it."""
TURN = 64
"""Operations in one transaction on the loop at most: a millisecond."""
STREAK = 16
"""Commits that a run which is alone may write at once before the loop gets its turn."""
CHECKPOINT = 250
"""Transactions on the loop until the log is to be brought into the database, elsewhere."""
PATIENCE = 5_000
"""Milliseconds to wait for a lock of another process."""


class Writer:
    """Takes operations in order and writes them in groups."""

    def __init__(
        self,
        connect: Callable[[], sqlite3.Connection],
        *,
        on_loop: bool = False,
        checkpoint: Callable[[], object] | None = None,
    ) -> None:
        """``checkpoint`` is called now and then where the loop writes.

        Raises:
            sqlite3.Error: from ``connect``, which runs here, so that its failure has a caller.
        """
        self._connect, self._on_loop, self._checkpoint = connect, on_loop, checkpoint
        self._line: deque[Ticket] = deque()
        self._lock = threading.Lock()
        self._due: asyncio.AbstractEventLoop | None = None
        self._transactions = 0
        self._streak: tuple[str, int] = "", 0
        """The run that committed last, and nobody beside it; how often it may again before the loop's turn."""
        self._done: Future | None = None
        """A future that is done, for all commits that are written before anybody could wait for them."""
        self._closed = False
        self._untold, self._tally = 0, threading.Lock()
        """How often a loop was told of outcomes and has not heard yet: what is written later does not overtake."""
        self._open()
        self._wake: SimpleQueue[bool] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="weft-writer", daemon=True)
        self._thread.start()

    def _open(self) -> None:
        self._connection = self._connect()
        self._cursor = self._connection.cursor()
        self._commits = CommitWriter(self._connection)
        if self._on_loop:
            self._connection.execute("PRAGMA busy_timeout=0")  # the loop does not wait: the thread does
            self._connection.execute("PRAGMA wal_autocheckpoint=0")

    def _close(self) -> None:
        self._commits.close()
        self._connection.close()

    def submit(self, work: Commit | Work, *, brief: bool = True) -> Future:
        """Put it in line; the future is of the running loop. ``brief`` is what the loop itself may do."""
        loop = asyncio.get_running_loop()
        if self._closed:
            raise StoreError("the store is closed")
        if self._streak[1] and isinstance(work, Commit) and self._is_alone(work):
            if self._at_once(work):
                return self._written(loop)
            brief = False  # somebody else is at it, or it must not be written: the thread will tell
        future = loop.create_future()
        self._line.append((work, future))
        if not (self._on_loop and brief):
            self._wake.put(True)
        elif self._due is not loop:
            self._due = loop
            loop.call_soon(self._turn, loop)
        return future

    def read(self, work: Work) -> Future:
        """Read on the writer's own connection: memory has no other."""
        return self.read_here(work) or self.submit(work, brief=False)

    def read_here(self, work: Work) -> "Future | None":
        """Read on the loop where it writes, unless somebody else is at it."""
        if not self._on_loop or not self._lock.acquire(blocking=False):
            return None
        try:
            if self._closed:
                raise StoreError("the store is closed")
            outcome = _attempt(work, self._connection, asyncio.get_running_loop().create_future())
        except sqlite3.Error as error:
            raise translated(error) from error
        finally:
            self._lock.release()
        _settle([outcome])
        return outcome[0]

    def close(self) -> None:
        """Write what is in line, and end."""
        self._closed = True
        self._wake.put(False)
        self._thread.join()

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        """Write what is in line, on the loop, unless somebody else is at it."""
        self._due = None
        if not self._lock.acquire(blocking=False):
            self._wake.put(True)
            return
        try:
            batch = self._take(TURN)
            outcomes = self._write_here(batch) if batch else []
        finally:
            self._lock.release()
        if outcomes is None:
            return
        self._tell(outcomes, loop)
        alone = batch[0][0] if len(batch) == 1 else None
        self._streak = (alone.run_id, STREAK) if isinstance(alone, Commit) else ("", 0)
        if self._line:
            self._due = loop
            loop.call_soon(self._turn, loop)

    def _is_alone(self, commit: Commit) -> bool:
        """Whether its run is the one that committed last, and nothing stands before it."""
        return commit.run_id == self._streak[0] and not self._line and not self._untold

    def _at_once(self, commit: Commit) -> bool:
        """Write it before anything else happens; if that does not go, nothing is written."""
        if not self._lock.acquire(blocking=False):
            return False
        execute = self._cursor.execute
        try:
            execute("BEGIN IMMEDIATE")
            refused = self._commits.write((commit,))[0]
            execute("COMMIT")
        except Exception:
            self._roll_back()
            return False
        finally:
            self._lock.release()
        self._count_transaction()
        self._streak = self._streak[0], self._streak[1] - 1
        return refused is None

    def _written(self, loop: asyncio.AbstractEventLoop) -> Future:
        """A future that is done: the same for all, as it says no more than that."""
        if self._done is None or self._done.get_loop() is not loop:
            self._done = loop.create_future()
            self._done.set_result(None)
        return self._done

    def _write_here(self, batch: list[Ticket]) -> list[Outcome] | None:
        """On the loop; where another process has the lock, ``None``, and the thread will do it."""
        outcomes = self._write(batch)
        if outcomes is None:
            self._line.extendleft(reversed(batch))
            self._wake.put(True)
            return None
        self._count_transaction()
        return outcomes

    def _count_transaction(self) -> None:
        self._transactions += 1
        if self._transactions % CHECKPOINT == 0 and self._checkpoint is not None and not self._closed:
            self._checkpoint()

    def _run(self) -> None:
        """The thread: write what is in line whenever it is woken."""
        open = True
        while open:
            open = self._wake.get()
            with self._lock:
                while batch := self._take(BATCH):
                    self._tell(self._write_patiently(batch))
        self._finish()

    def _tell(self, outcomes: Sequence[Outcome], here: asyncio.AbstractEventLoop | None = None) -> None:
        """Give each future its outcome in its own loop, in the order of writing: at once in the loop that is running
        (``here``), unless it has not heard yet what was written before."""
        for loop, of_loop in _by_loop(outcomes).items():
            if loop is here and not self._untold:
                _settle(of_loop)
                continue
            self._count(1)
            try:
                loop.call_soon_threadsafe(self._told, of_loop)
            except RuntimeError:  # the loop is closed: nobody waits any more
                self._count(-1)

    def _told(self, outcomes: Sequence[Outcome]) -> None:
        self._count(-1)
        _settle(outcomes)

    def _count(self, more: int) -> None:
        with self._tally:
            self._untold += more

    def _take(self, most: int) -> list[Ticket]:
        line = self._line
        return [line.popleft() for _ in range(min(most, len(line)))]

    def _finish(self) -> None:
        with suppress(sqlite3.Error):  # where another process reads, the last to close will do it
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._close()

    def _write_patiently(self, batch: Sequence[Ticket]) -> list[Outcome]:
        """Wait for locks of other processes."""
        self._connection.execute(f"PRAGMA busy_timeout={PATIENCE}")
        outcomes = self._write(batch)
        if self._on_loop:
            self._connection.execute("PRAGMA busy_timeout=0")
        if outcomes is None:
            locked = StoreLocked("another process holds the database too long: nothing was written")
            return [(future, None, locked) for _, future in batch]
        return outcomes

    def _write(self, batch: Sequence[Ticket]) -> list[Outcome] | None:
        """First all at once; where one of them cannot be written, each under its own savepoint.

        ``None`` where another process has the lock: nothing is written, and it may be tried again.
        """
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
            if is_locked(error):
                return None
            failure = translated(error)
            return [(future, None, failure) for _, future in batch]

    def _transaction(self, batch: Sequence[Ticket], *, guarded: bool) -> list[Outcome]:
        self._cursor.execute("BEGIN IMMEDIATE")
        if len(batch) == 1 and not isinstance(batch[0][0], Commit):
            return [self._lone(*batch[0])]
        outcomes: list[Outcome] = []
        run: list[Ticket] = []
        for ticket in batch:
            if isinstance(ticket[0], Commit):
                run.append(ticket)
                continue
            if run:
                outcomes += self._commit(run, guarded=guarded)
                run = []
            outcomes.append(self._guarded(ticket[0], ticket[1]))
        if run:
            outcomes += self._commit(run, guarded=guarded)
        self._cursor.execute("COMMIT")
        return outcomes

    def _commit(self, tickets: Sequence[Ticket], *, guarded: bool) -> list[Outcome]:
        """Commits that stand together in line."""
        if guarded:
            return [self._guarded(lambda _, one=commit: self._alone(one), future) for commit, future in tickets]
        refusals = self._commits.write([commit for commit, _ in tickets])  # pyright: ignore[reportArgumentType]
        return [(future, None, refusal) for (_, future), refusal in zip(tickets, refusals, strict=True)]

    def _lone(self, work: Any, future: Future) -> Outcome:
        """An operation that has the transaction to itself."""
        outcome = _attempt(work, self._connection, future)
        if outcome[2] is not None:
            self._cursor.execute("ROLLBACK")
            self._commits.forget()
        else:
            self._cursor.execute("COMMIT")
        return outcome

    def _alone(self, commit: Any) -> None:
        if refusal := self._commits.write([commit])[0]:
            raise refusal

    def _guarded(self, work: Work, future: Future) -> Outcome:
        """Run it under a savepoint: what it raises is its own, and leaves nothing behind."""
        connection = self._connection
        connection.execute("SAVEPOINT one")
        outcome = _attempt(work, connection, future)
        if outcome[2] is not None:
            connection.execute("ROLLBACK TO one")
            self._commits.forget()
        connection.execute("RELEASE one")
        return outcome

    def _roll_back(self) -> None:
        """Leave the transaction, with a new connection if this one cannot."""
        self._commits.forget()
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error:
            self._close()
            self._open()


class Readers:
    """A few threads with a connection each, which take reads from one line."""

    def __init__(self, connect: Callable[[], sqlite3.Connection], count: int = 2) -> None:
        self._tickets: SimpleQueue[tuple[Work, Future] | None] = SimpleQueue()
        self._closed = False
        connections = [connect() for _ in range(count)]
        self._threads = [
            threading.Thread(target=self._run, args=(connection,), name="weft-reader", daemon=True)
            for connection in connections
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, work: Work) -> Future:
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
                outcome = _attempt(work, connection, future)
            except sqlite3.Error as error:
                outcome = future, None, translated(error)
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                future.get_loop().call_soon_threadsafe(_settle, [outcome])
        connection.close()


def _attempt(work: Work, connection: sqlite3.Connection, future: Future) -> Outcome:
    """What comes of it.

    Raises:
        sqlite3.Error: the database itself failed.
    """
    try:
        return future, work(connection), None
    except Exception as error:
        if ends_batch(error):
            raise
        return future, None, translated(error)


def _by_loop(outcomes: Sequence[Outcome]) -> dict[asyncio.AbstractEventLoop, list[Outcome]]:
    loops: dict[asyncio.AbstractEventLoop, list[Outcome]] = {}
    for outcome in outcomes:
        loops.setdefault(outcome[0].get_loop(), []).append(outcome)
    return loops


def _settle(outcomes: Sequence[Outcome]) -> None:
    for future, value, error in outcomes:
        if future.done():
            continue
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)
            future.exception()  # seen: who never awaits it is not warned of it
