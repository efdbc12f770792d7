"""A process that is killed while it learns: ``main(URL, WHEN)`` hangs before its model answers, or after."""

import asyncio
import json
import sys
from typing import Any

from weft import Agent, App, Memory
from weft.memory.longterm import Memories
from weft.models.scripted import Scripted

NOTED = json.dumps({"facts": [{"text": "Ada lives in Bern", "message": 1}], "summary": "Where Ada lives."})
LEASE = 6.0


def agent(*notes: str, delay: float = 0.0) -> Agent[Any]:
    """Learns what the notes say."""
    return Agent(
        "helper", model=Scripted(["Nice."]), memory=Memory(extract=Scripted(notes, name="reader", delay=delay))
    )


async def main(url: str, when: str) -> None:
    """Answers, and hangs in the midst of learning from it."""

    async def hang(*_: Any, **__: Any) -> Any:
        print("hanging", flush=True)
        await asyncio.sleep(600)

    if when == "after":
        Memories.add = hang  # type: ignore[method-assign]  # the process dies here
    learner = agent(NOTED, delay=600.0 if when == "before" else 0.0)
    async with App(agents=[learner], store=url, lease=LEASE) as app:
        await app.run(learner, "I live in Bern.", thread="t1", user="ada")
        if when == "before":
            while (await app.store.chores.list(app._scope("ada")))[0].status != "working":  # noqa: ASYNC110  # pyright: ignore
                await asyncio.sleep(0.01)
            print("hanging", flush=True)
        await asyncio.sleep(600)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
