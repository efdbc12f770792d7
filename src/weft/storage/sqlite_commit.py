"""Commits to SQLite: each passes its fence, then the rows of all go in, kind by kind.

What a commit must know of its run (its fence, its last event) is read once and remembered. Whoever changes it else is
noticed: another connection by the database's ``data_version``, an operation on this one by triggers of its own.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Text, bindparam, delete, exists, select, update
from sqlalchemy.dialects.postgresql import insert

from weft.errors import StoreError
from weft.storage.base import ENDED, Commit
from weft.storage.chain import seal_in
from weft.storage.commits import (
    CHANGE_COLUMNS,
    CHECKPOINTS,
    KINDS,
    NUMBER,
    TOUCH_COLUMNS,
    TOUCHED,
    Kind,
    Parts,
    add_rows,
    addition,
    before,
    change_row,
    changed,
    refusal,
    touch,
    touch_row,
    touched,
)
from weft.storage.pieces import last_event
from weft.storage.query import Query
from weft.storage.question_queries import WITHDRAW
from weft.storage.settling import GIVE_BACK, SETTLE, SETTLED
from weft.storage.tables import finished, places, runs, threads

_TYPES = {
    **{"run_id": Text(), "path": Text(), "channel": Text(), "step": NUMBER, "fence": NUMBER, "parent": NUMBER},
    **{"owner_n": NUMBER, **TOUCH_COLUMNS, **CHANGE_COLUMNS},
}


def _value(name: str) -> ColumnElement[Any]:
    return bindparam(f"p_{name}", type_=_TYPES[name])


def _addition(kind: Kind) -> Query:
    def value(column: str) -> ColumnElement[Any]:
        return bindparam(f"p_{column}", type_=kind.type(column))

    return Query(addition(kind, _value("parent"), _value("owner_n"), value))


def _place(thread: ColumnElement[Any], path: ColumnElement[Any], channel: ColumnElement[Any]) -> Any:
    c = places.c
    return select(c.n).where(c.thread == thread, c.path == path, c.channel == channel)


_left = places.join(finished, finished.c.place == places.c.n)
_RUN = Query(
    select(
        *(runs.c.n, runs.c.thread, runs.c.owner, runs.c.fence, runs.c.attempts, last_event(runs.c.n)),
        select(threads.c.updated_at).where(threads.c.n == runs.c.thread).scalar_subquery(),
        exists(select(finished.c.place).select_from(_left).where(places.c.thread == runs.c.thread).correlate(runs)),
    ).where(runs.c.id == _value("run_id"))
)
"""All that is to be known of a run before a commit."""
_PLACE = Query(_place(_value("parent"), _value("path"), _value("channel")))
_ADD_PLACE = Query(
    insert(places).values(thread=_value("parent"), path=_value("path"), channel=_value("channel")).returning(places.c.n)
)
_CHANGE = Query(update(runs).where(runs.c.n == _value("parent")).values(changed(_value)))
_TOUCH = Query(update(threads).where(threads.c.n == _value("parent"), touched(_value)).values(touch(_value)))
_CLOSE = Query(delete(finished).where(finished.c.place == _value("parent"), finished.c.step < _value("step")))


MOST = 4_096
"""Runs that are remembered."""
PLACES = 512
"""Places of threads that are, whose runs have ended."""
_CHANGES = (("weft_fenced", "UPDATE OF fence ON main.runs"), ("weft_deleted", "DELETE ON main.runs"))
_GONE = "weft_displaced AFTER DELETE ON main.places"


class _Statement:
    """A statement for rows of given columns: its SQL, and the order in which it wants them."""

    __slots__ = ("pick", "sql")

    def __init__(self, query: Query, *columns: str) -> None:
        self.sql = query.sql("sqlite")
        self.pick = query.picker("sqlite", [f"p_{name}" for name in columns])


class CommitWriter:
    """Writes commits on one connection, inside a transaction that the caller began."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._cursor = connection.cursor()
        self._known: dict[str, _Known] = {}
        self._places: dict[tuple[int, str, str], int] = {}
        """The numbers of places of threads."""
        self._version = -1
        self._watch(connection)
        self._run = _Statement(_RUN, "run_id")
        self._place = _Statement(_PLACE, "parent", "path", "channel")
        self._add_place = _Statement(_ADD_PLACE, "parent", "path", "channel")
        self._touch = _Statement(_TOUCH, "parent", *TOUCH_COLUMNS)
        self._change = _Statement(_CHANGE, "parent", *CHANGE_COLUMNS)
        self._withdraw = WITHDRAW.sql("sqlite")
        self._add = {kind.name: _Statement(_addition(kind), "parent", "owner_n", *kind.columns) for kind in KINDS}
        self._settle = [_Statement(query, *SETTLED) for query in (SETTLE, GIVE_BACK)]
        self._close = _Statement(_CLOSE, "parent", "owner_n", *CHECKPOINTS.columns)

    def close(self) -> None:
        """Before its connection: a statement that is still held would keep the file open."""
        self._cursor.close()

    def _watch(self, connection: sqlite3.Connection) -> None:
        """Notice what operations on this connection change: each that changes a run so raises its fence."""
        connection.create_function("weft_forget", 1, self._forget)
        for name, change in _CHANGES:
            connection.execute(f"CREATE TEMP TRIGGER {name} AFTER {change} BEGIN SELECT weft_forget(old.id); END")
        connection.execute(f"CREATE TEMP TRIGGER {_GONE} BEGIN SELECT weft_forget(NULL); END")
        seal_in(connection)

    def _forget(self, run_id: str | None) -> None:
        if run_id is None:
            self.forget()
        else:
            self._known.pop(run_id, None)

    def forget(self) -> None:
        """What was written may not be: the transaction was rolled back, or somebody else wrote."""
        self._known.clear()
        self._places.clear()

    def write(self, commits: Sequence[Commit]) -> list[StoreError | None]:
        """For each commit why it was refused, or ``None`` where it is in the transaction now."""
        version = self._cursor.execute("PRAGMA data_version").fetchone()[0]
        if version != self._version:
            self.forget()
            self._version = version
        batch = _Batch()
        refusals = [self._pass(commit, batch) for commit in commits]
        many, parts = self._cursor.executemany, batch.parts
        if batch.touches:
            many(self._touch.sql, [self._touch.pick((n, *touch)) for n, touch in batch.touches.items()])
        settled = parts.pop("settled", ())
        for name, rows in parts.items():
            statement = self._add[name]
            many(statement.sql, map(statement.pick, rows))
        if batch.unclosed and "checkpoints" in parts:
            many(self._close.sql, map(self._close.pick, parts["checkpoints"]))
        if settled:
            for statement in self._settle:
                many(statement.sql, map(statement.pick, settled))
        return refusals

    def _pass(self, commit: Commit, batch: "_Batch") -> StoreError | None:
        """Let its rows into the batch where the fence lets it."""
        known = self._known.get(commit.run_id) or self._read(commit.run_id)
        if known is None:
            return refusal(commit, None)
        if known.fence != commit.fence or known.last < before(commit):
            return refusal(commit, (known.fence, known.last))
        stale = known.last > commit.seq
        if not stale:
            known.last = commit.seq
            if commit.run is not None or (known.attempts and commit.checkpoints):
                self._apply(commit, known)
        if commit.messages or commit.run is not None or commit.at > known.touched + TOUCHED:
            known.touched = commit.at
            batch.touch(known.thread, touch_row(commit))
        if known.unclosed or commit.finished:
            known.unclosed = True
            batch.unclosed = batch.unclosed or bool(commit.checkpoints)
        add_rows(batch.parts, commit, (known.thread, known.owner), (known.n, known.owner), known.place, stale=stale)
        return None

    def _read(self, run_id: str) -> "_Known | None":
        found = self._cursor.execute(self._run.sql, self._run.pick((run_id,))).fetchone()
        if found is None:
            return None
        if len(self._known) >= MOST:
            self._known.clear()
        known = self._known[run_id] = _Known(self._place_of, *found)
        return known

    def _place_of(self, thread: int, path: str, channel: str) -> int:
        """The number of a place, which may be new."""
        key = (thread, path, channel)
        if (known := self._places.get(key)) is not None:
            return known
        found = self._cursor.execute(self._place.sql, self._place.pick(key)).fetchone()
        if found is None:
            found = self._cursor.execute(self._add_place.sql, self._add_place.pick(key)).fetchone()
        if len(self._places) >= PLACES:
            self._places.clear()
        self._places[key] = found[0]
        return found[0]

    def _apply(self, commit: Commit, known: "_Known") -> None:
        self._cursor.execute(self._change.sql, self._change.pick((known.n, *change_row(commit))))
        if commit.checkpoints:
            known.attempts = 0
        if commit.run is not None and commit.run.status in ENDED:
            self._cursor.execute(self._withdraw, (known.n,))
            self._known.pop(commit.run_id, None)


