"""The workspace's router: read it, change it, see how its deployments do."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BeforeValidator, Field

from weft.errors import AccessDenied
from weft.messages import Json
from weft.models.lent import check
from weft.models.router import parse, parse_deployment
from weft.models.stored import StoredRouter
from weft.server.deps import AppDep, ScopeDep, ServedDep
from weft.server.description import answers
from weft.server.router_views import Deployments, RouterHealth, RouterView, deployments_of, router_view
from weft.server.schemas import Body, Id, Number, sound
from weft.server.views import reply
from weft.storage.base import Scope

router = APIRouter(prefix="/router", tags=["router"])

Version = Annotated[Number | None, Query(ge=0, le=2**31, description="Only where this version holds; else 409.")]


class PutRouter(Body):
    """A whole router, in the place of a version of it."""

    version: Annotated[int, Field(ge=0, le=2**31)]
    """That the change was made to; 0 where there is none yet."""
    router: Annotated[Json, BeforeValidator(sound)]
    """``groups``, ``strategy``, ``fallbacks`` ... Keys only as ``os.environ/NAME``, of what may be sent there."""


class AddDeployment(Body):
    """One deployment more in a group."""

    group: Annotated[str, Field(min_length=1, max_length=100)]
    deployment: Annotated[Json, BeforeValidator(sound)]
    """``model``, ``base_url``, ``api_key`` (``os.environ/NAME``), ``rpm``, ``weight`` ..."""
    version: Annotated[int | None, Field(ge=0, le=2**31)] = None
    """Only where this version holds."""


def _changed(app: AppDep, scope: Scope) -> StoredRouter:
    if scope.user is not None:
        raise AccessDenied("the router is the workspace's: a user cannot change it")
    return _kept(app, scope)


def _kept(app: AppDep, scope: Scope) -> StoredRouter:
    return app.router if scope.workspace == app.workspace else StoredRouter(app.store, scope.workspace)


@router.get("/config", operation_id="getRouter", responses=answers(RouterView))
async def show(app: AppDep, scope: ScopeDep) -> Response:
    """The router as it is now; version 0 and empty where there is none."""
    return reply(router_view(await _kept(app, scope).read()))


@router.put("/config", operation_id="putRouter", responses=answers(RouterView, 403, 409, 413))
async def put(body: PutRouter, served: ServedDep, scope: ScopeDep) -> Response:
    """Put another in its place. Calls that have begun end on the old one; every process has it within two seconds."""
    kept, wanted = _changed(served.app, scope), parse(body.router)
    known = [each for _, _, each in (await kept.read()).router.deployments()]
    check([each for _, _, each in wanted.deployments()], served.variables, known)
    return reply(router_view(await kept.write(wanted, expected=body.version)))


@router.get("/deployments", operation_id="listDeployments", responses=answers(Deployments))
async def deployments(app: AppDep, scope: ScopeDep) -> Response:
    """Every deployment with its id and group."""
    return reply(deployments_of(await _kept(app, scope).read()))


@router.post("/deployments", operation_id="addDeployment", responses=answers(RouterView, 403, 409, 413))
async def add(body: AddDeployment, served: ServedDep, scope: ScopeDep) -> Response:
    """Add a deployment; its group is made where it is new."""
    kept, deployment = _changed(served.app, scope), parse_deployment(body.deployment)
    check([deployment], served.variables)
    return reply(router_view(await kept.add(body.group, deployment, expected=body.version)))


@router.delete("/deployments/{id}", operation_id="removeDeployment", responses=answers(RouterView, 403, 404, 409))
async def remove(id: Id, app: AppDep, scope: ScopeDep, version: Version = None) -> Response:
    """Take a deployment out, and its group with the last one."""
    return reply(router_view(await _changed(app, scope).remove(id, expected=version)))


@router.get("/health", operation_id="getRouterHealth", responses=answers(RouterHealth))
async def health(app: AppDep, scope: ScopeDep) -> Response:
    """How the deployments do, as this process has seen it: nothing is asked for this page."""
    kept = _kept(app, scope)
    states = await kept.health()
    switch = kept.live.current
    return reply(RouterHealth(version=0 if switch is None else switch.version, deployments=states))
