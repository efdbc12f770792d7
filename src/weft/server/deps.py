"""What routes depend on: the app, and who asks. As ``Annotated`` types."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Annotated, TypeAlias

from fastapi import Depends, Request
from starlette.requests import HTTPConnection

from weft.app import App
from weft.server.catalog import Catalog
from weft.server.sse import BEAT, Streams
from weft.storage.base import Scope

Admit: TypeAlias = Callable[[HTTPConnection], Awaitable[Scope]]
"""Who asks: the rows that a request or a WebSocket may see. Raises ``AccessDenied`` for somebody unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What one server serves."""

    app: App
    catalog: Catalog
    admit: Admit
    streams: Streams = field(default_factory=Streams)
    beat: float = BEAT
    grace: float = 5.0
    """Seconds that runs have at the end."""
    variables: tuple[str, ...] = ()
    """Of the environment: what deployments that are added over REST may send to addresses of their own."""


def everything_of(app: App) -> Admit:
    """The port's first adapter: whoever reaches this server is its owner, and sees the whole workspace."""

    async def admit(request: HTTPConnection) -> Scope:
        return Scope(app.workspace)

    return admit


def served(request: Request) -> Served:
    """What the application of this request serves."""
    return request.app.state.weft


async def _served(request: Request) -> Served:
    return served(request)


async def _app(request: Request) -> App:
    return served(request).app


async def _scope(request: Request) -> Scope:
    return await served(request).admit(request)


ServedDep = Annotated[Served, Depends(_served)]
AppDep = Annotated[App, Depends(_app)]
ScopeDep = Annotated[Scope, Depends(_scope)]
