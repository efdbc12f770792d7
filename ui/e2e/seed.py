"""A thread of 2,000 messages from 1,000 real runs, all in one process: ``python seed.py STORE``."""

import asyncio
import sys

from weft import Agent, App
from weft.models.demo import Demo
from weft.storage.base import Scope

THREAD = "two-thousand"
RUNS = 1000


async def main(store: str) -> None:
    """Each run is stored as any other: its events, its messages, its checkpoints."""
    quick = Agent("quick", model=Demo(delay=0))
    async with App(agents=[quick], store=store) as app:
        for at in range(RUNS):
            words = "the needle in the hay" if at == 700 else f"Message {at}: how are you?"
            await app.run(quick, words, thread=THREAD)
        await app.store.threads.rename(Scope(app.workspace), THREAD, "Two thousand")


asyncio.run(main(sys.argv[1]))
