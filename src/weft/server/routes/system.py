"""Whether the server works, and on what."""

from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, Response

from weft.app import App
from weft.errors import WeftError
from weft.server.deps import ScopeDep, ServedDep
from weft.server.description import answers
from weft.server.views import HealthView, StoreHealth, refer, reply
from weft.storage.base import Page, Scope

router = APIRouter(tags=["system"])


_DEGRADED: dict[int | str, dict[str, Any]] = {
    503: {"description": "The store does not answer.", "content": {"application/json": {"schema": refer(HealthView)}}}
}


@router.get("/health", operation_id="getHealth", responses={**answers(HealthView), **_DEGRADED})
async def health(served: ServedDep, scope: ScopeDep) -> Response:
    """How the store is, and which model answers for agents that name none. 503 where the store does not answer."""
    ok = await _reachable(served.app, scope)
    view = HealthView(
        status="ok" if ok else "degraded",
        version=version("weft"),
        store=StoreHealth(served.app.store.url, ok),
        workspace=served.app.workspace,
        models=await served.catalog.default(),
    )
    return reply(view, 200 if ok else 503)


async def _reachable(app: App, scope: Scope) -> bool:
    try:
        await app.store.threads.list(scope, Page(1))
    except WeftError:
        return False
    return True
