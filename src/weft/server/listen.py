"""A socket, and uvicorn on it: the one place that serves."""

import gc
import socket
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from weft.errors import UsageError

DRAIN = 10
"""Seconds that requests may take to end once the server was told to stop."""


def bind(host: str, port: int, *, tries: int = 1) -> socket.socket:
    """A listening socket on ``port``, or where that is taken on one of the ``tries - 1`` after it.

    Raises:
        UsageError: all of them are taken, or the host is not one of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    reason = "no port was tried"
    for candidate in range(port, port + tries):
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, candidate))
            sock.listen(2048)
        except OSError as error:
            sock.close()
            reason = error.strerror
        else:
            sock.setblocking(False)
            return sock
    raise UsageError(f"cannot listen on {host}:{port}: {reason}; choose another with --port")


def url_of(sock: socket.socket, root_path: str = "") -> str:
    """Where a browser on this machine finds it."""
    host, port = sock.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = "127.0.0.1"
    return f"http://{f'[{host}]' if ':' in host else host}:{port}{root_path}/"


class _Server(uvicorn.Server):
    """Uvicorn that ends event streams first: they would otherwise keep it from stopping."""

    def __init__(self, config: uvicorn.Config, api: FastAPI, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._api, self._ready = api, ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._api.state.weft.streams.close()
        await super().shutdown(sockets)


def prepared(api: FastAPI, *, ready: Callable[[], None], verbose: bool = False) -> uvicorn.Server:
    """Uvicorn, set up for ``api``; ``ready`` is called once requests are answered."""
    config = uvicorn.Config(
        api,
        log_level="info" if verbose else "warning",
        access_log=verbose,
        timeout_graceful_shutdown=DRAIN,
        server_header=False,
        lifespan="on",
    )
    return _Server(config, api, ready)


def collect_less() -> None:
    """Set up garbage collection for a server, which makes many short-lived values and few circles.

    What is loaded by now is left out of it, and the rest is looked at less often. That is a fifth of the CPU of a
    thousand runs at once.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 50, 50)


def listen(api: FastAPI, sock: socket.socket, *, ready: Callable[[], None], verbose: bool = False) -> None:
    """Serve on the socket until SIGINT or SIGTERM."""
    collect_less()
    prepared(api, ready=ready, verbose=verbose).run([sock])
