"""``create_app``: the FastAPI application over an ``App``."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any, Literal

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route

from weft.app import App
from weft.models.litellm import close_connections
from weft.protocols.mcp.serving import Serving
from weft.runtime.retention import Retention
from weft.server import errors
from weft.server.catalog import Catalog
from weft.server.deps import Admit, Served, everything_of
from weft.server.description import describe
from weft.server.gate import Gate, Hosts
from weft.server.routes import (
    accounts,
    agents,
    blobs,
    control,
    entities,
    history,
    interrupts,
    knowledge,
    leaving,
    live,
    memories,
    permission,
    practice,
    router,
    runs,
    secrets,
    system,
    threads,
    tools,
)
from weft.server.sse import BEAT
from weft.server.ui import UI
from weft.settings import Settings
from weft.tools import mcp
from weft.tools.registry import Permits, permit

PREFIX = "/api/v1"
MCP = "/mcp"
"""Where MCP clients find the app's agents and graphs."""


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
            if (over_mcp := api.state.mcp) is not None:
                await over_mcp.close()
            await served.app.stop(served.grace)
            await close_connections()
            await mcp.close_connections()


def create_app(
    app: App,
    *,
    settings: Settings | None = None,
    admit: Admit | None = None,
    ui: UI | None = None,
    over_mcp: Serving | Literal[False] | None = None,
    beat: float = BEAT,
    grace: float = 5.0,
) -> FastAPI:
    """Serve ``app``: the API under ``/api/v1``, the UI under ``/``, and MCP at ``/mcp``.

    Its lifespan opens the app, works the queue in this process, and drains at the end: runs have
    ``grace`` seconds to come to rest, then another process may have them. Mounted in another application
    (whose lifespan must then call ``app.start()`` and ``app.stop()``) it works under that path. ``admit``
    says whose rows a request may see; without it, everything of the app's workspace. ``beat`` is in
    seconds: a stream that is silent for so long says a comment. ``over_mcp`` is what MCP clients get, made by
    ``app.mcp(...)``; without it all targets of the app, with ``False`` nothing.
    """
    settings = settings or Settings()
    if app.retention is None and (settings.keep is not None or settings.keep_days is not None):
        app.retention = Retention(keep=settings.keep, days=settings.keep_days)
    permit(
        Permits(
            packages=settings.tool_packages,
            commands=settings.tool_commands,
            variables=settings.tool_variables,
            hosts=settings.tool_hosts,
        )
    )
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
    api.state.weft = Served(
        app=app,
        catalog=Catalog(app),
        admit=admit or everything_of(app),
        beat=beat,
        grace=grace,
        variables=settings.model_variables,
    )
    errors.install(api)
    nouns = (system, agents, threads, runs, interrupts, control, history, router, blobs, accounts)
    for noun in (*nouns, practice, memories, entities, knowledge, permission, tools, secrets, leaving, live):
        api.include_router(noun.router, prefix=PREFIX)
    api.state.mcp = None
    if over_mcp is not False:
        api.state.mcp = _mounted(over_mcp or app.mcp(), api.state.weft.admit)
        for path in (MCP, f"{MCP}/"):
            api.router.routes.append(Route(path, api.state.mcp, include_in_schema=False))
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


def _mounted(serving: Serving, admit: Admit) -> Serving:
    """Behind this server's gate, which knows its hosts; who may use the server may use this."""
    serving.hosts = None
    serving.admit = serving.admit or admit
    return serving
