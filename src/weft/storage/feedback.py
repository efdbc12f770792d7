"""What people say of runs, in a SQL store."""

import time
from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, bindparam, delete, literal_column, or_, select
from sqlalchemy.dialects.postgresql import insert

from weft.errors import NotFound
from weft.storage.database import Database
from weft.storage.feedback_rows import Remark, Verdict
from weft.storage.pieces import NONE, key_of, mine, p
from weft.storage.query import Query, Steps
from weft.storage.rows import Scope
from weft.storage.tables import feedback, messages, owners, runs, threads

_F = feedback.c


def _add() -> Query:
    said = select(messages.c.key).where(
        messages.c.key == key_of(runs.c.thread, p("message", "n")), messages.c.run == runs.c.n
    )
    values: dict[str, Any] = {"workspace": runs.c.workspace, "owner": runs.c.owner, "thread": runs.c.thread}
    values |= {"run": runs.c.n, "message": p("message", "n"), "agent": runs.c.target, "kind": p("kind", "t")}
    values |= {"value": bindparam("value", type_=_F.value.type), "author": p("author", "t"), "at": p("at", "f")}
    there = or_(p("message", "n") == NONE, said.exists())
    rows = select(*values.values()).where(runs.c.id == p("run_id"), mine(runs), there)
    return Query(insert(feedback).inline().from_select(list(values), rows).returning(_F.n))


_ADD = _add()
_REMOVE = Query(delete(feedback).where(mine(feedback), _F.n == p("n")).returning(_F.n))
_COLUMNS = (
    *(_F.n, owners.c.user_id.label("user"), threads.c.id.label("thread"), runs.c.id.label("run")),
    *(_F.message, _F.agent, _F.kind, _F.value, _F.author, _F.at),
)


def _rows(*where: ColumnElement[bool]) -> Any:
    on = feedback.join(owners, owners.c.n == _F.owner).join(threads, threads.c.n == _F.thread)
    return select(*_COLUMNS).select_from(on.join(runs, runs.c.n == _F.run)).where(mine(feedback), *where)


_ONE = Query(_rows(_F.n == p("n")))


@cache
def _page(*, run: bool, thread: bool, agent: bool) -> Query:
    where: list[ColumnElement[bool]] = [_F.n > p("after", "n")]
    if run:
        where.append(runs.c.id == p("run_id"))
    if thread:
        where.append(threads.c.id == p("thread_id"))
    if agent:
        where.append(_F.agent == p("agent"))
    return Query(_rows(*where).order_by(literal_column("feedback.n")).limit(p("limit", "n")))


class SqlFeedback:
    """``feedback_rows.Feedback`` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(
        self, scope: Scope, run_id: str, kind: Verdict, value: str, *, message: int = 0, author: str = ""
    ) -> Remark:
        whose = {"workspace": scope.workspace, "user": scope.user}
        given = {"run_id": run_id, "kind": kind, "value": value, "message": message, "author": author}

        def steps() -> Steps[Remark]:
            added = yield _ADD, {"at": time.time(), **given, **whose}
            if not added:
                raise NotFound(f"no run {run_id!r}" + (f" with a message {message}" if message else ""))
            return _remark((yield _ONE, {"n": added[0][0], **whose})[0])

        return await self._database.write(steps)

    async def list(
        self,
        scope: Scope,
        *,
        run_id: str | None = None,
        thread_id: str | None = None,
        agent: str | None = None,
        after: int = 0,
        limit: int = 50,
    ) -> Sequence[Remark]:
        query = _page(run=run_id is not None, thread=thread_id is not None, agent=agent is not None)
        asked = {"run_id": run_id, "thread_id": thread_id, "agent": agent, "after": after, "limit": limit}

        def steps() -> Steps[Sequence[Remark]]:
            rows = yield query, {"workspace": scope.workspace, "user": scope.user, **asked}
            return [_remark(row) for row in rows]

        return await self._database.read(steps)

    async def remove(self, scope: Scope, n: int) -> None:
        def steps() -> Steps[None]:
            if not (yield _REMOVE, {"workspace": scope.workspace, "user": scope.user, "n": n}):
                raise NotFound(f"no feedback {n}")

        await self._database.write(steps)


def _remark(row: Sequence[Any]) -> Remark:
    return Remark(**dict(zip(Remark.__struct_fields__, row, strict=True)))
