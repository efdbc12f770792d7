"""Killed (SIGKILL) around each write of a graph whose nodes mostly ``read``: they may run again, and find
something else; whatever acts is told the same as before, and what must happen once does."""

from itertools import pairwise
from pathlib import Path

import pytest

from tests.kill.nursery import Nursery, dies_and_goes_on, the_last_ends_it
from tests.kill.reads import READS, ROUNDS, graph
from tests.kill.steered import ME
from weft import App
from weft.events import NodeFinished, StepCommitted
from weft.storage.base import Page

CHILD = "tests.kill.reads"
STEPS = ROUNDS * (READS + 2)
WRITES = 15
"""Writes of the whole run, which takes so many steps; the test sees to it that this is so."""
POINTS = [(when, number) for number in range(1, WRITES + 1) for when in ("before", "after")]


@pytest.mark.parametrize(("when", "number"), POINTS)
async def test_killed_and_gone_on(nursery: Nursery, shared_url: str, tmp_path: Path, when: str, number: int) -> None:
    url, effects = shared_url.replace("?synchronous=NORMAL", ""), tmp_path / "effects"
    await dies_and_goes_on(nursery, url, effects, when, number)

    told = [line.split()[0].split(":") for line in effects.read_text().splitlines()]
    paid = [numbers for name, numbers in told if name == "pay"]
    assert [numbers.count("-") + 1 for numbers in paid] == [READS * (number + 1) for number in range(ROUNDS)]
    assert {numbers for name, numbers in told if name == "note"} == set(paid), "it is told again what it was told"
    async with App(targets=[graph(str(effects))], store=url) as app:
        (run,) = await app.store.runs.list(ME, Page(limit=10))
        events = await app.events(ME, run.id, limit=10_000)
        past = await (await app.travel()).history(ME, "t", limit=1_000)
    kinds = [type(envelope.event) for envelope in events]
    assert [envelope.seq for envelope in events] == list(range(1, len(events) + 1))
    assert (kinds.count(NodeFinished), kinds.count(StepCommitted)) == (STEPS, STEPS - ROUNDS), "notes write nothing"
    assert all(later.step == earlier.step + 1 for later, earlier in pairwise(past))


async def test_the_points_are_all_writes_of_the_run(nursery: Nursery, shared_url: str, tmp_path: Path) -> None:
    await the_last_ends_it(nursery, shared_url, tmp_path / "effects", WRITES)
