"""Start a run, watch it, answer it, cancel it."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from msgspec.structs import replace

from weft.app import App
from weft.errors import UsageError
from weft.server.deps import AppDep, ScopeDep, ServedDep
from weft.server.description import answers
from weft.server.schemas import (
    After,
    AnswerRun,
    CancelRun,
    Cursor,
    EventLimit,
    Id,
    IdempotencyKey,
    LastEventId,
    Limit,
    StartRun,
    Wait,
)
from weft.server.sse import EventStream
from weft.server.views import Events, QuestionView, Runs, RunView, as_input, question_view, refer, reply, run_view
from weft.storage.base import ENDED, RESTING, Page, RunRecord, Scope, Status

router = APIRouter(prefix="/runs", tags=["runs"])


async def _questions(app: App, scope: Scope, record: RunRecord) -> list[QuestionView]:
    if record.status != "paused":
        return []
    rows = await app.store.questions.open(scope, Page(limit=100, newest=False), run_id=record.id)
    return [question_view(row) for row in rows]


async def view_of(app: App, scope: Scope, record: RunRecord) -> RunView:
    """All that can be said of one run."""
    return run_view(await _with_input(app, scope, record), await _questions(app, scope, record))


async def _with_input(app: App, scope: Scope, record: RunRecord) -> RunRecord:
    """The run with its input, which is a message of its thread once the run has begun."""
    first = record.first_message
    if first == 0:
        return record
    said = await app.messages(scope, record.thread_id, after=first - 1, before=first + 1, limit=1)
    return replace(record, input=as_input(said[0][1])) if said else record


@router.post(
    "",
    operation_id="startRun",
    status_code=202,
    responses={**answers(RunView, 404, 409, 413, 429, 507, status=202), **answers(RunView)},
)
async def start(
    body: StartRun, app: AppDep, scope: ScopeDep, idempotency_key: IdempotencyKey = None, wait: Wait = None
) -> Response:
    """Queue a run: 202 at once, or with ``wait`` 200 as soon as it rests (202 where it does not in time)."""
    record = await app.submit(
        body.target,
        body.plain(),
        scope=scope,
        thread=body.thread_id,
        idempotency_key=idempotency_key,
        if_busy=body.if_busy,
        breakpoints=[point.point() for point in body.breakpoints],
        limits=body.limits and body.limits.plain(),
    )
    return await queued(app, scope, record, wait)


async def queued(app: App, scope: Scope, record: RunRecord, wait: float | None) -> Response:
    """202 for a run in the queue; with ``wait`` 200 where it rests in time."""
    if wait:
        record = await app.wait(scope, record.id, timeout=wait)
    rests = wait is not None and record.status in RESTING
    return reply(await view_of(app, scope, record), 200 if rests else 202, {"Location": f"runs/{record.id}"})


@router.get("", operation_id="listRuns", responses=answers(Runs))
async def index(
    app: AppDep,
    scope: ScopeDep,
    limit: Limit = 50,
    cursor: Cursor = None,
    thread_id: Annotated[str | None, Query(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")] = None,
    status: Annotated[Status | None, Query()] = None,
) -> Response:
    """All runs, newest first, without their input and output."""
    rows = await app.store.runs.list(scope, Page(limit + 1, cursor), thread_id=thread_id, status=status)
    shown = rows[:limit]
    questions: Sequence[list[QuestionView]] = await asyncio.gather(*[_questions(app, scope, row) for row in shown])
    items = [run_view(row, asked) for row, asked in zip(shown, questions, strict=True)]
    return reply(Runs(items, shown[-1].id if len(rows) > limit else None))


@router.get("/{id}", operation_id="getRun", responses=answers(RunView, 404))
async def show(id: Id, app: AppDep, scope: ScopeDep) -> Response:
    """One run."""
    return reply(await view_of(app, scope, await app.store.runs.get(scope, id)))


@router.post("/{id}/cancel", operation_id="cancelRun", responses=answers(RunView, 404, 413))
async def cancel(id: Id, app: AppDep, scope: ScopeDep, body: CancelRun | None = None) -> Response:
    """End it, and all below it. A run that had ended stays as it is."""
    return reply(
        await view_of(app, scope, await app.cancel(scope, id, body.reason if body else None, by=scope.user or "api"))
    )


@router.post("/{id}/answers", operation_id="answerRun", responses=answers(RunView, 404, 409, 413))
async def answer(id: Id, body: AnswerRun, app: AppDep, scope: ScopeDep, wait: Wait = None) -> Response:
    """Answer its open questions, all or some, by their ids; it goes as far as it can with the answers.

    With ``wait`` the run is told once it rests again. A run that a limit or a budget paused goes on with no answers.
    """
    record = await app.answer(scope, id, body.answers, limits=body.limits and body.limits.plain())
    if wait:
        record = await app.wait(scope, id, timeout=wait)
    return reply(await view_of(app, scope, record))


_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Events as they happen (SSE, each `data` an Envelope), or the stored ones (JSON)",
        "content": {
            "text/event-stream": {"schema": {"type": "string"}},
            "application/json": {"schema": refer(Events)},
        },
    },
    204: {"description": "The run has ended and the client has seen it all: do not come back"},
}


@router.get(
    "/{id}/events", operation_id="watchRun", response_class=Response, responses={**answers(None, 404), **_STREAM}
)
async def events(
    id: Id,
    served: ServedDep,
    scope: ScopeDep,
    after: After = 0,
    limit: EventLimit = 1000,
    format: Annotated[Literal["sse", "json"], Query(description="`json` gives stored events, and ends.")] = "sse",
    last_event_id: LastEventId = None,
) -> Response:
    """Stored events after a number, then live ones, until the run rests."""
    app = served.app
    record = await app.store.runs.get(scope, id)
    if last_event_id is not None:
        after = _number(last_event_id)
    if format == "json":
        return reply(Events(list(await app.events(scope, id, after=after, limit=limit))))
    if last_event_id is not None and record.status in ENDED and after >= record.seq:
        return Response(status_code=204)
    return EventStream(app.watch(scope, id, after=after), served.streams, beat=served.beat)


def _number(last_event_id: str) -> int:
    if not (last_event_id.isascii() and last_event_id.isdigit()):
        raise UsageError("Last-Event-ID must be the id of an event of this stream")
    return int(last_event_id)
