"""What belongs to somebody: take it along, or have it taken away."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from typing import IO, Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import Field

from weft.agents.leaving import Cleared
from weft.errors import AccessDenied, UsageError
from weft.server.deps import AppDep, ScopeDep
from weft.server.description import answers
from weft.server.leaving_views import Erasures
from weft.server.schemas import Body, Words
from weft.server.views import reply
from weft.storage.base import Scope
from weft.storage.belonging_rows import Of

router = APIRouter(tags=["privacy"])

_CHUNK = 2**16
_Named = Annotated[str | None, Query(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]


class Erase(Body):
    """Whose belongings are to be erased."""

    of: Of
    name: Annotated[Words, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    """The user or the thread."""


def _may(scope: Scope, user: str | None, *, workspace: bool) -> str | None:
    """The user that is meant. Raises: AccessDenied."""
    if scope.user is not None and (workspace or user not in (None, scope.user)):
        raise AccessDenied("this is another user's, or the workspace's")
    return scope.user or user


@router.get(
    "/export",
    operation_id="exportAll",
    response_class=Response,
    responses={**answers(None, 403, 404), 200: {"description": "A ZIP file", "content": {"application/zip": {}}}},
)
async def export(app: AppDep, scope: ScopeDep, user: _Named = None, thread: _Named = None) -> Response:
    """All that is on record of a user, of a thread, or (of neither) of all that one may see, as a ZIP file."""
    user = _may(scope, user, workspace=False)
    file = await asyncio.to_thread(tempfile.TemporaryFile)
    try:
        await app.export(file, user=user, thread=thread)
    except BaseException:
        file.close()
        raise
    headers = {"Content-Disposition": 'attachment; filename="weft-export.zip"', "Cache-Control": "no-store"}
    return StreamingResponse(_read(file), media_type="application/zip", headers=headers)


async def _read(file: IO[bytes]) -> AsyncIterator[bytes]:
    with file:
        file.seek(0)
        while chunk := await asyncio.to_thread(file.read, _CHUNK):
            yield chunk


@router.post("/erasures", operation_id="erase", responses=answers(Cleared, 403, 409, 413))
async def erase(body: Erase, app: AppDep, scope: ScopeDep) -> Response:
    """Take away all that is of a user, a thread or the workspace; refused while a run of it is running.

    It answers once nothing of it can be read any more, and no byte is left in SQLite's files; PostgreSQL's space is
    freed, and written anew only by who runs the server (`weft db scrub`). The same again is no error.
    """
    if bool(body.name) == (body.of == "workspace"):
        raise UsageError("name the user or the thread; the workspace has no name here")
    user = _may(scope, body.name if body.of == "user" else None, workspace=body.of == "workspace")
    by = scope.user or "local"
    if body.of == "workspace":
        return reply(await app.erase_workspace(by=by))
    if body.of == "thread":
        return reply(await app.erase_thread(body.name, user=user))
    return reply(await app.erase_user(body.name, by=by))


@router.get("/erasures", operation_id="listErasures", responses=answers(Erasures, 403))
async def pending(app: AppDep, scope: ScopeDep) -> Response:
    """Erasures that have begun and not ended; a server goes on with them when it starts."""
    _may(scope, None, workspace=True)
    return reply(Erasures(list(await app.store.belongings.pending(scope.workspace))))
