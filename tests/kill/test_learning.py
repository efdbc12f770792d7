"""kill -9 while a turn is learnt: another process learns it, and asks the model again only if nobody heard it."""

import asyncio
from typing import Any

import pytest

from tests.kill.learning import LEASE, NOTED, agent
from tests.warm import KILL, python
from weft import App


@pytest.mark.blocks
@pytest.mark.usefixtures("warm")
@pytest.mark.parametrize(("when", "asked"), [("before", 1), ("after", 0)])
async def test_learning_survives(shared_url: str, when: str, asked: int) -> None:
    child = await asyncio.create_subprocess_exec(
        *python("-m", "tests.kill.learning", shared_url, when), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert child.stdout is not None
        assert await child.stdout.readline() == b"hanging\n"
    finally:
        child.send_signal(KILL)
        await child.wait()
    learner = agent(NOTED)
    async with App(agents=[learner], store=shared_url, lease=LEASE) as app:
        await app.settled(60)
        rows = [placed.row.text for placed in await app.memories("ada").list()]
        assert sorted(rows) == ["Ada lives in Bern", "Where Ada lives."]
        reader: Any = learner.memory and learner.memory.extract
        assert len(reader.asked) == asked
        (row,) = await app.costs("agent", only={"agent": "helper.memory"})
        assert row.calls == 1
