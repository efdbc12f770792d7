"""Commits to SQLite: each passes its fence, then the rows of all go in, kind by kind."""

import sqlite3
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Text, bindparam, delete, select, update

from weft.errors import StoreError
from weft.storage.base import ENDED, Commit
from weft.storage.commits import (
    CHANGE_COLUMNS,
    CHECKPOINTS,
    KINDS,
    NUMBER,
    TOUCH_COLUMNS,
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
from weft.storage.settling import GIVE_BACK, SETTLE, SETTLED
from weft.storage.tables import finished, runs, threads
from weft.storage.thread_queries import WITHDRAW

_TYPES = {"run_id": Text(), "fence": NUMBER, "parent": NUMBER, "owner_n": NUMBER, **TOUCH_COLUMNS, **CHANGE_COLUMNS}


def _value(name: str) -> ColumnElement[Any]:
    return bindparam(f"p_{name}", type_=_TYPES[name])


def _addition(kind: Kind) -> Query:
    def value(column: str) -> ColumnElement[Any]:
        return bindparam(f"p_{column}", type_=kind.type(column))

    return Query(addition(kind, _value("parent"), _value("owner_n"), value))


_RUN = Query(
    select(runs.c.n, runs.c.thread, runs.c.owner, runs.c.fence, runs.c.attempts, last_event(runs.c.n)).where(
        runs.c.id == _value("run_id")
    )
)
_CHANGE = Query(update(runs).where(runs.c.n == _value("parent")).values(changed(_value)))
_TOUCH = Query(update(threads).where(threads.c.n == _value("parent"), touched(_value)).values(touch(_value)))
_CLOSE = Query(
    delete(finished).where(
        finished.c.thread == bindparam("p_parent"),
        finished.c.path == bindparam("p_path"),
        finished.c.step < bindparam("p_step"),
    )
)


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
        self._run = _RUN.sql("sqlite")
        self._touch = _Statement(_TOUCH, "parent", *TOUCH_COLUMNS)
        self._change = _Statement(_CHANGE, "parent", *CHANGE_COLUMNS)
        self._withdraw = WITHDRAW.sql("sqlite")
        self._add = [(kind.name, _Statement(_addition(kind), "parent", "owner_n", *kind.columns)) for kind in KINDS]
        self._settle = [_Statement(query, *SETTLED) for query in (SETTLE, GIVE_BACK)]
        self._close = _Statement(_CLOSE, "parent", "owner_n", *CHECKPOINTS.columns)

    def write(self, commits: Sequence[Commit]) -> list[StoreError | None]:
        """For each commit why it was refused, or ``None`` where it is in the transaction now."""
        parts: Parts = {name: [] for name, _ in self._add} | {"settled": []}
        touches: list[tuple[Any, ...]] = []
        reached: dict[str, int] = {}
        refusals = [self._pass(commit, parts, touches, reached) for commit in commits]
        many = self._cursor.executemany
        many(self._touch.sql, map(self._touch.pick, touches))
        for name, statement in self._add:
            if rows := parts[name]:
                many(statement.sql, map(statement.pick, rows))
        if rows := parts["checkpoints"]:
            many(self._close.sql, map(self._close.pick, rows))
        if rows := parts["settled"]:
            for statement in self._settle:
                many(statement.sql, map(statement.pick, rows))
        return refusals

    def _pass(
        self, commit: Commit, parts: Parts, touches: list[tuple[Any, ...]], reached: dict[str, int]
    ) -> StoreError | None:
        """Let its rows into ``parts`` where the fence lets it; ``reached`` is how far runs are in this batch."""
        found = self._cursor.execute(self._run, (commit.run_id,)).fetchone()
        if found is None:
            return refusal(commit, None)
        n, thread, owner, fence, attempts, last = found
        last: int = reached.get(commit.run_id, last)
        if fence != commit.fence or last < before(commit):
            return refusal(commit, (fence, last))
        stale = last > commit.seq
        if not stale:
            reached[commit.run_id] = commit.seq
            if commit.run is not None or (attempts and commit.checkpoints):
                self._apply(commit, n)
        touches.append((thread, *touch_row(commit)))
        add_rows(parts, commit, (thread, owner), (n, owner), stale=stale)
        return None

    def _apply(self, commit: Commit, n: int) -> None:
        self._cursor.execute(self._change.sql, self._change.pick((n, *change_row(commit))))
        if commit.run is not None and commit.run.status in ENDED:
            self._cursor.execute(self._withdraw, (n,))
