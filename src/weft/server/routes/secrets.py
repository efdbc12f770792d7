"""The workspace's secrets: set, named and removed, and never told."""

from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import Field

from weft.errors import AccessDenied
from weft.server.deps import AppDep, ScopeDep
from weft.server.description import answers
from weft.server.schemas import Body, Words
from weft.server.tool_views import SecretNames
from weft.server.views import reply
from weft.storage.base import Scope
from weft.tools.secrets import Secrets

router = APIRouter(prefix="/secrets", tags=["tools"])

Name = Annotated[str, Path(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,63}$")]


class SetSecret(Body):
    """What a tool is given where ``secret:NAME`` stands."""

    value: Annotated[Words, Field(min_length=1)]


def _own(app: AppDep, scope: Scope) -> Secrets:
    if scope.user is not None:
        raise AccessDenied("secrets are the workspace's: a user cannot see or change them")
    return Secrets(app.store, scope.workspace)


@router.get("", operation_id="listSecrets", responses=answers(SecretNames, 403))
async def listed(app: AppDep, scope: ScopeDep) -> Response:
    """Their names. What they are is told to nobody."""
    return reply(SecretNames(list(await _own(app, scope).names())))


@router.put("/{name}", operation_id="setSecret", status_code=204, responses=answers(None, 403, status=204))
async def put(name: Name, body: SetSecret, app: AppDep, scope: ScopeDep) -> Response:
    """Keep one, sealed, in the place of what was there."""
    await _own(app, scope).set(name, body.value)
    return Response(status_code=204)


@router.delete("/{name}", operation_id="removeSecret", status_code=204, responses=answers(None, 403, 404, status=204))
async def remove(name: Name, app: AppDep, scope: ScopeDep) -> Response:
    """Forget one."""
    await _own(app, scope).remove(name)
    return Response(status_code=204)
