"""A server on this machine that answers as a service does, and keeps what it was asked."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any, NamedTuple

from aiohttp import web
from aiohttp.test_utils import TestServer

from weft.engine.context import Context
from weft.tools.base import Returned
from weft.tools.run import run_tool

Answer = Callable[["Asked"], Any]
"""Gives text, what has a JSON form, or a whole response."""


class Asked(NamedTuple):
    """One request."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: str
    at: float

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Loopback:
    """``answers`` by method and path; what is asked of others is not there."""

    def __init__(self, answers: dict[str, Answer | Any]) -> None:
        self.answers = answers
        self.asked: list[Asked] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def answer(self, request: web.Request) -> web.StreamResponse:
        asked = Asked(
            request.method, request.path, dict(request.query), dict(request.headers), await request.text(), monotonic()
        )
        self.asked.append(asked)
        made = self.answers.get(f"{asked.method} {asked.path}")
        if made is None:
            return web.json_response({"message": "Not Found"}, status=404)
        said = made(asked) if callable(made) else made
        said = await said if isinstance(said, Awaitable) and not isinstance(said, web.StreamResponse) else said
        if isinstance(said, web.StreamResponse):
            return said
        return web.Response(text=said) if isinstance(said, str) else web.json_response(said)


@asynccontextmanager
async def loopback(answers: dict[str, Answer | Any]) -> AsyncIterator[Loopback]:
    here = Loopback(answers)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", here.answer)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    here.port = server.port or 0
    try:
        yield here
    finally:
        await server.close()


async def call(tools: Any, name: str, ctx: Context[Any], **arguments: Any) -> Returned:
    """One call of a tool of the set, as an agent makes it."""
    (one,) = [each for each in await tools.tools(ctx) if each.name == name]
    return await run_tool(one, arguments, ctx)


def refused(status: int, body: Any = None, **headers: str) -> web.Response:
    """An answer that is an error."""
    text = body if isinstance(body, str) else json.dumps(body or {"message": "no"})
    return web.Response(status=status, text=text, headers={k.replace("_", "-"): v for k, v in headers.items()})
