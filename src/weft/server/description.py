"""The API described: what each route answers, and the OpenAPI document of them all."""

from typing import Any, cast

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from msgspec import Struct

from weft.messages import Json
from weft.server.account_views import VIEWS as ACCOUNT_VIEWS
from weft.server.errors import Problem
from weft.server.knowledge_views import KNOWLEDGE_VIEWS
from weft.server.leaving_views import LEAVING_VIEWS
from weft.server.memory_views import MEMORY_VIEWS
from weft.server.permission_views import PERMISSION_VIEWS
from weft.server.practice_views import PRACTICE_VIEWS
from weft.server.router_views import ROUTER_VIEWS
from weft.server.tool_views import TOOL_VIEWS
from weft.server.views import VIEWS, refer

_REFERENCE = "#/components/schemas/{name}"


_MEANING = {
    400: "The request is malformed.",
    403: "Not allowed.",
    404: "There is no such thing, or the caller may not see it.",
    409: "Someone else was first.",
    413: "The body is too large.",
    421: "The server does not answer to this host.",
    422: "The request does not fit its schema.",
    429: "A limit is reached.",
    500: "Something went wrong inside.",
    503: "The store is busy; try again.",
    507: "The disk is full; nothing was written.",
}


def answers(view: type[Struct] | None, *errors: int, status: int = 200) -> dict[int | str, dict[str, Any]]:
    """The documented answers of a route: its view, and the problems that it may give instead."""
    ok: dict[str, Any] = {"description": "OK"}
    if view is not None:
        ok["content"] = {"application/json": {"schema": refer(view)}}
    described: dict[int | str, dict[str, Any]] = {status: ok}
    for code in sorted({400, 421, 422, 500, 503, *errors}):
        content = {"application/problem+json": {"schema": refer(Problem)}}
        described[code] = {"description": _MEANING[code], "content": content}
    return described


def _open_objects(schema: Any) -> None:
    """Say that an object of no known properties may have any, in place."""
    if isinstance(schema, dict):
        known = cast("Json", schema)
        if known.get("type") == "object" and "properties" not in known:
            known.setdefault("additionalProperties", True)
        for inner in known.values():
            _open_objects(inner)
    elif isinstance(schema, list):
        for inner in cast("list[Any]", schema):
            _open_objects(inner)


def describe(api: FastAPI) -> dict[str, Any]:
    """The OpenAPI document: FastAPI's of the routes and bodies, msgspec's of all that is answered."""
    document = get_openapi(
        title=api.title, version=api.version, description=api.description, routes=api.routes, tags=api.openapi_tags
    )
    own = (
        *ROUTER_VIEWS,
        *MEMORY_VIEWS,
        *PERMISSION_VIEWS,
        *TOOL_VIEWS,
        *PRACTICE_VIEWS,
        *KNOWLEDGE_VIEWS,
        *LEAVING_VIEWS,
    )
    _, schemas = msgspec.json.schema_components([*VIEWS, *ACCOUNT_VIEWS, *own, Problem], ref_template=_REFERENCE)
    known = document.setdefault("components", {}).setdefault("schemas", {})
    known.update(schemas)
    for name in ("HTTPValidationError", "ValidationError"):
        known.pop(name, None)
    _open_objects(known)
    document["components"]["schemas"] = dict(sorted(known.items()))
    return document
