"""Model calls over HTTP on loopback, by every way there is: raw aiohttp, the direct door, LiteLLM alone, and its door.

The server is another process. All ways are measured in turns, so that what slows the machine slows them alike.
"""

import asyncio
import gc
import importlib
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from statistics import median
from typing import Any, TypeAlias

from benchmarks.measure import Sides, at_once, each, slope
from benchmarks.rows import row
from weft.messages import user
from weft.models.base import Model, Request
from weft.models.direct import Direct
from weft.models.litellm import LiteLLM, close_connections

MODEL = "gpt-4o-mini"
HI = Request(messages=[user("hi")])
ROUNDS = 4
_STREAMED = ("aiohttp", "direct", "litellm", "door")
Call: TypeAlias = Callable[[int], Awaitable[Any]]
"""One streamed answer of so many chunks."""


@asynccontextmanager
async def server() -> AsyncIterator[str]:
    """The address of an OpenAI-compatible server that streams a few words."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.loopback", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    port = int(await process.stdout.readline())
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def ways() -> AsyncIterator[dict[str, Call]]:
    """Each way to call, warm. The chunks that are wanted stand in the path: ``/3/chat/completions``."""
    async with server() as url:
        await by(LiteLLM(MODEL, f"{url}/3"))(3)
        aiohttp: Any = importlib.import_module("aiohttp")
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            yield {
                "aiohttp": by_aiohttp(session, url),
                "direct": lambda chunks: by(Direct(MODEL, f"{url}/{chunks}"))(chunks),
                "litellm": by_litellm(f"{url}/"),
                "door": lambda chunks: by(LiteLLM(MODEL, f"{url}/{chunks}"))(chunks),
                "litellm, whole": by_litellm(f"{url}/whole-", stream=False),
                "door, whole": lambda chunks: by(LiteLLM(MODEL, f"{url}/whole-{chunks}", stream=False))(chunks),
            }
        await close_connections()


def by(model: Model) -> Call:
    async def call(_: int) -> None:
        async for _ in model.answer(HI):
            pass

    return call


def by_aiohttp(session: Any, url: str) -> Call:
    body = {"model": MODEL, "stream": True, "messages": [{"role": "user", "content": "hi"}]}

    async def call(chunks: int) -> None:
        async with session.post(f"{url}/{chunks}/chat/completions", json=body) as response:
            async for _ in response.content:
                pass

    return call


def by_litellm(base: str, *, stream: bool = True) -> Call:
    litellm: Any = importlib.import_module("litellm")
    told: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}

    async def call(chunks: int) -> None:
        said = await litellm.acompletion(
            model=f"openai/{MODEL}", api_base=f"{base}{chunks}", api_key="none", **told,
            messages=[{"role": "user", "content": "hi"}],
        )  # fmt: skip
        if stream:
            async for _ in said:
                pass

    return call


async def in_turns(measure: Callable[[Call], Awaitable[float]], *names: str) -> dict[str, float]:
    """The least of some rounds, for each way."""
    async with ways() as known:
        seen: dict[str, list[float]] = {name: [] for name in names or _STREAMED}
        for _ in range(ROUNDS):
            for name, costs in seen.items():
                costs.append(await measure(known[name]))
    return {name: min(costs) for name, costs in seen.items()}


def sides(costs: dict[str, float]) -> Sides:
    more: dict[str, float | str] = {"LiteLLM alone": costs["litellm"], "the LiteLLM door": costs["door"]}
    return Sides(costs["aiohttp"], costs["direct"], more)


async def own_part(chunks: int, pairs: int, how: str = "") -> tuple[float, float, float]:
    """CPU µs of a call by LiteLLM alone, by the door, and the difference: medians of calls that take turns.

    What slows the machine slows a call and the next one alike, so the median of their differences is what is Weft's.
    """
    plain: list[float] = []
    ours: list[float] = []
    async with ways() as known:
        for number in range(pairs + 5):
            for name in ("litellm", "door") if number % 2 else ("door", "litellm"):
                began = time.thread_time()
                await known[name + how](chunks)
                if number >= 5:
                    (plain if name == "litellm" else ours).append((time.thread_time() - began) * 1e6)
    return median(plain), median(ours), median([door - bare for door, bare in zip(ours, plain, strict=True)])


async def part_of(chunks: int, pairs: int, how: str = "") -> Sides:
    gc.disable()
    try:
        plain, door, more = await own_part(chunks, pairs, how)
    finally:
        gc.enable()
    return Sides(None, more / plain * 100, {"LiteLLM alone, µs": plain, "the LiteLLM door, µs": door})


@row("litellm-own-part", "Weft's own part of a LiteLLM call of 50 chunks, of LiteLLM's", goal=5, unit="%")
async def litellm_own_part() -> Sides:
    return await part_of(50, 150)


@row("litellm-own-part-of-one", "the same, of a call of one chunk", goal=5, unit="%")
async def litellm_own_part_of_one() -> Sides:
    return await part_of(1, 400)


@row("litellm-own-part-whole", "the same, of a call that is not streamed", goal=5, unit="%")
async def litellm_own_part_whole() -> Sides:
    return await part_of(50, 400, ", whole")


@row("call", "a streamed model call; the limit is raw aiohttp, Weft the direct door", goal=400)
async def call() -> Sides:
    return sides(await in_turns(lambda way: each(lambda: way(3), 60)))


@row("calls-at-once", "the same, 200 at once", goal=400)
async def calls_at_once() -> Sides:
    return sides(await in_turns(lambda way: at_once(lambda: way(3), 200, rounds=1)))


@row("model-chunk", "one more chunk of a model's stream", goal=15)
async def model_chunk() -> Sides:
    return sides(await in_turns(lambda way: slope(way, 3, 203, 5)))
