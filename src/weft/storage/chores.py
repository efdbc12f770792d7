"""Chores in a SQL store: taken by one process at a time, by the database's clock."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from msgspec import UNSET, UnsetType
from sqlalchemy import Column, ColumnElement, and_, bindparam, case, func, literal_column, null, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from weft.errors import Fenced
from weft.storage.chore_rows import Chore, Task
from weft.storage.database import Database
from weft.storage.owners import owner_of
from weft.storage.pieces import NONE, WORKSPACE_OF, mine, named, p, status_is
from weft.storage.query import Now, Query, Row, Steps
from weft.storage.rows import ENDED, Scope
from weft.storage.tables import chores, owners, runs, threads, workspaces

_C = chores.c
_ONE: ColumnElement[Any] = literal_column("1")
_EMPTY: ColumnElement[str] = literal_column("''")


def _word(text: str) -> ColumnElement[str]:
    """Literally, so that the partial index is seen to apply."""
    return literal_column(f"'{text}'")


_SOON: ColumnElement[float] = literal_column("600.0")
"""Seconds for which who waits for the work waits for a further try, too."""
_OPEN = or_(
    _C.status == _word("working"),
    and_(_C.status == _word("waiting"), _C.due_at <= Now()),
    and_(_C.status == _word("waiting"), _C.kind != _word("tidy"), _C.due_at <= Now() + _SOON),
)
_START: dict[str, Any] = {
    "status": _word("waiting"),
    "lease": literal_column("0.0"),
    **dict.fromkeys(("fence", "tries", "done", "total", "mark"), NONE),
}


def _learn() -> Query:
    values: dict[str, Any] = {"workspace": runs.c.workspace, "owner": runs.c.owner, "thread": runs.c.thread}
    values |= {"run": runs.c.n, "kind": _word("learn"), "agent": p("agent", "t"), "of": runs.c.id, "due_at": Now()}
    values |= _START
    rows = select(*values.values()).where(runs.c.id == p("run_id"))
    return Query(insert(chores).inline().from_select(list(values), rows).on_conflict_do_nothing())


def _add() -> Query:
    due = Now() + p("wait", "f")
    given = {name: p(name) for name in ("workspace", "owner", "kind", "agent", "of")}
    new = insert(chores).inline().values(**given, thread=NONE, run=NONE, due_at=due, **_START)
    again: dict[str, Any] = {"status": _word("waiting"), "due_at": due, "error": null()}
    again |= dict.fromkeys(("tries", "done", "total"), NONE)
    rested = or_(_C.status == _word("done"), _C.status == _word("failed"))
    key = ["workspace", "kind", "agent", "of"]
    return Query(new.on_conflict_do_update(index_elements=key, set_=again, where=rested))


def _take() -> Query:
    other = chores.alias("other")
    ended = select(runs.c.n).where(runs.c.n == other.c.run, status_is(*sorted(ENDED))).exists()
    free = and_(other.c.status == _word("waiting"), or_(other.c.run == NONE, ended))
    left = and_(other.c.status == _word("working"), other.c.lease < Now())
    due = and_(literal_column("other.status IN ('waiting', 'working')"), other.c.due_at <= Now(), or_(free, left))
    first = select(other.c.n).where(other.c.workspace == WORKSPACE_OF, due).order_by(other.c.due_at, other.c.n)
    chosen = first.limit(_ONE).with_for_update(skip_locked=True).scalar_subquery()
    taken = update(chores).where(_C.n == chosen)
    more = {"fence": _C.fence + _ONE, "tries": _C.tries + _ONE}
    return Query(taken.values(status=_word("working"), lease=Now() + p("ttl", "f"), **more).returning(_C.n))


_BODY: Any = bindparam("body", type_=_C.body.type)


@cache
def _keep(*names: str) -> Query:
    changed = {name: _BODY if name == "body" else p(name, "n") for name in names}
    ours = update(chores).where(_C.n == p("n"), _C.fence == p("fence"), _C.status == _word("working"))
    return Query(ours.values(lease=Now() + p("ttl", "f"), **changed).returning(_C.n))


_HELD = Query(
    select(_C.n).where(_C.n == p("n"), _C.fence == p("fence"), _C.status == _word("working")).with_for_update()
)
_END = Query(
    update(chores)
    .where(_C.n == p("n"), _C.fence == p("fence"), _C.status == _word("working"))
    .values(
        status=p("status"),
        error=bindparam("error", type_=_C.error.type),
        due_at=Now() + p("wait", "f"),
        mark=func.coalesce(p("mark", "n"), _C.mark),
        body=case((p("status", "t") == _word("waiting"), _C.body), else_=null()),
    )
)
_COUNT = Query(select(func.count()).select_from(chores).where(_C.workspace == WORKSPACE_OF, _OPEN))


def _name(column: Column[Any], n: Column[Any], label: str) -> ColumnElement[Any]:
    return func.coalesce(named(column, n, label), _EMPTY)


_FIELDS = ("n", "kind", "agent", "of", "status", "due_at", "fence", "tries", "done", "total", "mark", "body", "error")
_ROW = [*[_C[name] for name in _FIELDS], _name(owners.c.user_id, _C.owner, "who"), _name(threads.c.id, _C.thread, "th")]
_ROW.append(named(workspaces.c.name, _C.workspace, "ws"))
_ONE_ROW = Query(select(*_ROW).where(_C.n == p("n")))


@cache
def _page(*, kind: bool) -> Query:
    query = select(*_ROW).where(mine(chores))
    if kind:
        query = query.where(_C.kind == p("kind"))
    return Query(query.order_by(_C.n.desc()).limit(p("limit", "n")))


_LEARN, _ADD, _TAKE = _learn(), _add(), _take()


class SqlChores:
    """``chore_rows.Chores`` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def learn(self, run_id: str, agent: str) -> None:
        def steps() -> Steps[None]:
            yield _LEARN, {"run_id": run_id, "agent": agent}

        await self._database.write(steps)

    async def add(self, workspace: str, kind: Task, user: str, *, agent: str = "", wait: float = 0.0) -> None:
        def steps() -> Steps[None]:
            n, owner = yield from owner_of(workspace, user)
            names = {"kind": kind, "agent": agent, "of": user}
            yield _ADD, {"workspace": n, "owner": owner, "wait": wait, **names}

        await self._database.write(steps)

    async def take(self, workspace: str, ttl: float) -> Chore | None:
        def steps() -> Steps[Chore | None]:
            taken = yield _TAKE, {"workspace": workspace, "ttl": ttl}
            return _chore((yield _ONE_ROW, {"n": taken[0][0]})[0]) if taken else None

        return await self._database.write(steps)

    async def keep(
        self,
        chore: Chore,
        ttl: float,
        *,
        done: int | None = None,
        total: int | None = None,
        body: bytes | UnsetType = UNSET,
    ) -> None:
        given = {"done": done, "total": total, "body": None if body is UNSET else body}
        given = {name: value for name, value in given.items() if value is not None}

        def steps() -> Steps[None]:
            values = {"n": chore.n, "fence": chore.fence, "ttl": ttl, "workspace": chore.workspace, **given}
            if not (yield _keep(*given), values):
                raise _lost(chore)

        await self._database.write(steps)

    async def end(
        self, chore: Chore, *, error: str | None = None, again: float | None = None, mark: int | None = None
    ) -> None:
        status = "waiting" if again is not None else "done" if error is None else "failed"
        values = {"n": chore.n, "fence": chore.fence, "status": status, "error": error, "workspace": chore.workspace}

        def steps() -> Steps[None]:
            yield _END, {"wait": again or 0.0, "mark": mark, **values}

        await self._database.write(steps)

    async def open(self, workspace: str) -> int:
        def steps() -> Steps[int]:
            return (yield _COUNT, {"workspace": workspace})[0][0]

        return await self._database.read(steps)

    async def list(self, scope: Scope, *, kind: Task | None = None, limit: int = 50) -> Sequence[Chore]:
        values = {"workspace": scope.workspace, "user": scope.user, "kind": kind, "limit": limit}

        def steps() -> Steps[Sequence[Chore]]:
            return [_chore(row) for row in (yield _page(kind=kind is not None), values)]

        return await self._database.read(steps)


def held(chore: Chore) -> Steps[None]:
    """The chore is ours until the transaction ends: what it makes is written before it is erased, or not at all.

    Raises:
        Fenced: another process took it, or it was erased.
    """
    if not (yield _HELD, {"n": chore.n, "fence": chore.fence}):
        raise _lost(chore)


def _lost(chore: Chore) -> Fenced:
    return Fenced(f"the chore {chore.kind!r} of {chore.of!r} is not ours any more")


def _chore(row: Row) -> Chore:
    *fields, user, thread, workspace = row
    return Chore(**dict(zip(_FIELDS, fields, strict=True)), user=user, thread=thread, workspace=workspace)
