"""Budgets of a SQL store: what may be spent, and reservations that are exact however many make them at once."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, Update, and_, delete, exists, func, literal_column, or_, select, update
from sqlalchemy.dialects.postgresql import insert  # SQLite's compiler reads its ON CONFLICT just as well

from weft.storage.accounts import Allowance, BudgetRow, Of, Reservation, Shortage, Tally
from weft.storage.database import Database
from weft.storage.owners import owner_of
from weft.storage.pieces import WORKSPACE_OF, p
from weft.storage.query import Now, Query, Row, Steps
from weft.storage.tables import NUMBER, budgets, calls, chores, owners, reservations, runs, tallies, threads, workers

_B, _T, _R = budgets.c, tallies.c, reservations.c
_KEPT = 40 * 86_400.0
"""Seconds that a tally stays after the last period that could need it began."""

_LIST = Query(
    select(_B.of, _B.subject, _B.per, _B.nanos, _B.tokens, _B.unpriced)
    .where(_B.workspace == WORKSPACE_OF)
    .order_by(_B.of, _B.subject, _B.per)
)
_SET = Query(
    (
        _new := insert(budgets).values(
            workspace=p("n"),
            of=p("of"),
            subject=p("subject"),
            per=p("per"),
            nanos=p("nanos"),
            tokens=p("tokens"),
            unpriced=p("unpriced"),
        )
    ).on_conflict_do_update(
        index_elements=["workspace", "of", "subject", "per"],
        set_={name: _new.excluded[name] for name in ("nanos", "tokens", "unpriced")},
    )
)
_REMOVE = Query(
    delete(budgets)
    .where(_B.workspace == WORKSPACE_OF, _B.of == p("of"), _B.subject == p("subject"), _B.per == p("per"))
    .returning(_B.per)
)


def _is(i: int) -> ColumnElement[bool]:
    """The tally of the i-th allowance."""
    return and_(
        _T.of == p(f"of{i}"),
        _T.subject == p(f"subject{i}"),
        _T.per == p(f"per{i}"),
        _T.starts_at == p(f"starts_at{i}"),
    )


_USED = (_T.nanos, _T.tokens, _T.held_nanos, _T.held_tokens)


@cache
def _found(count: int) -> Query:
    """The tallies of these allowances, each locked, always in the same order."""
    query = select(_T.n, _T.of, _T.subject, _T.per, *_USED)
    query = query.where(_T.workspace == WORKSPACE_OF, or_(*[_is(i) for i in range(count)])).order_by(_T.n)
    return Query(query.with_for_update())


@cache
def _made(of: Of) -> Query:
    """A new tally begins with what the ledger has of its period."""
    c = calls.c
    whose: dict[Of, ColumnElement[bool]] = {
        "workspace": c.workspace == c.workspace,
        "user": c.owner
        == select(owners.c.n)
        .where(owners.c.workspace == WORKSPACE_OF, owners.c.user_id == p("subject"))
        .scalar_subquery(),
        "thread": c.run.in_(
            select(runs.c.n).join(threads, threads.c.n == runs.c.thread).where(threads.c.id == p("subject"))
        ),
        "run": c.run == select(runs.c.n).where(runs.c.id == p("subject")).scalar_subquery(),
    }

    def spent(value: Any) -> ColumnElement[Any]:
        total: Select[Any] = select(func.coalesce(func.sum(value), literal_column("0")).cast(NUMBER))
        return total.where(c.workspace == WORKSPACE_OF, c.at >= p("since", "f"), whose[of]).scalar_subquery()

    return Query(
        insert(tallies)
        .inline()
        .values(
            workspace=WORKSPACE_OF,
            of=p("of"),
            subject=p("subject"),
            per=p("per"),
            starts_at=p("starts_at"),
            nanos=spent(c.nanos),
            tokens=spent(c.input_tokens + c.output_tokens),
            held_nanos=0,
            held_tokens=0,
        )
        .on_conflict_do_nothing()
    )


_PRUNE = Query(
    delete(tallies).where(
        _T.workspace == WORKSPACE_OF,
        _T.starts_at > 0.0,
        _T.starts_at < p("old", "f"),
        ~exists().where(_R.tally == _T.n),
    )
)


def _dead(ttl: ColumnElement[Any]) -> ColumnElement[bool]:
    """Nobody makes the call any more for which this was reserved."""
    alive = exists().where(workers.c.id == runs.c.worker, workers.c.beat > Now() - ttl)
    running = exists().where(
        runs.c.n == _R.run, runs.c.fence == _R.fence, runs.c.status == literal_column("'running'"), alive
    )
    working = exists().where(
        chores.c.n == _R.chore,
        chores.c.fence == _R.fence,
        chores.c.status == literal_column("'working'"),
        chores.c.lease > Now(),
    )
    of_chore = _R.chore > literal_column("0")
    return or_(and_(of_chore, ~working), and_(~of_chore, ~running))


_SWEEP = Query(delete(reservations).where(_R.tally == p("tally"), _dead(p("ttl", "f"))).returning(_R.nanos, _R.tokens))
"""One tally at a time, whose row is locked: a call that holds several is dead for all of them."""
_LESS = Query(
    update(tallies)
    .where(_T.n == p("tally"))
    .values(held_nanos=_T.held_nanos - p("nanos"), held_tokens=_T.held_tokens - p("tokens"))
)


@cache
def _take(count: int) -> tuple[Query, Query]:
    chosen = _T.n.in_([p(f"n{i}", "n") for i in range(count)])
    more: Update = (
        update(tallies)
        .where(chosen)
        .values(held_nanos=_T.held_nanos + p("nanos"), held_tokens=_T.held_tokens + p("tokens"))
    )
    run = select(runs.c.n).where(runs.c.id == p("run")).scalar_subquery()
    given = [p(name, "n") for name in ("fence", "chore", "nanos", "tokens")]
    names = ["id", "tally", "run", "fence", "chore", "nanos", "tokens"]
    note = insert(reservations).inline().from_select(names, select(p("id", "t"), _T.n, run, *given).where(chosen))
    return Query(more), Query(note)


class SqlBudgets:
    """``books.Budgets`` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self, workspace: str) -> Sequence[BudgetRow]:
        def steps() -> Steps[Sequence[BudgetRow]]:
            names = ("of", "subject", "per", "nanos", "tokens", "unpriced")
            rows = yield _LIST, {"workspace": workspace}
            return [BudgetRow(**dict(zip(names, row, strict=True))) for row in rows]

        return await self._database.read(steps)

    async def set(self, workspace: str, budget: BudgetRow) -> None:
        def steps() -> Steps[None]:
            n, _ = yield from owner_of(workspace, "")
            values = {name: getattr(budget, name) for name in BudgetRow.__struct_fields__}
            yield _SET, {"n": n, **values}

        await self._database.write(steps)

    async def remove(self, workspace: str, budget: BudgetRow) -> bool:
        values = {"workspace": workspace, "of": budget.of, "subject": budget.subject, "per": budget.per}

        def steps() -> Steps[bool]:
            return bool((yield _REMOVE, values))

        return await self._database.write(steps, lone=True)

    async def used(self, workspace: str, allowance: Allowance) -> Tally:
        def steps() -> Steps[Tally]:
            rows = yield from _locked(workspace, (allowance,))
            return _tally(rows[0]) if rows else Tally()

        return await self._database.write(steps)

    async def reserve(self, wanted: Reservation, ttl: float) -> Shortage | None:
        return await self._database.write(lambda: _reserve(wanted, ttl))


