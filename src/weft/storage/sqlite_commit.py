"""Commits to SQLite: each passes its fence, then the rows of all go in, kind by kind."""

import sqlite3
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, bindparam, delete, select, update

from weft.errors import StoreError
from weft.storage.base import Commit
from weft.storage.commits import (
    CHANGE_COLUMNS,
    CHECKPOINTS,
    KINDS,
    NUMBER,
    RUN_COLUMNS,
    Kind,
    Parts,
    add_rows,
    addition,
    advanced,
    change_row,
    changed,
    refusal,
    run_row,
    touched,
)
from weft.storage.queries import WITHDRAW, greatest
from weft.storage.query import Query
from weft.storage.tables import finished, runs, threads

_TYPES = {**RUN_COLUMNS, **CHANGE_COLUMNS}


def _value(name: str) -> ColumnElement[Any]:
    return bindparam(name, type_=_TYPES[name])


def _addition(kind: Kind) -> Query:
    def value(column: str) -> ColumnElement[Any]:
        return bindparam(f"p_{column}", type_=kind.type(column))

    return Query(addition(kind, bindparam("parent", type_=NUMBER), bindparam("owner_n", type_=NUMBER), value))


_ADVANCE = Query(
    update(runs)
    .where(runs.c.id == _value("run_id"), runs.c.fence == _value("at_fence"), runs.c.seq >= _value("before"))
    .values(advanced(_value))
    .returning(runs.c.n, runs.c.thread, runs.c.owner, runs.c.seq)
)
_CHANGE = Query(update(runs).where(runs.c.n == bindparam("of_run", type_=NUMBER)).values(changed(_value)))
_TOUCH = Query(
    update(threads)
    .where(
        threads.c.n == bindparam("of_thread", type_=NUMBER),
        touched(_value("head"), _value("to_time"), _value("rests")),
    )
    .values(
        head_seq=greatest(threads.c.head_seq, _value("head")),
        updated_at=greatest(threads.c.updated_at, _value("to_time")),
    )
)
_CLOSE = Query(
    delete(finished).where(
        finished.c.thread == bindparam("parent"),
        finished.c.path == bindparam("p_path"),
        finished.c.step < bindparam("p_step"),
    )
)
_STATE = Query(select(runs.c.fence, runs.c.seq).where(runs.c.id == _value("run_id")))


class _Statement:
    """A statement for rows of given columns: its SQL, and the order in which it wants them."""

    __slots__ = ("pick", "sql")

    def __init__(self, query: Query, *columns: str) -> None:
        self.sql = query.sql("sqlite")
        self.pick = query.picker("sqlite", columns)


class CommitWriter:
    """Writes commits on one connection, inside a transaction that the caller began."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._cursor = connection.cursor()
        self._advance = _Statement(_ADVANCE, *RUN_COLUMNS)
        self._touch = _Statement(_TOUCH, *RUN_COLUMNS, "of_thread")
        self._change = _Statement(_CHANGE, *RUN_COLUMNS, *CHANGE_COLUMNS, "of_run")
        self._add = [
            (kind.name, _Statement(_addition(kind), "parent", "owner_n", *[f"p_{name}" for name in kind.columns]))
            for kind in KINDS
        ]
        checkpoint = [f"p_{name}" for name in CHECKPOINTS.columns]
        self._close = _Statement(_CLOSE, "parent", "owner_n", *checkpoint)
        self._withdraw = WITHDRAW.sql("sqlite")
        self._state = _STATE.sql("sqlite")

    def write(self, commits: Sequence[Commit]) -> list[StoreError | None]:
        """For each commit why it was refused, or ``None`` where it is in the transaction now."""
        parts: Parts = {name: [] for name, _ in self._add}
        touches: list[tuple[Any, ...]] = []
        refusals = [self._pass(commit, parts, touches) for commit in commits]
        many = self._cursor.executemany
        if touches:
            many(self._touch.sql, map(self._touch.pick, touches))
        for name, statement in self._add:
            if rows := parts[name]:
                many(statement.sql, map(statement.pick, rows))
        if rows := parts["checkpoints"]:
            many(self._close.sql, map(self._close.pick, rows))
        return refusals

    def _pass(self, commit: Commit, parts: Parts, touches: list[tuple[Any, ...]]) -> StoreError | None:
        """Move the run on where the fence lets it; only then do its rows go into ``parts``."""
        row = run_row(commit)
        found = self._cursor.execute(self._advance.sql, self._advance.pick(row)).fetchone()
        if found is None:
            return refusal(commit, self._cursor.execute(self._state, (commit.run_id,)).fetchone())
        n, thread, owner, seq = found
        stale = seq > commit.seq
        if commit.run is not None and not stale:
            change = change_row(commit)
            self._cursor.execute(self._change.sql, self._change.pick((*row, *change, n)))
            if change[1]:
                self._cursor.execute(self._withdraw, (n,))
        touches.append((*row, thread))
        add_rows(parts, commit, (thread, owner), (n, owner), stale=stale)
        return None
