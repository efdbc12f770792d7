"""Thousands of runs on one app, ended in every way: no task, no memory and no file is left of them.

2,000 runs where nothing is said; ``LEAK_RUNS=10000`` for more (``make soak`` does).
"""

import asyncio
import gc
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from weft import Agent, App, Budget, Context, Limits
from weft.errors import ModelError
from weft.models.base import Request
from weft.models.scripted import Scripted, call
from weft.runtime.recent import Recent

RUNS = int(os.environ.get("LEAK_RUNS", "2000"))
TOGETHER = 25
PER_RUN = 16.0
"""Blocks of memory that a run may leave on the average: noise, some thousands in all. One that is kept has hundreds."""
MEGABYTES = 48
"""By which the process may grow meanwhile: three connections of SQLite have a cache of 16 each."""


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


async def hang(ctx: Context) -> str:
    """Wait for ever."""
    await asyncio.sleep(1_000)
    return ""


def ask(ctx: Context) -> str:
    """Ask a person."""
    return ctx.ask("well?")


def answered(request: Request) -> Any:
    """What the input says should happen."""
    last = request.messages[-1]
    match last.text if last.role == "user" else "":
        case "fail":
            return ModelError("no")
        case "hang":
            return [call("hang"), call("add", a=1, b=2)]
        case "ask":
            return call("ask")
        case "limit":
            return call("add", a=1, b=2)
        case _:
            return "done"


AGENT = Agent("a", model=Scripted([answered], order="repeat"), tools=[add, hang, ask])
RESTING = 2
"""The test and the heart beat."""
KINDS = ("finish", "limit", "fail", "hang", "ask", "cancel", "stream", "answer")


async def one(app: App, kind: str) -> None:
    if kind == "fail":
        with pytest.raises(ModelError):
            await app.run(AGENT, "fail")
    elif kind in ("hang", "cancel"):
        task = asyncio.create_task(app.run(AGENT, "hang"))
        await asyncio.sleep(0.02)
        if kind == "cancel":
            driven = app.runner.worker.driver.driven
            run_id = next((run_id for run_id, each in driven.items() if each.task is task), None)
            if run_id is not None:
                await app.runner.cancel(app._scope("local"), run_id)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    elif kind == "limit":
        assert (await app.run(AGENT, "limit", limits=Limits(turns=1))).paused
    elif kind == "stream":
        async for _ in app.stream(AGENT, "finish"):
            pass
    else:
        result = await app.run(AGENT, "ask" if kind == "answer" else kind)
        if kind == "answer":
            assert (await app.resume(result.run_id, {result.questions[0].id: "yes"})).output == "done"


async def many(app: App, runs: int) -> None:
    for start in range(0, runs, TOGETHER):
        await asyncio.gather(*[one(app, KINDS[number % len(KINDS)]) for number in range(start, start + TOGETHER)])


async def left() -> tuple[int, int, int, float]:
    """Tasks, open files, blocks of memory, and megabytes in all; what is just ending may end."""
    for _ in range(100):
        if len(asyncio.all_tasks()) <= RESTING:
            break
        await asyncio.sleep(0.02)
    for _ in range(3):
        gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    megabytes = round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)
    return len(asyncio.all_tasks()), len(os.listdir("/proc/self/fd")), sys.getallocatedblocks(), megabytes


@pytest.mark.blocks
@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="there is no /proc here")
async def test_nothing_is_left_of_runs_that_ended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    budget = Budget("user", tokens=10**12)
    app = App(agents=[AGENT], store=f"sqlite:///{tmp_path}/weft.db?synchronous=OFF", budgets=[budget])
    async with app:
        app.runner.worker.driver._recent = Recent(most=100)  # full from the beginning, so that it does not grow
        AGENT.model.asked = Forgetful()  # pyright: ignore
        await many(app, max(600, RUNS // 4))
        seen = [await left()]
        for _ in range(3):
            await many(app, RUNS // 4)
            seen.append(await left())
        tasks, files, blocks, megabytes = zip(*seen, strict=True)
        slope = (blocks[-1] - blocks[0]) / (3 * RUNS // 4)
        with capsys.disabled():
            print(f"\n{RUNS} runs: tasks {tasks}, files {files}, {slope:+.2f} blocks a run {blocks}, MB {megabytes}")
        assert len(set(tasks)) == 1
        assert len(set(files)) == 1
        assert slope < PER_RUN
        assert megabytes[-1] - megabytes[0] < MEGABYTES
    opened = [os.readlink(each) for each in Path("/proc/self/fd").iterdir() if each.exists()]
    assert [path for path in opened if path.startswith(f"{tmp_path}/weft.db")] == [], "a closed app has no file open"


class Forgetful(list[Request]):
    """What the script was asked is not what is measured here."""

    def append(self, object: Request, /) -> None:
        pass
