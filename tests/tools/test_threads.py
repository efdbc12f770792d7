"""Threads that are given up: whenever it happens, the others go on."""

import asyncio
import random
import time
from contextlib import suppress

from weft.tools.threads import in_thread


async def test_a_thread_that_is_given_up_as_it_ends_holds_up_nobody() -> None:
    """What is raised in it must not come while it holds the pool's lock: within two seconds it often would."""
    chance = random.Random(3)

    async def one() -> None:
        took = chance.random() * 0.0004
        task = asyncio.create_task(in_thread(lambda: time.sleep(took)))
        await asyncio.sleep(chance.random() * 0.0008)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    ends = time.monotonic() + 2
    while time.monotonic() < ends:
        await asyncio.gather(*[one() for _ in range(40)])
    assert await asyncio.wait_for(in_thread(lambda: 7), 5) == 7
