"""Routers and policies of a SQL store: every version is a row, and none is ever changed."""

from collections.abc import Sequence

from sqlalchemy import Table, select
from sqlalchemy.dialects.postgresql import insert

from weft.errors import Conflict
from weft.storage import run_queries as q
from weft.storage.database import Database
from weft.storage.pieces import WORKSPACE_OF, p
from weft.storage.query import Now, Query, Steps
from weft.storage.tables import policies, routers
from weft.storage.version_rows import VersionRow


def _newest(table: Table) -> Query:
    c = table.c
    return Query(
        select(c.version, c.at, c.body)
        .where(c.workspace == WORKSPACE_OF, c.name == p("name"), c.version > p("after", "n"))
        .order_by(c.version.desc())
        .limit(p("limit", "n"))
    )


def _add(table: Table) -> Query:
    return Query(
        insert(table)
        .values(workspace=WORKSPACE_OF, name=p("name"), version=p("version", "n"), at=Now(), body=p("body", "b"))
        .on_conflict_do_nothing()
        .returning(table.c.at)
    )


_NEWEST = {table.name: _newest(table) for table in (routers, policies)}
_ADD = {table.name: _add(table) for table in (routers, policies)}


class SqlVersioned:
    """``base.Versioned`` on a database, in the table of one kind of document."""

    def __init__(self, database: Database, table: Table, noun: str) -> None:
        self._database = database
        self._newest, self._add, self._noun = _NEWEST[table.name], _ADD[table.name], noun

    async def newest(self, workspace: str, name: str, *, after: int = 0) -> VersionRow | None:
        rows = await self._rows(workspace, name, after, 1)
        return rows[0] if rows else None

    async def versions(self, workspace: str, name: str, *, limit: int = 50) -> Sequence[VersionRow]:
        return await self._rows(workspace, name, 0, limit)

    async def put(self, workspace: str, name: str, body: bytes, *, expected: int) -> VersionRow:
        def steps() -> Steps[VersionRow]:
            yield q.ADD_WORKSPACE, {"workspace": workspace}
            found = yield self._newest, {"workspace": workspace, "name": name, "after": 0, "limit": 1}
            version: int = found[0][0] if found else 0
            if version == expected:
                added = yield self._add, {"workspace": workspace, "name": name, "version": version + 1, "body": body}
                if added:
                    return VersionRow(version=version + 1, at=added[0][0], body=body)
            raise Conflict(
                f"{self._noun} {name!r} is at version {version} or later, and the change was made to version "
                f"{expected}: read it again, and make the change there"
            )

        return await self._database.write(steps)

    async def _rows(self, workspace: str, name: str, after: int, limit: int) -> list[VersionRow]:
        values = {"workspace": workspace, "name": name, "after": after, "limit": limit}

        def steps() -> Steps[list[VersionRow]]:
            return [VersionRow(version=row[0], at=row[1], body=row[2]) for row in (yield self._newest, values)]

        return await self._database.read(steps)
