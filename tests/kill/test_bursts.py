"""Killed (SIGKILL) around each write of a graph with ``durability="async"``: steps may run again, the record has none
twice, and what must happen once does."""

from itertools import pairwise
from pathlib import Path

import pytest

from tests.kill.bursts import SAID, graph
from tests.kill.nursery import Nursery, dies_and_goes_on, the_last_ends_it
from tests.kill.steered import ME
from weft import App
from weft.events import NodeFinished, RunFinished, StepCommitted
from weft.storage.base import Page

CHILD = "tests.kill.bursts"
WRITES = 7
"""Writes of the whole run, which takes 82 steps; the test sees to it that this is so."""
POINTS = [(when, number) for number in range(1, WRITES + 1) for when in ("before", "after")]


@pytest.mark.parametrize(("when", "number"), POINTS)
async def test_killed_and_gone_on(nursery: Nursery, shared_url: str, tmp_path: Path, when: str, number: int) -> None:
    url, effects = shared_url.replace("?synchronous=NORMAL", ""), tmp_path / "effects"
    await dies_and_goes_on(nursery, url, effects, when, number)
    assert [line.split()[0] for line in effects.read_text().splitlines()] == ["pay"]

    async with App(targets=[graph(str(effects))], store=url) as app:
        (run,) = await app.store.runs.list(ME, Page(limit=10))
        events = await app.events(ME, run.id, limit=10_000)
        travel = await app.travel()
        past = await travel.history(ME, "t", limit=1_000)
        state = await travel.state(ME, "t")
    assert [envelope.seq for envelope in events] == list(range(1, len(events) + 1))
    kinds = [type(envelope.event) for envelope in events]
    assert kinds.count(RunFinished) == 1
    assert kinds.count(NodeFinished) == len(SAID) + 1, "each step is there once, whatever ran again"
    assert kinds.count(StepCommitted) == len(SAID)
    assert state.values["said"] == SAID
    assert all(later.step == earlier.step + 1 for later, earlier in pairwise(past))


async def test_the_points_are_all_writes_of_the_run(nursery: Nursery, shared_url: str, tmp_path: Path) -> None:
    await the_last_ends_it(nursery, shared_url, tmp_path / "effects", WRITES)
