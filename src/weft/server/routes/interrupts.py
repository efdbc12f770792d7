"""The inbox: what all runs ask of people, and the answers."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from weft.errors import UsageError
from weft.server.deps import AppDep, ScopeDep
from weft.server.description import answers
from weft.server.schemas import AnswerInterrupts, Cursor, Limit
from weft.server.views import Answered, AnsweredRuns, Interrupts, interrupt_view, reply
from weft.storage.base import Page, QuestionStatus

router = APIRouter(prefix="/interrupts", tags=["interrupts"])

_Filter = Annotated[str | None, Query(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]


@router.get("", operation_id="listInterrupts", responses=answers(Interrupts))
async def index(
    app: AppDep,
    scope: ScopeDep,
    limit: Limit = 50,
    cursor: Cursor = None,
    run_id: _Filter = None,
    thread_id: _Filter = None,
    status: Annotated[
        QuestionStatus, Query(description="`unknown`: cut off, and nobody knows if it happened.")
    ] = "open",
) -> Response:
    """What is asked of people, newest first."""
    page = Page(limit + 1, cursor)
    rows = await app.store.questions.open(scope, page, run_id=run_id, thread_id=thread_id, status=status)
    shown = rows[:limit]
    last = f"{shown[-1].created_at!r}:{shown[-1].run_id}:{shown[-1].id}" if len(rows) > limit else None
    return reply(Interrupts([interrupt_view(row) for row in shown], last))


@router.post("/answers", operation_id="answerInterrupts", responses=answers(AnsweredRuns, 404, 409, 413))
async def answer(body: AnswerInterrupts, app: AppDep, scope: ScopeDep) -> Response:
    """Answer questions of any runs: all, or none where one is not as it must be. Each run goes as far as it can.

    Where somebody else answers one at this very moment, those before it stay; the same may be sent again.
    """
    by_run: dict[str, dict[str, object]] = {}
    for one in body.answers:
        given = by_run.setdefault(one.run_id, {})
        if given.setdefault(one.id, one.answer) != one.answer:
            raise UsageError(f"two answers are given to question {one.id!r} of run {one.run_id!r}: send one")
    for run_id, given in by_run.items():
        await app.runner.see_answers(scope, run_id, given)
    done = [await app.answer(scope, run_id, given) for run_id, given in by_run.items()]
    return reply(AnsweredRuns([Answered(record.id, record.status) for record in done]))
