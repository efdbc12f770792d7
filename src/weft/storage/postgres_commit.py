"""Commits to PostgreSQL: all that wait, of all runs, in one statement and so in one transaction.

The statement takes each column of each kind of rows as an array. It locks the runs whose fence
matches; only rows that join these are written, and it gives back which they were.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    FromClause,
    Text,
    and_,
    bindparam,
    column,
    delete,
    false,
    func,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql.type_api import TypeEngine

from weft.errors import StoreError
from weft.storage.base import Commit
from weft.storage.commits import (
    CHANGE_COLUMNS,
    CHECKPOINTS,
    CONTEXTS,
    KINDS,
    NUMBER,
    QUESTIONS,
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
from weft.storage.queries import last_event
from weft.storage.query import Query
from weft.storage.tables import finished, questions, runs, threads

_RUN: dict[str, TypeEngine[Any]] = {"i": NUMBER, "run_id": Text(), "fence": NUMBER, "before": NUMBER, "seq": NUMBER}
_THREAD = {name: type for name, type in TOUCH_COLUMNS.items() if name not in CHANGE_COLUMNS}
_RUN_COLUMNS = {**_RUN, **_THREAD, **CHANGE_COLUMNS}
_ZERO = literal_column("0", NUMBER)

STATE = Query(
    select(runs.c.id, runs.c.fence, last_event(runs.c.n)).where(
        runs.c.id == func.any(bindparam("ids", type_=ARRAY(Text)))
    )
)


class Group:
    """The commits of one run in a batch, as if they were one."""

    __slots__ = ("before", "change", "commits", "fence", "run_id", "seq", "touch")

    def __init__(self, commit: Commit) -> None:
        self.run_id, self.fence, self.before, self.seq = commit.run_id, commit.fence, before(commit), commit.seq
        self.touch, self.change = touch_row(commit), change_row(commit)
        self.commits = [0]

    def follow(self, commit: Commit) -> bool:
        """Take the next commit of the run; whether it is a stale one, which only fills in."""
        if commit.seq < self.seq:
            return True
        self.seq = commit.seq
        self.touch = tuple(map(max, self.touch, touch_row(commit)))
        self.change = tuple(
            [old if new is None else new for old, new in zip(self.change, change_row(commit), strict=True)]
        )
        return False


class Batch:
    """Commits as arrays, and what becomes of each."""

    def __init__(self, commits: Sequence[Commit]) -> None:
        self.commits = commits
        self.groups: list[Group] = []
        self.refused: dict[int, StoreError] = {}
        self.parts: Parts = {kind.name: [] for kind in KINDS}
        known: dict[tuple[str, int], int] = {}
        for at, commit in enumerate(commits):
            self._add(at, commit, known)
        self._drop_closed()
        self._once(CONTEXTS, 2)
        self._once(QUESTIONS, 2)

    def _add(self, at: int, commit: Commit, known: dict[tuple[str, int], int]) -> None:
        key = (commit.run_id, commit.fence)
        i = known.get(key)
        stale = False
        if i is None:
            i = known[key] = len(self.groups)
            self.groups.append(Group(commit))
            self.groups[i].commits = [at]
        elif before(commit) > (group := self.groups[i]).seq:
            self.refused[at] = refusal(commit, (commit.fence, group.seq))
            return
        else:
            stale = group.follow(commit)
            group.commits.append(at)
        add_rows(self.parts, commit, (i,), (i,), stale=stale)

    def _drop_closed(self) -> None:
        """Leave out activations whose step a checkpoint of this very batch closes: one statement cannot see its own rows."""
        if finished := self.parts["finished"]:
            newest: dict[tuple[int, str], int] = {}
            for i, path, step, *_ in self.parts["checkpoints"]:
                newest[i, path] = max(step, newest.get((i, path), step))
            self.parts["finished"] = [row for row in finished if row[2] >= newest.get((row[0], row[1]), 0)]

    def _once(self, kind: Kind, width: int) -> None:
        """An upsert may meet a row only once in a statement: the last one counts."""
        rows = self.parts[kind.name]
        if len(rows) > 1:
            self.parts[kind.name] = list({row[:width]: row for row in rows}.values())

    def query(self) -> tuple[Query, dict[str, Any]]:
        """The statement, and its arrays."""
        kinds = [kind for kind in KINDS if self.parts[kind.name]]
        rows = [
            (i, group.run_id, group.fence, group.before, group.seq, group.touch[0], *group.change)
            for i, group in enumerate(self.groups)
        ]
        values = _arrays("c", tuple(_RUN_COLUMNS), rows)
        for kind in kinds:
            values |= _arrays(kind.name, ("i", *kind.columns), self.parts[kind.name])
        return _statement(tuple([kind.name for kind in kinds])), values

    def outcomes(self, written: set[int], state: dict[str, tuple[int, int]]) -> list[StoreError | None]:
        """Per commit why it was refused, given the groups that were written and the (fence, seq) of others."""
        outcomes: list[StoreError | None] = [self.refused.get(at) for at in range(len(self.commits))]
        for i, group in enumerate(self.groups):
            if i not in written:
                for at in group.commits:
                    outcomes[at] = refusal(self.commits[at], state.get(group.run_id))
        return outcomes


def _arrays(prefix: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
    return {f"{prefix}_{name}": values for name, values in zip(columns, zip(*rows, strict=True), strict=True)}


def _unnest(prefix: str, columns: dict[str, TypeEngine[Any]]) -> Any:
    """Arrays as a table."""
    arrays = [bindparam(f"{prefix}_{name}", type_=ARRAY(type)) for name, type in columns.items()]
    table = func.unnest(*arrays).table_valued(*[column(name, type) for name, type in columns.items()])
    return table.render_derived(name=f"new_{prefix}")


def _passed() -> CTE:
    """The runs whose fence matches and that leave no gap, locked against a takeover."""
    c = _unnest("c", _RUN_COLUMNS)
    last = last_event(runs.c.n)
    return (
        select(*c.c, runs.c.n, runs.c.thread, runs.c.owner, runs.c.attempts, (last > c.c.seq).label("stale"))
        .join_from(c, runs, and_(runs.c.id == c.c.run_id, runs.c.fence == c.c.fence))
        .where(last >= c.c.before)
        .with_for_update(read=True, of=runs)
        .cte("ok")
    )


@cache
def _statement(names: tuple[str, ...]) -> Query:
    """The statement for a batch that has rows of these kinds."""
    ok = _passed()
    ctes = [_change(ok), _touch(ok), _withdraw(ok)]
    for kind in KINDS:
        if kind.name in names:
            columns: dict[str, TypeEngine[Any]] = {"i": NUMBER, **{name: kind.type(name) for name in kind.columns}}
            rows = _unnest(kind.name, columns)
            joined = rows.c.i == ok.c.i
            source = ok.join(rows, and_(joined, ok.c.stale == false()) if kind is CONTEXTS else joined)
            parent = ok.c.n if kind.parent == "run" else ok.c.thread
            ctes.append(addition(kind, parent, ok.c.owner, _column(rows), source).cte(f"add_{kind.name}"))
            if kind is CHECKPOINTS:
                ctes.append(_close(ok, rows))
    return Query(select(ok.c.i).add_cte(*ctes))


def _column(rows: FromClause) -> Any:
    def value(name: str) -> ColumnElement[Any]:
        return rows.c[name]

    return value


def _change(ok: CTE) -> CTE:
    told = ok.c.status.is_not(None) | (ok.c.forget > _ZERO) | ok.c.usage.is_not(None) | ok.c.first_message.is_not(None)
    told = told | ok.c.output.is_not(None) | ok.c.error.is_not(None)
    moved = and_(ok.c.progress > _ZERO, ok.c.attempts > _ZERO)
    where = and_(runs.c.n == ok.c.n, ok.c.stale == false(), told | moved)
    return update(runs).where(where).values(changed(_column(ok))).cte("change")


def _touch(ok: CTE) -> CTE:
    latest = [func.max(ok.c[name]).label(name) for name in TOUCH_COLUMNS]
    newest = select(ok.c.thread, *latest).group_by(ok.c.thread).subquery("newest")
    where = and_(threads.c.n == newest.c.thread, touched(_column(newest)))
    return update(threads).where(where).values(touch(_column(newest))).cte("touch")


def _withdraw(ok: CTE) -> CTE:
    where = and_(questions.c.run == ok.c.n, ok.c.ended > _ZERO, questions.c.status == literal_column("'open'"))
    return update(questions).where(where).values(status=literal_column("'withdrawn'")).cte("withdraw")


def _close(ok: CTE, rows: FromClause) -> CTE:
    """Forget the finished activations of steps that these checkpoints close."""
    done = finished.c
    where = and_(done.thread == ok.c.thread, ok.c.i == rows.c.i, done.path == rows.c.path, done.step < rows.c.step)
    return delete(finished).where(where).cte("close")
