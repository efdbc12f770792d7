"""The ledger of model calls: its rows, sums over it, and what is left of them when a thread is deleted."""

from collections.abc import Mapping, Sequence
from functools import cache
from secrets import randbits
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Select,
    Text,
    and_,
    case,
    cast,
    delete,
    func,
    literal_column,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert  # SQLite's compiler reads it just as well
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from weft.storage import run_queries as q
from weft.storage.accounts import PERIODS, CallRow, CostRow, Dimension, period
from weft.storage.base import Scope
from weft.storage.database import Database
from weft.storage.pieces import OWNER_OF, WORKSPACE_OF, p
from weft.storage.query import Query, Steps
from weft.storage.settling import GIVE_BACK, SETTLE, SETTLED, settlement
from weft.storage.tables import NUMBER, SECONDS, calls, owners, runs, tallies, threads, workspaces

_TOKENS = ("input_tokens", "output_tokens", "cached_tokens", "cache_write_tokens", "reasoning_tokens", "audio_tokens")
LEDGER_COLUMNS = ("agent", "model", *_TOKENS, "nanos", "duration", "first_piece", "finish", "error")
"""What a call has beside its time, its run and its owner."""
FOREVER = 1e18


def call_row(call: CallRow) -> tuple[Any, ...]:
    """The values of ``LEDGER_COLUMNS``."""
    return (
        *(call.agent, call.model, call.input_tokens, call.output_tokens, call.cached_tokens),
        *(call.cache_write_tokens, call.reasoning_tokens, call.audio_tokens, call.nanos),
        *(call.duration, call.first_piece, call.finish, call.error),
    )


class _Stamp(FunctionElement[str]):
    """A time in UTC as text, as far as ``length`` characters of ``2026-11-21T09:00``."""

    inherit_cache = False
    type = Text()

    def __init__(self, at: ColumnElement[Any], length: int) -> None:
        super().__init__(at)
        self.length = length


@compiles(_Stamp, "sqlite")
def _stamp_sqlite(element: _Stamp, compiler: Any, **options: Any) -> str:
    return f"substr(strftime('%Y-%m-%dT%H:%M', {compiler.process(element.clauses)}, 'unixepoch'), 1, {element.length})"


@compiles(_Stamp, "postgresql")
def _stamp_postgresql(element: _Stamp, compiler: Any, **options: Any) -> str:
    at = compiler.process(element.clauses)
    return f"substr(to_char(to_timestamp({at}) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI'), 1, {element.length})"


def _name(column: Column[Any], n: ColumnElement[Any], of: Column[Any]) -> ColumnElement[str]:
    """What stands under a number, as text."""
    return func.coalesce(select(column).where(of == n).correlate(calls, runs).scalar_subquery(), literal_column("''"))


_C = calls.c
_DIMENSIONS: Mapping[Dimension, ColumnElement[Any]] = {
    "model": _C.model,
    "agent": _C.agent,
    "run": func.coalesce(runs.c.id, literal_column("''")),
    "thread": _name(threads.c.id, runs.c.thread, threads.c.n),
    "user": _name(owners.c.user_id, _C.owner, owners.c.n),
    "workspace": _name(workspaces.c.name, _C.workspace, workspaces.c.n),
    "hour": _Stamp(_C.at, 13),
    "day": _Stamp(_C.at, 10),
    "month": _Stamp(_C.at, 7),
    "finish": _C.finish,
    "error": func.coalesce(_C.error, literal_column("''")),
}


def _sum(value: Any, label: str) -> ColumnElement[Any]:
    return cast(func.coalesce(func.sum(value), literal_column("0")), NUMBER).label(label)


def _count_if(condition: ColumnElement[bool], label: str) -> ColumnElement[Any]:
    return _sum(case((condition, _C.count), else_=literal_column("0", NUMBER)), label)


