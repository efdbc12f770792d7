"""Questions of a SQL store: the steps of each operation, for either database."""

from collections.abc import Mapping, Sequence
from typing import Any

from weft.errors import NotFound
from weft.storage import question_queries as q
from weft.storage.base import Enqueue, Job, Page, QuestionRow, QuestionStatus, Scope, Tx
from weft.storage.closing import see_closed
from weft.storage.cursor import parse
from weft.storage.database import Database
from weft.storage.query import Row, Steps
from weft.storage.run_queries import RESUME_FREE

_FIELDS = QuestionRow.__struct_fields__


class SqlQuestions:
    """``base.Questions`` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open(
        self,
        scope: Scope,
        page: Page,
        *,
        run_id: str | None = None,
        thread_id: str | None = None,
        status: QuestionStatus = "open",
    ) -> Sequence[QuestionRow]:
        query = q.question_page(
            status,
            user=scope.user is not None,
            newest=page.newest,
            cursor=page.cursor is not None,
            run=run_id is not None,
            thread=thread_id is not None,
        )
        values: dict[str, Any] = {"limit": page.limit, "run": run_id, "thread": thread_id, **_whose(scope)}
        if page.cursor is not None:
            at, rest = parse(page.cursor)
            values["at"], (values["after_run"], _, values["after_id"]) = at, rest.partition(":")

        def steps() -> Steps[Sequence[QuestionRow]]:
            return [_question(row) for row in (yield query, values)]

        return await self._database.read(steps)

    async def find(self, scope: Scope, run_id: str, ids: Sequence[str]) -> Sequence[QuestionRow]:
        def steps() -> Steps[Sequence[QuestionRow]]:
            found: list[QuestionRow] = []
            for id in ids:
                rows = yield q.QUESTION, {"run": run_id, "id": id, **_whose(scope)}
                if not rows:
                    raise _not_asked(run_id, id)
                found.append(_question(rows[0]))
            return found

        return await self._database.read(steps)

    async def answer(
        self,
        scope: Scope,
        run_id: str,
        answers: Mapping[str, bytes],
        enqueue: Enqueue | None,
        *,
        worker: str | None = None,
        limits: bytes | None = None,
    ) -> bool:
        woken: list[Row] = []

        def steps() -> Steps[Sequence[Job]]:
            woken.clear()
            rows = yield q.RUN, {"run": run_id, **_whose(scope)}
            if not rows:
                raise NotFound(f"no run {run_id!r}")
            n = rows[0][0]
            yield q.EXPIRE_IN, {"n": n}
            for id, answer in answers.items():
                if not (yield q.ANSWER, {"n": n, "id": id, "answer": answer}):
                    rows = yield q.QUESTION, {"run": run_id, "id": id, **_whose(scope)}
                    if not rows:
                        raise _not_asked(run_id, id)
                    see_closed(_question(rows[0]), answer)
            if (yield q.TOLD_IN, {"n": n}):
                woken.extend((yield RESUME_FREE, _resumed(run_id, worker, limits)))
            if limits is not None and not woken:
                yield q.SET_LIMITS, {"n": n, "limits": limits}
            return [_job(row) for row in woken]

        await self._database.queue(steps, _same if enqueue else _none, enqueue or _nobody)
        return bool(woken)

    async def take(self, run_id: str, fence: int) -> Sequence[QuestionRow]:
        def steps() -> Steps[Sequence[QuestionRow]]:
            rows = yield q.ALL, {"run": run_id}
            yield q.TAKE, {"run": run_id, "fence": fence}
            return [_question(row) for row in rows]

        return await self._database.write(steps)

    async def wake(self, enqueue: Enqueue, limit: int = 100) -> int:
        def due() -> Steps[Sequence[str]]:
            return [row[0] for row in (yield q.DUE, {"limit": limit})]

        def steps() -> Steps[Sequence[Job]]:
            yield q.EXPIRE, {}
            jobs: list[Job] = []
            for (run_id,) in (yield q.TOLD, {"limit": limit}):
                rows = yield RESUME_FREE, _resumed(run_id)
                jobs.extend([_job(row) for row in rows])
            return jobs

        if not await self._database.read(due):
            return 0
        return len(await self._database.queue(steps, _same, enqueue))


def _resumed(run_id: str, worker: str | None = None, limits: bytes | None = None) -> dict[str, Any]:
    return {"id": run_id, "fence": None, "wake_at": None, "worker": worker, "limits": limits}


def _question(row: Row) -> QuestionRow:
    return QuestionRow(**dict(zip(_FIELDS, row, strict=True)))


def _job(row: Row) -> Job:
    run_id, epoch, workspace, priority, not_before = row
    return Job(run_id=run_id, epoch=epoch, workspace=workspace, priority=priority, not_before=not_before)


def _whose(scope: Scope) -> dict[str, str | None]:
    return {"workspace": scope.workspace, "user": scope.user}


def _same(jobs: Sequence[Job]) -> Sequence[Job]:
    return jobs


def _none(jobs: Sequence[Job]) -> Sequence[Job]:
    return ()


async def _nobody(tx: Tx, job: Job) -> None:
    """There is no queue to tell."""


def _not_asked(run_id: str, id: str) -> NotFound:
    return NotFound(f"run {run_id!r} asks no question {id!r}")