def _reserve(wanted: Reservation, ttl: float) -> Steps[Shortage | None]:
    rows = yield from _locked(wanted.workspace, wanted.under)
    short = _short(wanted, rows)
    if short is not None:
        for row in rows:
            yield from _sweep(row[0], ttl)
        rows = yield from _locked(wanted.workspace, wanted.under)
        if (short := _short(wanted, rows)) is not None:
            return short
    more, note = _take(len(rows))
    values: dict[str, Any] = {f"n{i}": row[0] for i, row in enumerate(rows)}
    values |= {"id": wanted.id, "run": wanted.run_id, "fence": wanted.fence, "chore": wanted.chore}
    values |= {"nanos": wanted.nanos, "tokens": wanted.tokens}
    yield more, values
    yield note, values
    return None


def _locked(workspace: str, under: Sequence[Allowance]) -> Steps[Sequence[Row]]:
    """The tallies of all allowances, ours until the transaction ends; made where they are new."""
    query = _found(len(under))
    values = {"workspace": workspace, **_keys(under)}
    rows = yield query, values
    if len(rows) == len(under):
        return rows
    known = {tuple(row[1:4]) for row in rows}
    for one in sorted(under, key=_key):
        if _key(one) not in known:
            of, subject, per = _key(one)
            made = {"of": of, "subject": subject, "per": per, "starts_at": one.starts_at}
            yield _made(one.budget.of), {"workspace": workspace, "since": max(one.since, one.starts_at), **made}
    latest = max(one.starts_at for one in under)
    if latest:
        yield _PRUNE, {"workspace": workspace, "old": latest - _KEPT}
    return (yield query, values)


def _sweep(tally: int, ttl: float) -> Steps[None]:
    gone = yield _SWEEP, {"tally": tally, "ttl": ttl}
    if gone:
        nanos, tokens = sum([row[0] for row in gone]), sum([row[1] for row in gone])
        yield _LESS, {"tally": tally, "nanos": nanos, "tokens": tokens}


def _short(wanted: Reservation, rows: Sequence[Row]) -> Shortage | None:
    """The first allowance with too little left."""
    found = {tuple(row[1:4]): _tally(row) for row in rows}
    for one in wanted.under:
        tally, budget = found[_key(one)], one.budget
        if budget.nanos is not None and tally.nanos + tally.held_nanos + wanted.nanos > budget.nanos:
            return Shortage(one, tally)
        if budget.tokens is not None and tally.tokens + tally.held_tokens + wanted.tokens > budget.tokens:
            return Shortage(one, tally)
    return None


def _tally(row: Row) -> Tally:
    nanos, tokens, held_nanos, held_tokens = row[4:8]
    return Tally(nanos=nanos, tokens=tokens, held_nanos=held_nanos, held_tokens=held_tokens)


def _key(one: Allowance) -> tuple[str, str, str]:
    return one.budget.of, one.subject, one.budget.per


def _keys(under: Sequence[Allowance]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for i, one in enumerate(under):
        values[f"of{i}"], values[f"subject{i}"], values[f"per{i}"] = _key(one)
        values[f"starts_at{i}"] = one.starts_at
    return values


# When a thread is deleted: what speaks of it or of its runs.


def _of_thread(of: ColumnElement[Any], subject: ColumnElement[Any]) -> ColumnElement[bool]:
    thread = select(threads.c.id).where(threads.c.n == p("n")).scalar_subquery()
    of_runs = select(runs.c.id).where(runs.c.thread == p("n"))
    return or_(
        and_(of == literal_column("'thread'"), subject == thread),
        and_(of == literal_column("'run'"), subject.in_(of_runs)),
    )


FORGET_BUDGETS = (
    Query(delete(budgets).where(_of_thread(_B.of, _B.subject))),
    Query(delete(tallies).where(_of_thread(_T.of, _T.subject))),
)
"""Before its runs are deleted. What it used of other budgets stays used."""
