"""Streams: pieces of an answer, and events, to one listener in the same process."""

import asyncio
import time
from collections import deque
from typing import Any

from benchmarks.fakes import Fake, by_hand
from benchmarks.measure import Sides, each, slope
from benchmarks.rows import row
from weft import Agent
from weft.events import Delta, Envelope
from weft.runtime.hub import Hub


@row("chunk", "streaming, per chunk, to a listener", goal=2.5, stretch=1.5)
async def chunk() -> Sides:
    async def by_weft(chunks: int) -> None:
        async for _ in agents[chunks].stream("hi"):
            pass

    agents = {chunks: Agent("clerk", model=Fake(chunks=chunks)) for chunks in (1, 1001)}
    limit = await slope(lambda chunks: by_hand(chunks=chunks), 1, 1001, 100)
    return Sides(limit, await slope(by_weft, 1, 1001, 40))


@row("first-chunk", "from the call to the first piece at a listener", goal=60)
async def first_chunk() -> Sides:
    clerk = Agent("clerk", model=Fake())
    spent: list[float] = []

    async def first() -> None:
        began = time.process_time()
        async for envelope in clerk.stream("hi"):
            if type(envelope.event) is Delta and began:
                spent.append(time.process_time() - began)
                began = 0.0

    for _ in range(1_000):
        await first()
    return Sides(None, sorted(spent)[len(spent) // 2] * 1e6)


@row("event", "a passing event to one listener in this process", goal=2)
async def event() -> Sides:
    """By hand: a deque and a wake-up. Weft: the hub, with the envelope that the journal makes."""
    count = 2_000
    hub = Hub()
    listener = hub.listen("run")

    async def through_the_hub() -> None:
        for _ in range(count):
            hub.publish(Envelope(run_id="run", seq=1, at=0.0, path=("a",), event=Delta("m", "word ")))
            listener.queue.popleft()

    async def plain() -> None:
        queue: deque[Any] = deque()
        woken = asyncio.Event()
        for _ in range(count):
            queue.append(("run", 1, 0.0, ("a",), "word "))
            woken.set()
            queue.popleft()

    return Sides(await each(plain, 50, per=count), await each(through_the_hub, 50, per=count))