def _sums() -> list[ColumnElement[Any]]:
    """The columns of a ``CostRow`` after its key, in its order."""
    well = _C.error.is_(None)
    return [
        _sum(_C.count, "calls"),
        _count_if(_C.error.is_not(None), "failed"),
        _count_if(and_(well, _C.nanos.is_(None)), "unpriced"),
        *[_sum(_C[name], name) for name in _TOKENS],
        cast(func.sum(_C.nanos), NUMBER).label("nanos"),
        _sum(_C.duration, "duration"),
        func.avg(cast(_C.first_piece, SECONDS)).label("first_piece"),
    ]


@cache
def _query(by: tuple[Dimension, ...], only: tuple[Dimension, ...], *, user: bool) -> Query:
    keys = [_DIMENSIONS[name].label(f"by_{name}") for name in by]
    source = calls.outerjoin(runs, runs.c.n == _C.run) if {"run", "thread"} & {*by, *only} else calls
    query: Select[Any] = select(*keys, *_sums()).select_from(source)
    query = query.where(_C.workspace == WORKSPACE_OF, _C.at >= p("since"), _C.at < p("until"))
    if user:
        query = query.where(_C.owner == OWNER_OF)
    for name in only:
        query = query.where(_DIMENSIONS[name] == p(f"only_{name}", "t"))
    labels = [literal_column(f"by_{name}", Text()) for name in by]
    return Query(query.group_by(*labels).order_by(*labels))


def _late() -> Query:
    run = runs.c
    values: dict[str, Any] = {"workspace": run.workspace, "at": p("at", "f"), "run": run.n, "seq": p("seq", "n")}
    values |= {"owner": run.owner, "count": literal_column("1", NUMBER)}
    values |= {name: p(name, "t" if isinstance(_C[name].type, Text) else "n") for name in LEDGER_COLUMNS}
    found = select(*values.values()).where(run.id == p("run_id"))
    return Query(insert(calls).inline().from_select(list(values), found).on_conflict_do_nothing())


_LATE = _late()


def _apart() -> Query:
    values: dict[str, Any] = {"workspace": WORKSPACE_OF, "at": p("at", "f"), "run": literal_column("0")}
    values |= {"seq": p("seq", "n"), "owner": literal_column("0"), "count": literal_column("1")}
    values |= {name: p(name) for name in LEDGER_COLUMNS}
    return Query(insert(calls).inline().values(values).on_conflict_do_nothing())


def _used_apart() -> Query:
    t = tallies.c
    now = or_(*[and_(t.per == literal_column(f"'{per}'"), t.starts_at == p(per, "f")) for per in PERIODS])
    return Query(
        update(tallies)
        .where(t.workspace == WORKSPACE_OF, t.of == literal_column("'workspace'"), now)
        .values(nanos=t.nanos + p("spent", "n"), tokens=t.tokens + p("taken", "n"))
    )


_APART, _USED_APART = _apart(), _used_apart()


