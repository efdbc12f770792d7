"""A process is killed (SIGKILL) before and after each write; another one goes on. Nothing is lost, doubled or redone.

The run has parallel tools, a nested agent and several turns. What was on record at the kill must not be
done again: each effect leaves a line in a file, which is compared with what the store knew at that moment.
"""

import asyncio
import os
import signal
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.kill.child import KEY, agents
from tests.kill.nursery import Nursery, the_last_ends_it
from weft import App
from weft.events import MessageAdded, NodeFinished, RunFinished, RunResumed, RunStarted, ToolFinished
from weft.storage import open_store
from weft.storage.base import Page, RunRecord, Scope

ME = Scope("default", "local")
WRITES = 18
"""Writes of the whole run; the test sees to it that this is so."""
EFFECTS = {"left", "right", "sub", "beside", "last"}
POINTS = [(when, number) for number in range(1, WRITES + 1) for when in ("before", "after")]


async def on_record(url: str) -> set[str]:
    """The tool calls whose end the store knows: by their idempotency keys."""
    store = await open_store(url)
    try:
        found = await store.runs.list(ME, Page(limit=1))
        rows = await store.runs.events(ME, found[0].id) if found else []
        ended = {row.path for row in rows if isinstance(row.event, ToolFinished)}
        return {"/".join([found[0].id, *path]) for path in ended}
    finally:
        await store.close()


async def ended(url: str, effects: Path) -> tuple[RunRecord, list[Any], list[Any]]:
    async with App(agents=[agents(str(effects))], store=url) as app:
        (run,) = await app.store.runs.list(ME, Page(limit=10))
        rows = await app.store.threads.messages(ME, "t1", conversation=None, limit=100)
        assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
        return run, await app.events(ME, run.id), await app.messages(ME, "t1")


def done(effects: Path) -> Counter[str]:
    """How often each activation did its effect."""
    lines = effects.read_text().splitlines() if effects.exists() else []
    return Counter(line.split()[1] for line in lines)


@pytest.mark.parametrize(("when", "number"), POINTS)
async def test_killed_and_gone_on(nursery: Nursery, shared_url: str, tmp_path: Path, when: str, number: int) -> None:
    url, effects = shared_url.replace("?synchronous=NORMAL", ""), tmp_path / "effects"
    code = await asyncio.to_thread(nursery.run, url, effects, when, str(number))
    assert code == -signal.SIGKILL, nursery.err
    known, before = await on_record(url), done(effects)
    code = await asyncio.to_thread(nursery.run, url, effects)
    assert (code, nursery.out) == (0, "finished\n"), nursery.err

    run, events, messages = await ended(url, effects)
    assert (run.status, run.idempotency_key) == ("finished", KEY)
    assert [envelope.seq for envelope in events] == list(range(1, len(events) + 1))
    kinds = Counter(type(envelope.event) for envelope in events)
    assert (kinds[RunStarted], kinds[RunFinished]) == (1, 1)
    assert kinds[NodeFinished] == len({e.path for e in events if isinstance(e.event, NodeFinished)})
    assert kinds[ToolFinished] == len({e.path for e in events if isinstance(e.event, ToolFinished)}) == 6
    assert kinds[MessageAdded] == 14
    assert {e.event.reason for e in events if isinstance(e.event, RunResumed)} <= {"recovered"}
    roles = [message.role for _, message in messages]
    assert roles == ["user", "assistant", "tool", "tool", "assistant", "tool", "tool", "assistant", "tool", "assistant"]

    counted = done(effects)
    assert {line.split()[0] for line in effects.read_text().splitlines()} == EFFECTS
    assert len(counted) == 5
    for key, times in counted.items():
        assert times == 1 or (key not in known and key in before and times == 2), f"{key} was done {times} times"


async def test_the_points_are_all_writes_of_the_run(nursery: Nursery, shared_url: str, tmp_path: Path) -> None:
    await the_last_ends_it(nursery, shared_url, tmp_path / "effects", WRITES)


def state_of(pid: int) -> str:
    """A letter: T of a process that was stopped."""
    told = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return told.strip()[:1]


async def test_a_process_that_slept_past_its_lease_writes_nothing(
    nursery: Nursery, shared_url: str, tmp_path: Path
) -> None:
    """It sleeps in the middle of its run; another takes over and ends it; awake again, the sleeper is fenced."""
    effects = tmp_path / "effects"
    sleeper = await asyncio.to_thread(nursery.begin, shared_url, effects, "stop", "9")
    try:
        async with asyncio.timeout(30):
            while state_of(sleeper) != "T":  # noqa: ASYNC110  # the system tells
                await asyncio.sleep(0.01)
        code = await asyncio.to_thread(nursery.run, shared_url, effects)
        assert (code, nursery.out) == (0, "finished\n"), nursery.err
        before = await ended(shared_url, effects)
        times = done(effects)
        os.kill(sleeper, signal.SIGCONT)
        await asyncio.sleep(2)
        assert await ended(shared_url, effects) == before
        assert done(effects) == times
        assert before[0].status == "finished"
        assert {line.split()[0] for line in effects.read_text().splitlines()} == EFFECTS
    finally:
        os.kill(sleeper, signal.SIGKILL)
