"""``create_app``: the FastAPI application over an ``App``."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from weft.app import App
from weft.models.litellm import close_connections
from weft.runtime.retention import Retention
from weft.server import errors
from weft.server.catalog import Catalog
from weft.server.deps import Admit, Served, everything_of
from weft.server.description import describe
from weft.server.gate import Gate, Hosts
from weft.server.routes import accounts, agents, blobs, control, history, interrupts, live, runs, system, threads
from weft.server.sse import BEAT
from weft.server.ui import UI
from weft.settings import Settings
from weft.tools import mcp

PREFIX = "/api/v1"


class _Api(FastAPI):
    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            self.openapi_schema = describe(self)
        return self.openapi_schema


@asynccontextmanager
async def _lifespan(api: FastAPI) -> AsyncGenerator[None]:
    served: Served = api.state.weft
    async with served.app:
        await served.app.start()
        warming = asyncio.create_task(served.catalog.warm())
        try:
            yield
        finally:
            served.streams.close()
            warming.cancel()
            await asyncio.gather(warming, return_exceptions=True)
            await served.app.stop(served.grace)
            await close_connections()
            await mcp.close_connections()


def create_app(
    app: App,
    *,
    settings: Settings | None = None,
    admit: Admit | None = None,
    ui: UI | None = None,
    beat: float = BEAT,
    grace: float = 5.0,
) -> FastAPI:
    """Serve ``app``: the API under ``/api/v1``, the UI under ``/``.

    Its lifespan opens the app, works the queue in this process, and drains at the end: runs have
    ``grace`` seconds to come to rest, then another process may have them. Mounted in another application
    (whose lifespan must then call ``app.start()`` and ``app.stop()``) it works under that path. ``admit``
    says whose rows a request may see; without it, everything of the app's workspace. ``beat`` is in
    seconds: a stream that is silent for so long says a comment.
    """
    settings = settings or Settings()
    if app.retention is None and (settings.keep is not None or settings.keep_days is not None):
        app.retention = Retention(keep=settings.keep, days=settings.keep_days)
    api = _Api(
        title="Weft",
        description="Runs, threads and agents of one workspace.",
        version=version("weft"),
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan,
    )
    api.state.weft = Served(app=app, catalog=Catalog(app), admit=admit or everything_of(app), beat=beat, grace=grace)
    errors.install(api)
    for noun in (system, agents, threads, runs, interrupts, control, history, blobs, accounts, live):
        api.include_router(noun.router, prefix=PREFIX)
    api.router.default = ui or UI()
    if settings.cors:
        api.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["Content-Type", "Idempotency-Key", "Last-Event-ID", "Authorization"],
        )
    api.add_middleware(
        Gate,
        hosts=Hosts(settings.host, settings.hosts),
        origins=settings.cors,
        root_path=settings.root_path,
        max_body=settings.max_body,
    )
    return api