class SqlLedger:
    """``books.Ledger`` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def sums(
        self,
        scope: Scope,
        by: Sequence[Dimension],
        *,
        since: float = 0.0,
        until: float | None = None,
        only: Mapping[Dimension, str] | None = None,
    ) -> Sequence[CostRow]:
        only = only or {}
        query = _query(tuple(by), tuple(only), user=scope.user is not None)
        values = {"workspace": scope.workspace, "user": scope.user, "since": since}
        values |= {"until": FOREVER if until is None else until}
        values |= {f"only_{name}": value for name, value in only.items()}
        width = len(by)

        def steps() -> Steps[Sequence[CostRow]]:
            rows = yield query, values
            return [_cost(row[:width], row[width:]) for row in rows if row[width]]

        return await self._database.read(steps)

    async def late(self, run_id: str, calls: Sequence[CallRow]) -> None:
        def steps() -> Steps[None]:
            for call in calls:
                told = dict(zip(LEDGER_COLUMNS, call_row(call), strict=True))
                yield _LATE, {"run_id": run_id, "at": call.at, "seq": call.seq, **told}
                if call.reservation is not None:
                    held = {f"p_{name}": value for name, value in zip(SETTLED[2:], settlement(call), strict=True)}
                    yield SETTLE, held
                    yield GIVE_BACK, held

        await self._database.write(steps)

    async def apart(self, workspace: str, call: CallRow) -> None:
        told = dict(zip(LEDGER_COLUMNS, call_row(call), strict=True))
        taken = call.input_tokens + call.output_tokens
        starts = {per: period(per, call.at)[0] for per in PERIODS}

        def steps() -> Steps[None]:
            yield q.ADD_WORKSPACE, {"workspace": workspace}
            yield _APART, {"workspace": workspace, "at": call.at, "seq": randbits(48), **told}
            yield _USED_APART, {"workspace": workspace, "spent": call.nanos or 0, "taken": taken, **starts}

        await self._database.write(steps)


def _cost(key: Sequence[Any], sums: Sequence[Any]) -> CostRow:
    names = CostRow.__struct_fields__[1:]
    return CostRow(key=tuple(map(str, key)), **dict(zip(names, sums, strict=True)))


# What is left of a deleted thread: sums by day, owner, agent and model, that name no thread and no run.

_DAY = literal_column("86400.0", SECONDS)


class _DayOf(FunctionElement[float]):
    """When the day of a time began, in UTC."""

    inherit_cache = True
    type = SECONDS


@compiles(_DayOf, "sqlite")
def _day_sqlite(element: _DayOf, compiler: Any, **options: Any) -> str:
    return f"(CAST({compiler.process(element.clauses)} / 86400.0 AS INTEGER) * 86400.0)"


@compiles(_DayOf, "postgresql")
def _day_postgresql(element: _DayOf, compiler: Any, **options: Any) -> str:
    return f"(floor({compiler.process(element.clauses)} / 86400.0) * 86400.0)"


_OF_THREAD = and_(
    _C.workspace == select(threads.c.workspace).where(threads.c.n == p("n")).scalar_subquery(),
    _C.at >= select(threads.c.created_at).where(threads.c.n == p("n")).scalar_subquery() - _DAY,
    _C.run.in_(select(runs.c.n).where(runs.c.thread == p("n"))),
)


def _fold() -> Query:
    day = _DayOf(_C.at)
    same = ("workspace", "owner", "agent", "model", "finish", "error")
    known = _C.nanos.is_(None).label("known")
    grouped = (
        select(
            day.label("at"),
            *[_C[name].label(name) for name in same],
            func.sum(_C.count).label("count"),
            *[func.sum(_C[name]).label(name) for name in (*_TOKENS, "nanos", "duration")],
            func.min(_C.run).label("first_run"),
            func.min(_C.seq).label("first_seq"),
        )
        .where(_OF_THREAD)
        .group_by(literal_column("1"), *[_C[name] for name in same], known)
        .subquery("grouped")
    )
    g = grouped.c
    left = calls.alias("left_over")
    taken = func.coalesce(
        select(func.max(left.c.seq))
        .where(left.c.workspace == g.workspace, left.c.at == g.at, left.c.run == literal_column("0"))
        .scalar_subquery(),
        literal_column("0"),
    )
    place = func.row_number().over(order_by=(g.at, g.first_run, g.first_seq))
    row: dict[str, ColumnElement[Any]] = {
        **{"at": g.at, "run": literal_column("0", NUMBER), "seq": taken + place, "count": g["count"]},
        **{name: g[name] for name in (*same, *_TOKENS, "nanos", "duration")},
        "first_piece": null(),
    }
    numbers = {"count", *_TOKENS, "nanos", "duration", "seq"}
    columns = [cast(value, _C[name].type) if name in numbers else value for name, value in row.items()]
    return Query(insert(calls).inline().from_select(list(row), select(*columns)))


FORGET_CALLS = (_fold(), Query(delete(calls).where(_OF_THREAD)))
"""In this order, before the runs of the thread are deleted."""
