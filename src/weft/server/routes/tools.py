"""The workspace's tools: see, add, enable, try."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Response
from pydantic import BeforeValidator, Field

from weft.agents.trying import Bench, members, tried
from weft.errors import AccessDenied
from weft.messages import Json
from weft.server.deps import AppDep, ScopeDep
from weft.server.description import answers
from weft.server.schemas import Body, Id, Words, sound
from weft.server.tool_views import (
    DescribedView,
    Registrations,
    RegistrationView,
    TriedView,
    registration_view,
    tool_view,
)
from weft.server.views import QuestionView, reply
from weft.storage.base import Scope
from weft.tools.registry import Registration, Registry

router = APIRouter(prefix="/tools", tags=["tools"])

Name = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
Object = Annotated[Json, BeforeValidator(sound)]


class AddCustom(Body):
    """A function, or a set of tools, of a package that may be used here."""

    name: Name
    target: Annotated[Words, Field(min_length=3, max_length=300)]
    """``module:function``."""
    approval: bool = False


class AddServer(Body):
    """An MCP server."""

    name: Name
    url: Annotated[Words | None, Field(max_length=2000)] = None
    command: Annotated[list[Words] | None, Field(min_length=1, max_length=50)] = None
    """In its place: a program that may be started here, and its arguments."""
    headers: Annotated[dict[Words, Words], Field(default_factory=dict)]
    """Secrets only as ``secret:NAME``, or ``os.environ/NAME`` of the variables that may be used here."""
    approval: bool = False


class ChangeTool(Body):
    """What is named is changed."""

    enabled: bool | None = None
    approval: bool | None = None
    """Whether a person must say yes before each call."""
    options: Object | None = None


class TryTool(Body):
    """One call."""

    tool: Annotated[Words, Field(max_length=64)] = ""
    """Which, where there are several."""
    arguments: Annotated[Object, Field(default_factory=dict)]


def _registry(app: AppDep, scope: Scope) -> Registry:
    return Registry(app.store, scope.workspace)


def _own(app: AppDep, scope: Scope) -> Registry:
    if scope.user is not None:
        raise AccessDenied("tools are the workspace's: a user cannot change or try them")
    return _registry(app, scope)


@router.get("", operation_id="listTools", responses=answers(Registrations))
async def listed(app: AppDep, scope: ScopeDep) -> Response:
    """All that were added, and the built-in ones."""
    return reply(Registrations([registration_view(each) for each in await _registry(app, scope).all()]))


@router.post(
    "/custom", operation_id="addCustomTool", status_code=201, responses=answers(RegistrationView, 403, 409, status=201)
)
async def add_custom(body: AddCustom, app: AppDep, scope: ScopeDep) -> Response:
    """Add a function of an allowed package."""
    told = Registration(name=body.name, kind="custom", target=body.target, approval=body.approval)
    return reply(registration_view(await _own(app, scope).add(told)), status=201)


@router.post(
    "/mcp", operation_id="addMcpServer", status_code=201, responses=answers(RegistrationView, 403, 409, status=201)
)
async def add_server(body: AddServer, app: AppDep, scope: ScopeDep) -> Response:
    """Add the tools of an MCP server. It is connected to when they are needed first."""
    target = tuple(body.command) if body.command else body.url or ""
    told = Registration(name=body.name, kind="mcp", target=target, headers=body.headers, approval=body.approval)
    return reply(registration_view(await _own(app, scope).add(told)), status=201)


@router.get("/{name}", operation_id="getTool", responses=answers(DescribedView, 403, 404))
async def described(name: Id, app: AppDep, scope: ScopeDep) -> Response:
    """One of them, with its tools and their parameters. An MCP server is asked for them."""
    registry = _registry(app, scope)
    told = await registry.get(name)
    tools = await members(await registry.toolset(name), Bench(store=app.store, workspace=scope.workspace))
    return reply(DescribedView(registration=registration_view(told), tools=[tool_view(each) for each in tools]))


@router.patch("/{name}", operation_id="changeTool", responses=answers(RegistrationView, 403, 404))
async def change(name: Id, body: ChangeTool, app: AppDep, scope: ScopeDep) -> Response:
    """Enable or disable it for agents that take the workspace's tools, or change its options."""
    registry = _own(app, scope)
    told = await registry.change(name, enabled=body.enabled, approval=body.approval, options=body.options)
    return reply(registration_view(told))


@router.delete("/{name}", operation_id="removeTool", status_code=204, responses=answers(None, 403, 404, status=204))
async def remove(name: Id, app: AppDep, scope: ScopeDep) -> Response:
    """Take it out; of a built-in one what was chosen is forgotten, and it is not enabled any more."""
    await _own(app, scope).remove(name)
    return Response(status_code=204)


@router.post("/{name}/run", operation_id="tryTool", responses=answers(TriedView, 403, 404))
async def run(name: Id, body: TryTool, app: AppDep, scope: ScopeDep) -> Response:
    """Call it once, in no thread. What it would ask a person first is said, and then nothing is called.

    What the policy of the workspace denies is not called either; what it judged is in the audit.
    """
    bench = Bench(store=app.store, workspace=scope.workspace)
    policy = await app.runner.rules.policy(scope.workspace)
    done = await tried(await _own(app, scope).toolset(name), body.tool, body.arguments, policy=policy, bench=bench)
    if done.paused:
        asked = [
            QuestionView(id=each.id, payload=msgspec.Raw(msgspec.json.encode(each.payload)), kind=each.kind)
            for each in done.questions
        ]
        return reply(TriedView(tool=body.tool or name, content="", failed=False, media=[], questions=asked))
    result = done.output
    kinds = [each.mime for each in result.media]
    return reply(TriedView(tool=result.name, content=result.content, failed=result.failed, media=kinds, questions=[]))
