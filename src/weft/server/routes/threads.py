"""Conversations: list, read, rename, delete; and what of them the model sees."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from weft.server.deps import AppDep, ScopeDep
from weft.server.description import answers
from weft.server.schemas import After, Before, Cursor, Id, Limit, RenameThread
from weft.server.views import (
    ContextView,
    Messages,
    MessageView,
    Threads,
    ThreadView,
    context_view,
    reply,
    thread_view,
)
from weft.storage.base import Page

router = APIRouter(prefix="/threads", tags=["threads"])


@router.get("", operation_id="listThreads", responses=answers(Threads))
async def index(app: AppDep, scope: ScopeDep, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """All threads, the one that moved last first."""
    rows = await app.store.threads.list(scope, Page(limit + 1, cursor))
    shown = rows[:limit]
    last = f"{shown[-1].updated_at}:{shown[-1].id}" if len(rows) > limit else None
    return reply(Threads([thread_view(row) for row in shown], last))


@router.get("/{id}", operation_id="getThread", responses=answers(ThreadView, 404))
async def show(id: Id, app: AppDep, scope: ScopeDep) -> Response:
    """One thread."""
    return reply(thread_view(await app.store.threads.get(scope, id)))


@router.patch("/{id}", operation_id="renameThread", responses=answers(ThreadView, 404, 413))
async def rename(id: Id, body: RenameThread, app: AppDep, scope: ScopeDep) -> Response:
    """Give it a title."""
    await app.store.threads.rename(scope, id, body.title)
    return reply(thread_view(await app.store.threads.get(scope, id)))


@router.delete("/{id}", operation_id="deleteThread", status_code=204, responses=answers(None, 404, 409, status=204))
async def delete(id: Id, app: AppDep, scope: ScopeDep) -> Response:
    """Forget it, and every run, message and event of it. A thread with a running run is not deleted."""
    await app.erase(scope, id)
    return Response(status_code=204)


@router.get("/{id}/messages", operation_id="listMessages", responses=answers(Messages, 404))
async def messages(
    id: Id,
    app: AppDep,
    scope: ScopeDep,
    after: After = 0,
    before: Before = None,
    limit: Limit = 50,
    newest: Annotated[bool, Query(description="Of those that fit, the last ones instead of the first.")] = False,
) -> Response:
    """Messages with ``after < seq < before``, in their order."""
    await app.store.threads.get(scope, id)
    rows = await app.messages(scope, id, after=after, before=before, limit=limit + 1, newest=newest)
    more = len(rows) > limit
    shown = rows[-limit:] if newest else rows[:limit]
    items = [MessageView(seq=row.seq, run_id=row.run_id, at=row.at, message=message) for row, message in shown]
    edge = (items[0] if newest else items[-1]).seq if more else None
    return reply(Messages(items, edge))


@router.get("/{id}/context", operation_id="getContext", responses=answers(ContextView, 404))
async def context(id: Id, app: AppDep, scope: ScopeDep) -> Response:
    """What of the thread the model sees now, where it comes from and what it weighs."""
    return reply(context_view(await app.explain(scope, id)))
