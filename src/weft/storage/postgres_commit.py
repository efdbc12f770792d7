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
from sqlalchemy.dialects.postgresql import ARRAY, insert
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
    STEERING,
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
from weft.storage.pieces import greatest, last_event
from weft.storage.query import Query
from weft.storage.question_queries import CLOSED
from weft.storage.settling import SETTLING, settling
from weft.storage.tables import SECONDS, finished, places, questions, runs, threads

_RUN: dict[str, TypeEngine[Any]] = {
    **{"i": NUMBER, "run_id": Text(), "fence": NUMBER, "before": NUMBER, "seq": NUMBER},
    **{"head": NUMBER, "at": SECONDS, "progress": NUMBER},
}
_CHANGING = {**_RUN, **{name: type for name, type in CHANGE_COLUMNS.items() if name not in _RUN}}
_PLACE: dict[str, TypeEngine[Any]] = {"place": NUMBER, "i": NUMBER, "path": Text(), "channel": Text()}
_PROGRESS, _AT = tuple(CHANGE_COLUMNS).index("progress"), tuple(CHANGE_COLUMNS).index("at")
_FURTHER = [at for at, name in enumerate(CHANGE_COLUMNS) if name not in _RUN]
_ZERO = literal_column("0", NUMBER)

STATE = Query(
    select(runs.c.id, runs.c.fence, last_event(runs.c.n)).where(
        runs.c.id == func.any(bindparam("ids", type_=ARRAY(Text)))
    )
)


def _later(column: str, old: Any, new: Any) -> Any:
    """A value after two changes: what one of them says stays said, unless the later says otherwise."""
    if column in ("rests", "ended", "forget", "progress"):
        return max(old, new)
    return old if new is None else new


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
        self.change = tuple(map(_later, CHANGE_COLUMNS, self.change, change_row(commit)))
        return False


class Batch:
    """Commits as arrays, and what becomes of each."""

    def __init__(self, commits: Sequence[Commit]) -> None:
        self.commits = commits
        self.groups: list[Group] = []
        self.refused: dict[int, StoreError] = {}
        self.parts: Parts = {kind.name: [] for kind in KINDS} | {"settled": []}
        self.places: dict[tuple[int, str, str], int] = {}
        known: dict[tuple[str, int], int] = {}
        for at, commit in enumerate(commits):
            self._add(at, commit, known)
        self._drop_closed()
        self._once(CONTEXTS, 2)
        self._once(QUESTIONS, 2)
        self._once(STEERING, 1)

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

        def place(path: str, channel: str) -> tuple[Any, ...]:
            return i, self.places.setdefault((i, path, channel), len(self.places))

        add_rows(self.parts, commit, (i,), (i,), place, stale=stale)

    def _drop_closed(self) -> None:
        """Leave out activations whose step a checkpoint of this batch closes: a statement cannot see its own rows."""
        if finished := self.parts["finished"]:
            newest: dict[int, int] = {}
            for _, place, step, *_ in self.parts["checkpoints"]:
                newest[place] = max(step, newest.get(place, step))
            self.parts["finished"] = [row for row in finished if row[2] >= newest.get(row[1], 0)]

    def _once(self, kind: Kind, width: int) -> None:
        """An upsert may meet a row only once in a statement: the last one counts."""
        rows = self.parts[kind.name]
        if len(rows) > 1:
            self.parts[kind.name] = list({row[:width]: row for row in rows}.values())

    def query(self) -> tuple[Query, dict[str, Any]]:
        """The statement, and its values."""
        changing = any(self.commits[at].run is not None for group in self.groups for at in group.commits)
        rows: list[tuple[Any, ...]] = []
        for i, group in enumerate(self.groups):
            change = group.change
            row = (
                i,
                group.run_id,
                group.fence,
                group.before,
                group.seq,
                group.touch[0],
                change[_AT],
                change[_PROGRESS],
            )
            rows.append((*row, *[change[at] for at in _FURTHER]) if changing else row)
        values = _values("run", tuple(_CHANGING if changing else _RUN), rows)
        shape: list[tuple[str, bool]] = []
        if self.places:
            values |= _values("place", tuple(_PLACE), [(place, *key) for key, place in self.places.items()])
            shape.append(("place", len(self.places) == 1))
        for kind in KINDS:
            if of_kind := self.parts[kind.name]:
                values |= _values(kind.name, (*_leading(kind), *kind.columns), of_kind)
                shape.append((kind.name, len(of_kind) == 1))
        if settled := self.parts["settled"]:
            values |= _values("settled", tuple(SETTLING), settled)
            shape.append(("settled", len(settled) == 1))
        return _statement(tuple(shape), changing=changing, one=len(rows) == 1), values

    def outcomes(self, written: set[int], state: dict[str, tuple[int, int]]) -> list[StoreError | None]:
        """Per commit why it was refused, given the groups that were written and the (fence, seq) of others."""
        outcomes: list[StoreError | None] = [self.refused.get(at) for at in range(len(self.commits))]
        for i, group in enumerate(self.groups):
            if i not in written:
                for at in group.commits:
                    outcomes[at] = refusal(self.commits[at], state.get(group.run_id))
        return outcomes


