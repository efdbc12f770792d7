"""A LangGraph graph as a target is killed (SIGKILL) at its writes; another process finishes it, and nothing is lost.

What LangGraph had on record is not done again. An effect of a step that was on its way may be done twice: a task's
result is stored when the task is done, and the same task begins again when it was not.
"""

import asyncio
import signal
from collections import Counter
from pathlib import Path

import pytest

from tests.kill.child import KEY
from tests.kill.foreign import EFFECTS, ME
from tests.kill.nursery import Nursery
from weft.storage import open_store
from weft.storage.base import Page
from weft.storage.trails import Trail

CHILD = "tests.kill.foreign"
WRITES = 26
"""At least so many the run has: how LangGraph gathers its writes differs from run to run."""
POINTS = [("before", number) for number in range(1, WRITES + 1, 2)]
POINTS += [("after", number) for number in range(2, WRITES + 1, 4)]


async def on_record(url: str) -> set[str]:
    """The effects whose results LangGraph's checkpoints have: as values of its state, or as writes of a task."""
    store = await open_store(url)
    try:
        rows = await store.trails.read(Trail(thread="t1"), all_namespaces=True)
    finally:
        await store.close()
    bodies = [body for row in rows for key, (_, body) in row.values.items() if "log" in key]
    bodies += [write.body[1] for row in rows for write in row.writes if write.channel == "log"]
    return {name for name in EFFECTS if any(name.encode() in body for body in bodies)}


def done(effects: Path) -> Counter[str]:
    lines = effects.read_text().splitlines() if effects.exists() else []
    return Counter(line.split()[0] for line in lines)


@pytest.mark.parametrize(("when", "number"), POINTS)
async def test_killed_and_gone_on(nursery: Nursery, shared_url: str, tmp_path: Path, when: str, number: int) -> None:
    url, effects = shared_url.replace("?synchronous=NORMAL", ""), tmp_path / "effects"
    code = await asyncio.to_thread(nursery.run, url, effects, when, str(number))
    assert code == -signal.SIGKILL, nursery.err
    known, before = await on_record(url), done(effects)
    assert known <= set(before)
    code = await asyncio.to_thread(nursery.run, url, effects)
    assert (code, nursery.out) == (0, "finished\n"), nursery.err
    store = await open_store(url)
    try:
        (run,) = await store.runs.list(ME, Page(limit=10))
    finally:
        await store.close()
    assert (run.status, run.idempotency_key) == ("finished", KEY)
    counted = done(effects)
    assert set(counted) == EFFECTS, "none is lost"
    for name, times in counted.items():
        assert times == 1 or (times == 2 and name in before and name not in known), f"{name} was done {times} times"


async def test_the_checkpoints_are_what_keeps_it_from_beginning_again(
    nursery: Nursery, shared_url: str, tmp_path: Path
) -> None:
    """Late in the run much is on record; without that record all of it would be done again."""
    url, effects = shared_url.replace("?synchronous=NORMAL", ""), tmp_path / "effects"
    await asyncio.to_thread(nursery.run, url, effects, "before", str(WRITES - 2))
    known = await on_record(url)
    assert {"plan", "left", "right", "inner"} <= known
    assert await asyncio.to_thread(nursery.run, url, effects) == 0
    assert all(done(effects)[name] == 1 for name in known)
