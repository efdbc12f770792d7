"""Deployments on loopback that are good, slow, failing or out of quota, for the tests of routers."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web

from tests.models.loopback import chunk
from weft.errors import ModelError
from weft.messages import user
from weft.models.base import Answer, Model, Request
from weft.models.routing import Deployment


@dataclass
class Served:
    """One fake deployment: what it does can be changed while it runs."""

    name: str
    does: Literal["answer", "fail", "limit", "too_long", "refuse", "cut"] = "answer"
    delay: float = 0.0
    """Seconds before the answer, and between its words."""
    quota: int | None = None
    """Calls in a second; more are told to come back in one."""
    url: str = ""
    asked: int = 0
    at_once: int = 0
    most_at_once: int = 0
    _taken: list[float] = field(default_factory=list[float])

    async def respond(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        self.asked += 1
        if self.does == "fail":
            return web.json_response({"error": {"message": "it broke", "type": "server_error"}}, status=500)
        if self.does == "limit" or self._is_over():
            told = {"error": {"message": "slow down", "type": "rate_limit"}}
            return web.json_response(told, status=429, headers={"retry-after": "1"})
        if self.does == "too_long":
            told = {"error": {"message": "maximum context length exceeded", "code": "context_length_exceeded"}}
            return web.json_response(told, status=400)
        if self.does == "refuse":
            told = {"error": {"message": "it is against the content policy", "code": "content_policy_violation"}}
            return web.json_response(told, status=400)
        return await self._answered(request)

    def _is_over(self) -> bool:
        if self.quota is None:
            return False
        now = time.monotonic()
        self._taken = [at for at in self._taken if now - at < 1.0]
        if len(self._taken) >= self.quota:
            return True
        self._taken.append(now)
        return False

    async def _answered(self, request: web.Request) -> web.StreamResponse:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            response = web.StreamResponse(headers={"content-type": "text/event-stream"})
            await asyncio.sleep(self.delay)
            await response.prepare(request)
            for word in ("from ", self.name):
                await response.write(_event(chunk({"content": word})))
                await asyncio.sleep(self.delay)
            if self.does == "cut":
                assert request.transport is not None
                request.transport.abort()
                return response
            await response.write(_event(chunk({}, "stop")))
            usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
            await response.write(_event(chunk({}, choices=[], usage=usage)) + b"data: [DONE]\n\n")
            await response.write_eof()
            return response
        finally:
            self.at_once -= 1

    def deployment(self, model: str = "openai/gpt-5-mini", **told: Any) -> Deployment:
        return Deployment(model, base_url=self.url, **{"via": "direct", **told})


def _event(told: Any) -> bytes:
    return f"data: {json.dumps(told)}\n\n".encode()


@asynccontextmanager
async def served(*deployments: Served) -> AsyncIterator[None]:
    runners: list[web.AppRunner] = []
    try:
        for each in deployments:
            app = web.Application()
            app.router.add_post("/{path:.*}", each.respond)
            runner = web.AppRunner(app, shutdown_timeout=0.1)
            runners.append(runner)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            host, port = runner.addresses[0][:2]
            each.url = f"http://{host}:{port}/v1"
        yield
    finally:
        for runner in runners:
            await runner.cleanup()


async def answer(model: Model, text: str = "hi") -> Answer:
    async for item in model.answer(Request(messages=[user(text)])):
        if isinstance(item, Answer):
            return item
    raise AssertionError("a stream without an answer")


async def many(model: Model, calls: int, at_once: int = 20) -> tuple[list[Answer], list[ModelError]]:
    """All answers, and all errors that reached the caller."""
    answers: list[Answer] = []
    errors: list[ModelError] = []
    left = iter(range(calls))

    async def work() -> None:
        for _ in left:
            try:
                answers.append(await answer(model))
            except ModelError as error:
                errors.append(error)

    await asyncio.gather(*[work() for _ in range(at_once)])
    return answers, errors
