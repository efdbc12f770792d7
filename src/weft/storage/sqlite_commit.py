"""Commits to SQLite: each passes its fence, then the rows of all go in, kind by kind."""

import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Text, bindparam, delete, exists, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert

from weft.errors import StoreError
from weft.storage.base import ENDED, Commit
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


_HERE = _place(runs.c.thread, _value("path"), literal_column("''")).correlate(runs).scalar_subquery()
_RUN = Query(
    select(
        *(runs.c.n, runs.c.thread, runs.c.owner, runs.c.fence, runs.c.attempts, last_event(runs.c.n)),
        select(threads.c.updated_at).where(threads.c.n == runs.c.thread).scalar_subquery(),
        _HERE,
        exists().where(finished.c.place == _HERE),
    ).where(runs.c.id == _value("run_id"))
)
"""All that is to be known of a run before a commit, with the place of the graph at ``path``."""
_PLACE = Query(_place(_value("parent"), _value("path"), _value("channel")))
_ADD_PLACE = Query(
    insert(places).values(thread=_value("parent"), path=_value("path"), channel=_value("channel")).returning(places.c.n)
)
_CHANGE = Query(update(runs).where(runs.c.n == _value("parent")).values(changed(_value)))
_TOUCH = Query(update(threads).where(threads.c.n == _value("parent"), touched(_value)).values(touch(_value)))
_CLOSE = Query(delete(finished).where(finished.c.place == _value("parent"), finished.c.step < _value("step")))


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
        self._run = _Statement(_RUN, "run_id", "path")
        self._place = _Statement(_PLACE, "parent", "path", "channel")
        self._add_place = _Statement(_ADD_PLACE, "parent", "path", "channel")
        self._touch = _Statement(_TOUCH, "parent", *TOUCH_COLUMNS)
        self._change = _Statement(_CHANGE, "parent", *CHANGE_COLUMNS)
        self._withdraw = WITHDRAW.sql("sqlite")
        self._add = [(kind.name, _Statement(_addition(kind), "parent", "owner_n", *kind.columns)) for kind in KINDS]
        self._settle = [_Statement(query, *SETTLED) for query in (SETTLE, GIVE_BACK)]
        self._close = _Statement(_CLOSE, "parent", "owner_n", *CHECKPOINTS.columns)

    def close(self) -> None:
        """Before its connection: a statement that is still held would keep the file open."""
        self._cursor.close()

    def write(self, commits: Sequence[Commit]) -> list[StoreError | None]:
        """For each commit why it was refused, or ``None`` where it is in the transaction now."""
        batch = _Batch()
        refusals = [self._pass(commit, batch) for commit in commits]
        many, parts = self._cursor.executemany, batch.parts
        if batch.touches:
            many(self._touch.sql, [self._touch.pick((n, *touch)) for n, touch in batch.touches.items()])
        for name, statement in self._add:
            if rows := parts.get(name):
                many(statement.sql, map(statement.pick, rows))
        if batch.unclosed or "finished" in parts:
            many(self._close.sql, map(self._close.pick, parts["checkpoints"]))
        if rows := parts.get("settled"):
            for statement in self._settle:
                many(statement.sql, map(statement.pick, rows))
        return refusals

    def _pass(self, commit: Commit, batch: "_Batch") -> StoreError | None:
        """Let its rows into the batch where the fence lets it."""
        path = commit.checkpoints[0].path if commit.checkpoints else ""
        found = self._cursor.execute(self._run.sql, self._run.pick((commit.run_id, path))).fetchone()
        if found is None:
            return refusal(commit, None)
        n, thread, owner, fence, attempts, last, touched_at, here, unclosed = found
        last: int = batch.reached.get(commit.run_id, last)
        if fence != commit.fence or last < before(commit):
            return refusal(commit, (fence, last))
        stale = last > commit.seq
        if not stale:
            batch.reached[commit.run_id] = commit.seq
            if commit.run is not None or (attempts and commit.checkpoints):
                self._apply(commit, n)
        if commit.messages or commit.run is not None or commit.at > touched_at + TOUCHED:
            batch.touch(thread, touch_row(commit))
        if here is not None:
            batch.places[thread, path, ""] = here
        if unclosed or len(commit.checkpoints) > 1:
            batch.unclosed = True

        def place(path: str, channel: str) -> tuple[Any, ...]:
            return batch.places.get((thread, path, channel)) or self._place_of(batch, thread, path, channel), owner

        add_rows(batch.parts, commit, (thread, owner), (n, owner), place, stale=stale)
        return None

    def _place_of(self, batch: "_Batch", thread: int, path: str, channel: str) -> int:
        """The number of a place, which may be new."""
        key = (thread, path, channel)
        found = self._cursor.execute(self._place.sql, self._place.pick(key)).fetchone()
        if found is None:
            found = self._cursor.execute(self._add_place.sql, self._add_place.pick(key)).fetchone()
        batch.places[key] = found[0]
        return found[0]

    def _apply(self, commit: Commit, n: int) -> None:
        self._cursor.execute(self._change.sql, self._change.pick((n, *change_row(commit))))
        if commit.run is not None and commit.run.status in ENDED:
            self._cursor.execute(self._withdraw, (n,))


class _Batch:
    """Commits that are written together."""

    __slots__ = ("parts", "places", "reached", "touches", "unclosed")

    def __init__(self) -> None:
        self.parts: Parts = defaultdict(list)
        self.places: dict[tuple[int, str, str], int] = {}
        self.reached: dict[str, int] = {}
        """The last event of each run."""
        self.touches: dict[int, tuple[Any, ...]] = {}
        """What is to be said of each thread."""
        self.unclosed = False
        """Whether activations of closed steps may be on record."""

    def touch(self, thread: int, row: tuple[Any, ...]) -> None:
        """Say this of a thread, beside what is said already."""
        said = self.touches.get(thread)
        self.touches[thread] = row if said is None else tuple(map(max, said, row))
