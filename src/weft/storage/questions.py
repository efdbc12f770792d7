"""Questions of a SQL store: the steps of each operation, for either database."""

from collections.abc import Sequence
from typing import Any

from weft.errors import Conflict, NotFound
from weft.storage import thread_queries as q
from weft.storage.base import Page, QuestionRow, Scope
from weft.storage.cursor import parse
from weft.storage.database import Database
from weft.storage.query import Steps

_FIELDS = QuestionRow.__struct_fields__


class SqlQuestions:
    """``base.Questions`` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open(self, scope: Scope, page: Page, *, run_id: str | None = None) -> Sequence[QuestionRow]:
        query = q.question_page(
            user=scope.user is not None, newest=page.newest, cursor=page.cursor is not None, run=run_id is not None
        )
        values: dict[str, Any] = {"limit": page.limit, "run": run_id, "workspace": scope.workspace, "user": scope.user}
        if page.cursor is not None:
            at, rest = parse(page.cursor)
            values["at"], (values["after_run"], _, values["after_id"]) = at, rest.partition(":")

        def steps() -> Steps[Sequence[QuestionRow]]:
            return [QuestionRow(**dict(zip(_FIELDS, row, strict=True))) for row in (yield query, values)]

        return await self._database.read(steps)

    async def answer(self, scope: Scope, run_id: str, question_id: str, answer: bytes) -> bool:
        def steps() -> Steps[bool]:
            rows = yield (
                q.QUESTION,
                {"run": run_id, "id": question_id, "workspace": scope.workspace, "user": scope.user},
            )
            if not rows:
                raise NotFound(f"run {run_id!r} asks no question {question_id!r}")
            if (yield q.ANSWER, {"n": rows[0][0], "id": question_id, "answer": answer}):
                return True
            rows = yield (
                q.QUESTION,
                {"run": run_id, "id": question_id, "workspace": scope.workspace, "user": scope.user},
            )
            if rows and rows[0][1] == "answered" and rows[0][2] != answer:
                raise Conflict(f"question {question_id!r} of run {run_id!r} has another answer already")
            return False

        return await self._database.write(steps)

    async def answers(self, run_id: str) -> dict[str, bytes]:
        def steps() -> Steps[dict[str, bytes]]:
            return {row[0]: row[1] for row in (yield q.ANSWERS, {"run": run_id})}

        return await self._database.read(steps)
