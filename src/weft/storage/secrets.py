"""Secrets of a SQL store: one row each."""

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from weft.storage import run_queries as q
from weft.storage.database import Database
from weft.storage.pieces import WORKSPACE_OF, p
from weft.storage.query import Now, Query, Steps
from weft.storage.tables import secrets

_MINE = (secrets.c.workspace == WORKSPACE_OF, secrets.c.name == p("name"))
_GET = Query(select(secrets.c.body).where(*_MINE))
_NAMES = Query(select(secrets.c.name).where(secrets.c.workspace == WORKSPACE_OF))
_ADD = insert(secrets).values(workspace=WORKSPACE_OF, name=p("name"), at=Now(), body=p("body", "b"))
_PUT = Query(
    _ADD.on_conflict_do_update(
        index_elements=[secrets.c.workspace, secrets.c.name],
        set_={"body": _ADD.excluded.body, "at": _ADD.excluded.at},
    )
)
_FORGET = Query(delete(secrets).where(*_MINE))


class SqlSecrets:
    """``base.Secrets`` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, workspace: str, name: str) -> bytes | None:
        def steps() -> Steps[bytes | None]:
            rows = yield _GET, {"workspace": workspace, "name": name}
            return rows[0][0] if rows else None

        return await self._database.read(steps)

    async def names(self, workspace: str, prefix: str) -> Sequence[str]:
        def steps() -> Steps[Sequence[str]]:
            rows = yield _NAMES, {"workspace": workspace}
            return sorted([row[0] for row in rows if row[0].startswith(prefix)])

        return await self._database.read(steps)

    async def put(self, workspace: str, name: str, body: bytes) -> None:
        def steps() -> Steps[None]:
            yield q.ADD_WORKSPACE, {"workspace": workspace}
            yield _PUT, {"workspace": workspace, "name": name, "body": body}

        await self._database.write(steps)

    async def forget(self, workspace: str, name: str) -> None:
        def steps() -> Steps[None]:
            yield _FORGET, {"workspace": workspace, "name": name}

        await self._database.write(steps)
