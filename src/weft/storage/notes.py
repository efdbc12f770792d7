"""Notes of runs, in a SQL store."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, bindparam, select
from sqlalchemy.dialects.postgresql import insert

from weft.storage.database import Database
from weft.storage.note_rows import NoteRow
from weft.storage.pieces import mine, p
from weft.storage.query import Query, Steps
from weft.storage.rows import Scope
from weft.storage.tables import notes, owners, runs, threads

_N = notes.c
_GIVEN = {"key": "t", "kind": "t", "stage": "t", "agent": "t", "at": "f", "body": "b"}


def _put() -> Query:
    values: dict[str, Any] = {"workspace": runs.c.workspace, "owner": runs.c.owner, "thread": runs.c.thread}
    values |= {"run": runs.c.n, **{name: p(name, kind) for name, kind in _GIVEN.items()}}
    values["body"] = bindparam("body", type_=_N.body.type)
    new = insert(notes).inline().from_select(list(values), select(*values.values()).where(runs.c.id == p("run_id")))
    again = {name: new.excluded[name] for name in ("kind", "stage", "agent", "at", "body")}
    return Query(new.on_conflict_do_update(index_elements=["run", "key"], set_=again))


_PUT = _put()
_COLUMNS = (
    *(_N.n, owners.c.user_id.label("user"), threads.c.id.label("thread"), runs.c.id.label("run")),
    *(_N.key, _N.kind, _N.stage, _N.agent, _N.at, _N.body),
)
_BY: dict[str, ColumnElement[Any]] = {
    "run_id": runs.c.id,
    "thread_id": threads.c.id,
    "kind": _N.kind,
    "stage": _N.stage,
    "agent": _N.agent,
}


@cache
def _page(by: tuple[str, ...]) -> Query:
    on = notes.join(owners, owners.c.n == _N.owner).join(threads, threads.c.n == _N.thread)
    query = select(*_COLUMNS).select_from(on.join(runs, runs.c.n == _N.run)).where(mine(notes), _N.n > p("after", "n"))
    return Query(query.where(*[_BY[name] == p(name) for name in by]).order_by(_N.n).limit(p("limit", "n")))


class SqlNotes:
    """``note_rows.Notes`` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, note: NoteRow, *, workspace: str = "default") -> None:
        values = {"workspace": workspace, **{name: getattr(note, name) for name in _GIVEN}}

        def steps() -> Steps[None]:
            yield _PUT, {"run_id": note.run, **values}

        await self._database.write(steps)

    async def list(
        self,
        scope: Scope,
        *,
        run_id: str | None = None,
        thread_id: str | None = None,
        kind: str | None = None,
        stage: str | None = None,
        agent: str | None = None,
        after: int = 0,
        limit: int = 200,
    ) -> Sequence[NoteRow]:
        by = {"run_id": run_id, "thread_id": thread_id, "kind": kind, "stage": stage, "agent": agent}
        asked = {name: value for name, value in by.items() if value is not None}
        values = {"workspace": scope.workspace, "user": scope.user, "after": after, "limit": limit, **asked}

        def steps() -> Steps[Sequence[NoteRow]]:
            rows = yield _page(tuple(asked)), values
            return [NoteRow(**dict(zip(NoteRow.__struct_fields__, row, strict=True))) for row in rows]

        return await self._database.read(steps)
