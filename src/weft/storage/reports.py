"""Reports of processes to one another, in a SQL store."""

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert  # SQLite's compiler reads its ON CONFLICT just as well

from weft.storage import run_queries as q
from weft.storage.database import Database
from weft.storage.pieces import WORKSPACE_OF, p
from weft.storage.query import Now, Query, Steps
from weft.storage.tables import reports

_R = reports.c
_NEW = insert(reports).values(
    workspace=WORKSPACE_OF, name=p("name"), process=p("process"), at=Now(), body=p("body", "b")
)
_SAY = Query(
    _NEW.on_conflict_do_update(
        index_elements=["workspace", "name", "process"], set_={"at": _NEW.excluded.at, "body": _NEW.excluded.body}
    )
)
_HEAR = Query(
    select((Now() - _R.at).label("age"), _R.body).where(
        _R.workspace == WORKSPACE_OF, _R.name == p("name"), _R.process != p("process")
    )
)
_FORGET = Query(delete(reports).where(_R.at < Now() - p("keep", "f")))


class SqlReports:
    """``report_rows.Reports`` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def exchange(
        self, workspace: str, name: str, process: str, body: bytes | None, *, keep: float
    ) -> Sequence[tuple[float, bytes]]:
        told = {"workspace": workspace, "name": name, "process": process}

        def hear() -> Steps[list[tuple[float, bytes]]]:
            return [(max(0.0, row[0]), row[1]) for row in (yield _HEAR, told)]

        def both() -> Steps[list[tuple[float, bytes]]]:
            yield q.ADD_WORKSPACE, {"workspace": workspace}
            yield _SAY, {**told, "body": body}
            heard = yield from hear()
            if any([age > keep for age, _ in heard]):
                yield _FORGET, {"keep": keep}
            return heard

        heard = await (self._database.read(hear) if body is None else self._database.write(both))
        return [(age, said) for age, said in heard if age <= keep]
