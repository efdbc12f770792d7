"""Killed (SIGKILL) before and after each record of a line on which finished ``once`` effects come up a second time.

Whatever the moment: nothing is done again before somebody agreed, and then once; what was refused stays undone.
"""

import asyncio
import signal
from collections import Counter
from pathlib import Path

import pytest

from tests.kill.nursery import Nursery
from tests.kill.repeating import BOTH, FIRST, ME, graph
from weft import App
from weft.events import RunFinished, RunPaused
from weft.storage.base import Page

CHILD = "tests.kill.repeating"
WRITES = 22
"""Writes from the fork to the end of the run; the test sees to it that they are not more."""
FEWER = 20
"""On a busy machine, where what mostly goes apart goes together."""
POINTS = [(when, number) for number in range(1, WRITES + 1) for when in ("before", "after")]


def done(effects: Path) -> Counter[str]:
    """How often each effect happened."""
    return Counter(line.split()[0] for line in effects.read_text().splitlines())


async def once(url: str, effects: Path) -> None:
    """The line that is left behind."""
    async with App(targets=[graph(str(effects))], store=url) as app:
        await app.run("shop", {}, thread="t")
    assert done(effects) == FIRST


@pytest.mark.parametrize(("when", "number"), POINTS)
async def test_nothing_happens_again_unasked(
    nursery: Nursery, shared_url: str, tmp_path: Path, when: str, number: int
) -> None:
    url, effects = shared_url.replace("?synchronous=NORMAL", ""), tmp_path / "effects"
    await once(url, effects)
    code = await asyncio.to_thread(nursery.run, url, effects, when, str(number))
    assert code == -signal.SIGKILL or (code == 0 and number > FEWER), nursery.err
    code = await asyncio.to_thread(nursery.run, url, effects)
    assert (code, nursery.out) == (0, "finished\n"), nursery.err
    assert done(effects) == BOTH

    async with App(targets=[graph(str(effects))], store=url) as app:
        runs = await app.store.runs.list(ME, Page(limit=10, newest=False), thread_id="t")
        assert [run.status for run in runs] == ["finished"] * 3, "one fork, and one run after it"
        events = await app.events(ME, runs[2].id, limit=10_000)
        assert [envelope.seq for envelope in events] == list(range(1, len(events) + 1))
        assert sum(isinstance(envelope.event, RunFinished) for envelope in events) == 1
        paused = [envelope.event for envelope in events if isinstance(envelope.event, RunPaused)]
        asked = {question.id for event in paused for question in event.questions if question.id.endswith("/again")}
        assert len(asked) == len(FIRST), "each was asked about, under one id"
        assert await app.questions(status="intent") == await app.questions(status="unknown") == []


async def test_the_points_are_all_writes_of_the_run(nursery: Nursery, shared_url: str, tmp_path: Path) -> None:
    """On a busy machine two that mostly go together go apart: then it is tried again."""
    for attempt in range(3):
        url = (
            shared_url.replace("/weft.db", f"/{attempt}.db") if "/weft.db" in shared_url else f"{shared_url}_{attempt}"
        )
        effects = tmp_path / f"effects{attempt}"
        await once(url, effects)
        code = await asyncio.to_thread(nursery.run, url, effects, "after", str(WRITES + 1))
        if code == 0:
            break
    assert (code, nursery.out) == (0, "finished\n"), nursery.err
