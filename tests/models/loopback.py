"""A real HTTP server on loopback that answers what it is told, so that a model's door is tested through its sockets."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What the server says to one request. Chunks are sent one by one, ``pause`` seconds apart."""

    status: int = 200
    mime: str = "application/json"
    chunks: Sequence[bytes] = ()
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    pause: float = 0.0
    hang: bool = False
    """After the chunks: stay silent and keep the connection open."""
    cut: bool = False
    """After the chunks: drop the connection without ending the body."""


def whole(body: Any, status: int = 200) -> Reply:
    return Reply(status=status, chunks=[json.dumps(body).encode()])


def stream(*events: Any, done: bool = True, **options: Any) -> Reply:
    """OpenAI-style server-sent events."""
    chunks = [f"data: {json.dumps(event)}\n\n".encode() for event in events]
    return Reply(mime="text/event-stream", chunks=[*chunks, *([b"data: [DONE]\n\n"] if done else [])], **options)


@dataclass
class Loopback:
    """What the server was asked, and whether a client left before the answer was complete."""

    replies: list[Reply]
    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    bodies: list[bytes] = field(default_factory=list[bytes])
    paths: list[str] = field(default_factory=list[str])
    headers: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    started: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)

    async def respond(self, request: web.Request) -> web.StreamResponse:
        self.bodies.append(await request.read())
        self.asked.append(await request.json() if request.content_type == "application/json" else {})
        self.paths.append(request.path_qs)
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        response = web.StreamResponse(status=reply.status, headers={"content-type": reply.mime, **reply.headers})
        await response.prepare(request)
        try:
            for chunk in reply.chunks:
                await response.write(chunk)
                self.started.set()
                if reply.pause:
                    await asyncio.sleep(reply.pause)
            self.started.set()
            if reply.hang:
                await asyncio.sleep(60)
        except (ConnectionError, asyncio.CancelledError):
            self.left.set()
            raise
        if reply.cut and request.transport is not None:
            request.transport.abort()
        else:
            await response.write_eof()
        return response


@asynccontextmanager
async def serve(*replies: Reply) -> AsyncIterator[Loopback]:
    """Answers each request with the next reply; the last one is repeated."""
    loopback = Loopback(list(replies))
    app = web.Application(client_max_size=64 * 2**20)
    app.router.add_route("*", "/{path:.*}", loopback.respond)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    loopback.url = f"http://{host}:{port}"
    try:
        yield loopback
    finally:
        await runner.cleanup()


def chunk(delta: dict[str, Any], finish: str | None = None, **extra: Any) -> dict[str, Any]:
    """One event of OpenAI's chat stream."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "served",
        "choices": [choice],
    } | extra


def chat(
    *deltas: dict[str, Any], finish: str | None = "stop", usage: dict[str, Any] | None = None, **options: Any
) -> Reply:
    """A whole chat stream: the deltas, the end, and the count."""
    counted = usage or {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    events = [chunk(delta) for delta in deltas]
    ending = [chunk({}, finish), chunk({}, choices=[], usage=counted)] if finish else []
    return stream(*events, *ending, **options)
