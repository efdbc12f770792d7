"""Whether the server works, and on what."""

from importlib.metadata import version

from fastapi import APIRouter, Response

from weft.server.deps import AppDep, ScopeDep
from weft.server.description import answers
from weft.server.views import HealthView, StoreHealth, models_health, reply

router = APIRouter(tags=["system"])


@router.get("/health", operation_id="getHealth", responses=answers(HealthView))
async def health(app: AppDep, scope: ScopeDep) -> Response:
    """How the store is and which model agents use by default."""
    ok = await _reachable(app, scope)
    return reply(
        HealthView(
            status="ok" if ok else "degraded",
            version=version("weft"),
            store=StoreHealth(app.store.url, ok),
            workspace=app.workspace,
            models=models_health(),
        ),
        200 if ok else 503,
    )
