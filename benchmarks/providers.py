"""A model call over HTTP on loopback: what Weft adds to LiteLLM's own cost. The server is another process."""

import asyncio
import importlib
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from benchmarks.measure import Sides, each
from benchmarks.rows import row
from weft.messages import user
from weft.models.base import Request
from weft.models.litellm import LiteLLM

MODEL = "gpt-4o-mini"


@asynccontextmanager
async def server() -> AsyncIterator[str]:
    """The address of an OpenAI-compatible server that streams a few words."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.loopback", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    port = int(await process.stdout.readline())
    try:
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        await process.wait()


@row("litellm-call", "a streamed model call through LiteLLM; the limit is LiteLLM alone", goal=None)
async def litellm_call() -> Sides:
    async with server() as url:
        ours = LiteLLM(MODEL, base_url=url)
        request = Request(messages=[user("hi")])

        async def weft() -> None:
            async for _ in ours.answer(request):
                pass

        await weft()
        litellm: Any = importlib.import_module("litellm")

        async def plain() -> None:
            stream = await litellm.acompletion(
                model=f"openai/{MODEL}", api_base=url, api_key="none", stream=True,
                stream_options={"include_usage": True}, messages=[{"role": "user", "content": "hi"}],
            )  # fmt: skip
            async for _ in stream:
                pass

        # In turns, so that what slows the machine slows both.
        limits, wefts = [], []
        for _ in range(4):
            limits.append(await each(plain, 60))
            wefts.append(await each(weft, 60))
    limit, whole = min(limits), min(wefts)
    return Sides(limit, whole, {"Weft's own part, % (goal 5)": (whole - limit) / limit * 100})
