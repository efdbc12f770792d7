"""Answers of models in a SQL store, kept to be given again."""

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from weft.storage import run_queries as q
from weft.storage.database import Database
from weft.storage.pieces import NONE, OWNER_OF, WORKSPACE_OF, p
from weft.storage.query import Now, Query, Steps
from weft.storage.tables import answers, threads

FOREVER = 1e12
"""Seconds that are for good."""
_A = answers.c
_FIND = Query(select(_A.body).where(_A.workspace == WORKSPACE_OF, _A.digest == p("digest"), _A.expires_at > Now()))
_EXPIRE = Query(delete(answers).where(_A.workspace == WORKSPACE_OF, _A.expires_at <= Now()))
_THREAD = select(threads.c.n).where(threads.c.workspace == WORKSPACE_OF, threads.c.id == p("thread")).scalar_subquery()
_new = insert(answers).values(
    workspace=WORKSPACE_OF,
    digest=p("digest"),
    owner=func.coalesce(OWNER_OF, NONE),
    thread=func.coalesce(_THREAD, NONE),
    expires_at=Now() + p("ttl", "f"),
    body=p("body"),
)
_KEEP = Query(
    _new.on_conflict_do_update(
        index_elements=["workspace", "digest"],
        set_={name: _new.excluded[name] for name in ("owner", "thread", "expires_at", "body")},
    )
)


class SqlAnswers:
    """``answer_rows.Answers`` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, workspace: str, digest: str) -> bytes | None:
        def steps() -> Steps[bytes | None]:
            rows = yield _FIND, {"workspace": workspace, "digest": digest}
            return rows[0][0] if rows else None

        return await self._database.read(steps)

    async def keep(
        self, workspace: str, digest: str, body: bytes, *, ttl: float | None, user: str, thread_id: str
    ) -> None:
        values = {
            **{"workspace": workspace, "digest": digest, "body": body, "user": user, "thread": thread_id},
            "ttl": FOREVER if ttl is None else ttl,
        }

        def steps() -> Steps[None]:
            yield q.ADD_WORKSPACE, {"workspace": workspace}
            yield _EXPIRE, {"workspace": workspace}
            yield _KEEP, values

        await self._database.write(steps)
