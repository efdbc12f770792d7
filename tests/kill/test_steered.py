"""Crash matrix of a graph that people steer: killed before and after each record, every effect happens exactly once.

What was cut off becomes a question, which is answered truthfully; nothing is lost, nothing doubled.
"""

import asyncio
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.kill.nursery import Nursery, the_last_ends_it
from tests.kill.steered import EFFECTS, ME, graph
from weft import App
from weft.events import EffectStarted, NodeFinished, RunFinished, RunStarted
from weft.storage.base import Page

WRITES = 28
"""Writes of the whole run; the test sees to it that this is so."""
POINTS = [(when, number) for number in range(1, WRITES + 1) for when in ("before", "after")]


def done(effects: Path) -> Counter[str]:
    """How often each effect happened."""
    return Counter(line.split()[0] for line in effects.read_text().splitlines()) if effects.exists() else Counter()


@pytest.mark.parametrize(("when", "number"), POINTS)
async def test_each_effect_happens_once(
    nursery: Nursery, shared_url: str, tmp_path: Path, when: str, number: int
) -> None:
    url, effects = shared_url.replace("?synchronous=NORMAL", ""), tmp_path / "effects"
    code = await asyncio.to_thread(nursery.run, url, effects, when, str(number), "steered")
    assert code == -signal.SIGKILL, nursery.err
    code = await asyncio.to_thread(nursery.run, url, effects, "never", "0", "steered")
    assert (code, nursery.out) == (0, "finished\n"), nursery.err
    assert done(effects) == dict.fromkeys(EFFECTS, 1)

    async with App(targets=[graph(str(effects))], store=url) as app:
        (run,) = await app.store.runs.list(ME, Page(limit=10))
        events = await app.events(ME, run.id, limit=10_000)
        assert [envelope.seq for envelope in events] == list(range(1, len(events) + 1))
        kinds: Counter[Any] = Counter(type(envelope.event) for envelope in events)
        assert (kinds[RunStarted], kinds[RunFinished]) == (1, 1)
        nodes = [envelope.path for envelope in events if isinstance(envelope.event, NodeFinished)]
        assert len(nodes) == len(set(nodes)) == 11
        assert 6 <= kinds[EffectStarted] <= 9, "only what was cut off is begun again"
        assert await app.questions(status="intent") == await app.questions(status="unknown") == []
        finished = await app.store.runs.get(ME, run.id)
        assert all(f"did {name}".encode() in (finished.output or b"") for name in ("left", "right", "below", "last"))


async def test_the_points_are_all_writes_of_the_run(nursery: Nursery, shared_url: str, tmp_path: Path) -> None:
    await the_last_ends_it(nursery, shared_url, tmp_path / "effects", WRITES, "steered")
