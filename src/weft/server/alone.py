"""One ASGI application on a socket, at ``/mcp`` and nothing beside it."""

import socket
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from weft.server.errors import problem
from weft.server.listen import DRAIN


def serve_alone(app: ASGIApp, sock: socket.socket, *, ready: Callable[[], None]) -> None:
    """Serve until SIGINT or SIGTERM; ``ready`` is called once requests are answered."""

    async def only(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].rstrip("/") == "/mcp":
            await app(scope, receive, send)
        else:
            await problem(404, "Only MCP is served here, at /mcp.")(scope, receive, send)

    config = uvicorn.Config(
        only, log_level="warning", access_log=False, timeout_graceful_shutdown=DRAIN, server_header=False, lifespan="on"
    )
    _Server(config, ready).run([sock])


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()
