"""The audit of a store: who used which tool, by which rule."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.dialects.postgresql import insert

from weft.errors import UsageError
from weft.storage import cursor, proving
from weft.storage.audit_rows import Link, Proof
from weft.storage.database import Database
from weft.storage.owners import owner_of
from weft.storage.pieces import OWNER_OF, WORKSPACE_OF, beyond, named, p
from weft.storage.query import Query, Row, Steps
from weft.storage.rows import Page, Scope, UseRow
from weft.storage.tables import audit, owners

AUDIT_COLUMNS = (
    *("agent", "tool", "call_id", "effect", "decision", "rule", "answer", "sources"),
    *("arguments", "result", "failed", "duration"),
)
"""What a use has beside its time, its run and its owner."""
FOREVER = 1e18


def use_row(use: UseRow) -> tuple[Any, ...]:
    """The values of ``AUDIT_COLUMNS``."""
    return (
        *(use.agent, use.tool, use.call_id, use.effect, use.decision, use.rule, use.answer, use.sources),
        *(use.arguments, use.result, int(use.failed), use.duration),
    )


_A = audit.c
_FIELDS = ("seq", "at", "run_id", *AUDIT_COLUMNS)
_FILTERS: dict[str, ColumnElement[str]] = {"run_id": _A.run_id, "tool": _A.tool, "decision": _A.decision}


@cache
def _page(only: tuple[str, ...], *, user: bool, newest: bool, cursor: bool) -> Query:
    query: Select[tuple[Any, ...]] = select(*[_A[name] for name in _FIELDS], named(owners.c.user_id, _A.owner, "user"))
    query = query.where(_A.workspace == WORKSPACE_OF, _A.at >= p("since"), _A.at < p("until")).limit(p("limit", "n"))
    if user:
        query = query.where(_A.owner == OWNER_OF)
    for name in only:
        query = query.where(_FILTERS[name] == p(f"only_{name}", "t"))
    if cursor:
        after = (_A.at, p("at", "f")), (_A.run_id, p("run", "t")), (_A.seq, p("seq", "n"))
        query = query.where(beyond(newest, *after))
    columns = (_A.at, _A.run_id, _A.seq)
    return Query(query.order_by(*[column.desc() for column in columns] if newest else columns))


_ADD = Query(
    insert(audit).values(
        **{"workspace": p("n"), "owner": p("owner"), "at": p("at"), "run_id": p("run_id", "t"), "seq": p("seq", "n")},
        **{"run": 0, **{name: p(name) for name in AUDIT_COLUMNS}},
    )
)


class SqlAudit:
    """``Audit`` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(
        self,
        scope: Scope,
        page: Page,
        *,
        run_id: str | None = None,
        tool: str | None = None,
        decision: str | None = None,
        since: float = 0.0,
        until: float | None = None,
    ) -> Sequence[UseRow]:
        given = {"run_id": run_id, "tool": tool, "decision": decision}
        only = {name: value for name, value in given.items() if value is not None}
        values: dict[str, Any] = {"workspace": scope.workspace, "user": scope.user, "limit": page.limit}
        values |= {"since": since, "until": FOREVER if until is None else until}
        values |= {f"only_{name}": value for name, value in only.items()}
        if page.cursor is not None:
            values |= _after(page.cursor)
        query = _page(tuple(only), user=scope.user is not None, newest=page.newest, cursor=page.cursor is not None)

        def steps() -> Steps[Sequence[UseRow]]:
            return [_use(row) for row in (yield query, values)]

        return await self._database.read(steps)

    async def add(self, scope: Scope, use: UseRow) -> None:
        def steps() -> Steps[None]:
            n, owner = yield from owner_of(scope.workspace, scope.user or "")
            told = dict(zip(AUDIT_COLUMNS, use_row(use), strict=True))
            yield _ADD, {"n": n, "owner": owner, "at": use.at, "run_id": use.run_id, "seq": use.seq, **told}

        await self._database.write(steps)

    async def verify(self, workspace: str, *, known: Link | None = None) -> Proof:
        return await proving.proof(self._database, workspace, known)

    async def erase(self, scope: Scope, *, before: float, by: str = "") -> int:
        return await self._database.erase(lambda: proving.erasure(scope, before, by))


def _after(given: str) -> dict[str, Any]:
    at, rest = cursor.parse(given)
    run, _, seq = rest.rpartition(":")
    if not seq.isascii() or not seq.isdigit() or len(seq) > 18:
        raise UsageError(f"cursor {given!r} is not one that a list gave out")
    return {"at": at, "run": run, "seq": int(seq)}


def _use(row: Row) -> UseRow:
    fields: dict[str, Any] = {name: value for name, value in zip((*_FIELDS, "user_id"), row, strict=True)}
    fields["failed"] = bool(fields["failed"])
    return UseRow(**fields)