class _Known:
    """What is known of a run that commits."""

    __slots__ = ("_new", "_places", "attempts", "fence", "last", "n", "owner", "thread", "touched", "unclosed")

    def __init__(
        self,
        new: Callable[[int, str, str], int],
        *found: Any,
    ) -> None:
        self.n, self.thread, self.owner, self.fence, self.attempts, self.last, self.touched, unclosed = found
        self.unclosed = bool(unclosed)
        """Whether activations of closed steps may be on record."""
        self._new, self._places = new, dict[tuple[str, str], tuple[int, int]]()

    def place(self, path: str, channel: str) -> tuple[int, int]:
        """What leads to a place, which may be new."""
        here = self._places.get((path, channel))
        if here is None:
            here = self._places[path, channel] = (self._new(self.thread, path, channel), self.owner)
        return here


class _Batch:
    """Commits that are written together."""

    __slots__ = ("parts", "touches", "unclosed")

    def __init__(self) -> None:
        self.parts: Parts = defaultdict(list)
        self.touches: dict[int, tuple[Any, ...]] = {}
        """What is to be said of each thread."""
        self.unclosed = False
        """Whether activations of closed steps may be on record."""

    def touch(self, thread: int, row: tuple[Any, ...]) -> None:
        """Say this of a thread, beside what is said already."""
        said = self.touches.get(thread)
        self.touches[thread] = row if said is None else tuple(map(max, said, row))
