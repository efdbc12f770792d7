"""Tools of workspaces in a SQL store."""

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from weft.errors import Conflict, NotFound
from weft.storage import run_queries as q
from weft.storage.database import Database
from weft.storage.pieces import WORKSPACE_OF, p
from weft.storage.query import Now, Query, Steps
from weft.storage.tables import tools
from weft.storage.tool_rows import ToolRow

_ALL = Query(
    select(tools.c.name, tools.c.at, tools.c.body).where(tools.c.workspace == WORKSPACE_OF).order_by(tools.c.name)
)
_ADD = (
    insert(tools).values(workspace=WORKSPACE_OF, name=p("name"), at=Now(), body=p("body", "b"))
)  # fmt: skip
_NEW = Query(_ADD.on_conflict_do_nothing().returning(tools.c.at))
_PUT = Query(
    _ADD.on_conflict_do_update(
        index_elements=[tools.c.workspace, tools.c.name], set_={"at": Now(), "body": p("body", "b")}
    ).returning(tools.c.at)
)
_REMOVE = Query(delete(tools).where(tools.c.workspace == WORKSPACE_OF, tools.c.name == p("name")).returning(tools.c.at))


class SqlToolbox:
    """``base.Toolbox`` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self, workspace: str) -> Sequence[ToolRow]:
        def steps() -> Steps[list[ToolRow]]:
            rows = yield _ALL, {"workspace": workspace}
            return [ToolRow(name=row[0], at=row[1], body=row[2]) for row in rows]

        return await self._database.read(steps)

    async def put(self, workspace: str, name: str, body: bytes, *, new: bool = False) -> ToolRow:
        def steps() -> Steps[ToolRow]:
            yield q.ADD_WORKSPACE, {"workspace": workspace}
            written = yield _NEW if new else _PUT, {"workspace": workspace, "name": name, "body": body}
            if not written:
                raise Conflict(f"there is a tool {name!r} already: remove it first, or take another name")
            return ToolRow(name=name, at=written[0][0], body=body)

        return await self._database.write(steps)

    async def remove(self, workspace: str, name: str) -> None:
        def steps() -> Steps[None]:
            if not (yield _REMOVE, {"workspace": workspace, "name": name}):
                raise NotFound(f"no tool {name!r} was added to this workspace")

        await self._database.write(steps)
