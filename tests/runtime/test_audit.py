"""The look at whether runs are still ours: it stops those that others took, and leaves alone those that just ended."""

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from weft import Agent, App
from weft.errors import ModelError
from weft.models.scripted import Scripted
from weft.runtime import worker


async def _audits(app: App) -> None:
    """Look all the time."""
    while True:
        await app.runner.worker._audit()  # pyright: ignore[reportPrivateUsage]
        await asyncio.sleep(0)


@pytest.mark.parametrize("works", [True, False])
async def test_a_run_that_has_just_ended_is_not_taken_for_one_that_was_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, works: bool
) -> None:
    monkeypatch.setattr(worker, "AUDIT", 0.0)
    agent: Agent[str] = Agent("quick", model=Scripted(["Yes."] if works else [ModelError("no")] * 100, order="repeat"))
    async with App(agents=[agent], store=f"sqlite:///{tmp_path}/weft.db") as app:
        looking = asyncio.create_task(_audits(app))
        try:
            for _ in range(60):
                with suppress(ModelError):
                    await app.run(agent, "Well?", thread="t")
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