def _leading(kind: Kind) -> tuple[str, ...]:
    """What leads from a row to its parent."""
    return ("i", "place") if kind.parent == "place" else ("i",)


def _values(prefix: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
    """Rows as columns; a lone row as it is, as an array costs more to send."""
    values = rows[0] if len(rows) == 1 else zip(*rows, strict=True)
    return {f"{prefix}_{name}": value for name, value in zip(columns, values, strict=True)}


def _rows(prefix: str, columns: dict[str, TypeEngine[Any]], *, one: bool) -> FromClause:
    """Parameters as a table: of one row, or of arrays."""
    if one:
        return select(
            *[bindparam(f"{prefix}_{name}", type_=type).label(name) for name, type in columns.items()]
        ).subquery(f"new_{prefix}")
    arrays = [bindparam(f"{prefix}_{name}", type_=ARRAY(type)) for name, type in columns.items()]
    table = func.unnest(*arrays).table_valued(*[column(name, type) for name, type in columns.items()])
    return table.render_derived(name=f"new_{prefix}")


def _passed(*, changing: bool, one: bool) -> CTE:
    """The runs whose fence matches and that leave no gap, locked against a takeover."""
    new = _rows("run", _CHANGING if changing else _RUN, one=one)
    last = last_event(runs.c.n)
    return (
        select(*new.c, runs.c.n, runs.c.thread, runs.c.owner, runs.c.attempts, (last > new.c.seq).label("stale"))
        .join_from(new, runs, and_(runs.c.id == new.c.run_id, runs.c.fence == new.c.fence))
        .where(last >= new.c.before)
        .with_for_update(read=True, of=runs)
        .cte("ok")
    )


@cache
def _statement(shape: tuple[tuple[str, bool], ...], *, changing: bool, one: bool) -> Query:
    """The statement for a batch of this shape: which kinds of rows, and of which just one."""
    ok = _passed(changing=changing, one=one)
    ctes = [_change(ok), _withdraw(ok)] if changing else [_progress(ok)]
    ctes.append(_touch(ok))
    kinds, place = {kind.name: kind for kind in KINDS}, None
    for name, lone in shape:
        if name == "settled":
            ctes.append(settling(ok, _rows(name, SETTLING, one=lone)))
            continue
        if name == "place":
            wanted = _rows(name, _PLACE, one=lone)
            place = _places(ok, wanted, ctes)
            continue
        kind = kinds[name]
        types = dict.fromkeys(_leading(kind), NUMBER) | {column: kind.type(column) for column in kind.columns}
        rows = _rows(name, types, one=lone)
        if kind.parent == "place" and place is not None:
            parent, joined = place.c.n, and_(rows.c.i == ok.c.i, rows.c.place == place.c.place)
            source = ok.join(place, place.c.i == ok.c.i).join(rows, joined)
        else:
            parent, joined = ok.c.n if kind.parent == "run" else ok.c.thread, rows.c.i == ok.c.i
            source = ok.join(rows, and_(joined, ok.c.stale == false()) if kind in (CONTEXTS, STEERING) else joined)
        ctes.append(addition(kind, parent, ok.c.owner, _column(rows, run=ok.c.n), source).cte(f"add_{name}"))
        if kind is CHECKPOINTS and place is not None:
            ctes.append(_close(place, rows))
    return Query(select(ok.c.i).add_cte(*ctes))


def _places(ok: CTE, wanted: FromClause, ctes: list[CTE]) -> CTE:
    """The number of each wanted place; those that are not there yet are made."""
    c = places.c
    here = and_(c.thread == ok.c.thread, c.path == wanted.c.path, c.channel == wanted.c.channel)
    known = (
        select(wanted.c.place, ok.c.i, ok.c.thread, wanted.c.path, wanted.c.channel, c.n)
        .select_from(ok.join(wanted, wanted.c.i == ok.c.i).outerjoin(places, here))
        .cte("known")
    )
    new = select(known.c.thread, known.c.path, known.c.channel).where(known.c.n.is_(None)).distinct()
    adding = insert(places).from_select(["thread", "path", "channel"], new)
    adding = adding.on_conflict_do_update(
        index_elements=["thread", "path", "channel"], set_={"path": adding.excluded.path}
    )
    made = adding.returning(c.n, c.thread, c.path, c.channel).cte("made")
    same = and_(made.c.thread == known.c.thread, made.c.path == known.c.path, made.c.channel == known.c.channel)
    numbers = (
        select(known.c.place, known.c.i, func.coalesce(known.c.n, made.c.n).label("n"))
        .select_from(known.outerjoin(made, same))
        .cte("place")
    )
    ctes += [known, made, numbers]
    return numbers


def _column(rows: FromClause, run: ColumnElement[Any] | None = None) -> Any:
    """The columns of rows; the ``run`` of a checkpoint is known here only."""

    def value(name: str) -> ColumnElement[Any]:
        return run if run is not None and name == "run" else rows.c[name]

    return value


def _change(ok: CTE) -> CTE:
    where = and_(runs.c.n == ok.c.n, ok.c.stale == false())
    return update(runs).where(where).values(changed(_column(ok))).cte("change")


def _progress(ok: CTE) -> CTE:
    where = and_(runs.c.n == ok.c.n, ok.c.progress > _ZERO, ok.c.attempts > _ZERO)
    return (
        update(runs).where(where).values(attempts=_ZERO, updated_at=greatest(runs.c.updated_at, ok.c.at)).cte("change")
    )


def _touch(ok: CTE) -> CTE:
    latest = [func.max(ok.c.get(name, _ZERO)).label(name) for name in TOUCH_COLUMNS]
    newest = select(ok.c.thread, *latest).group_by(ok.c.thread).subquery("newest")
    where = and_(threads.c.n == newest.c.thread, touched(_column(newest)))
    return update(threads).where(where).values(touch(_column(newest))).cte("touch")


def _withdraw(ok: CTE) -> CTE:
    where = and_(questions.c.run == ok.c.n, ok.c.ended > _ZERO, questions.c.status == literal_column("'open'"))
    return update(questions).where(where).values(status=CLOSED).cte("withdraw")


def _close(place: CTE, rows: FromClause) -> CTE:
    """Forget the finished activations of steps that these checkpoints close."""
    done = finished.c
    where = and_(done.place == place.c.n, place.c.place == rows.c.place, done.step < rows.c.step)
    return delete(finished).where(where).cte("close")
