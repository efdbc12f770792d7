"""Two processes: one drives a run and is killed (SIGKILL) before or after a write, the other steers it.

Whatever the moment, each command is taken once, in order, with its effect; no step is lost, and none is done twice
that was on record.
"""

import asyncio
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.kill.commanded import NODES, graph
from tests.kill.nursery import Nursery
from weft import App, Breakpoint
from weft.events import RunFinished, RunPaused, RunStarted, RunSteered
from weft.runtime.commands import Command, Resume, SetBreakpoints, SetState, Step
from weft.storage.base import Scope

CHILD = "tests.kill.commanded"
ME = Scope("default", "local")
ORDERS: list[Command] = [Step(count=2), SetState(writes={"n": 100}), SetBreakpoints(breakpoints=()), Resume()]
POINTS = [(when, number) for number in range(2, 15) for when in ("before", "after")]


async def paused(app: App, run_id: str, times: int) -> None:
    """Until it has paused so often, whoever drives it."""
    async with asyncio.timeout(60):
        while True:
            events = [envelope.event for envelope in await app.events(ME, run_id)]
            resting = (await app.store.runs.get(ME, run_id)).status == "paused"
            if resting and sum(isinstance(event, RunPaused) for event in events) >= times:
                return
            await asyncio.sleep(0.01)


async def steer(app: App, run_id: str) -> None:
    """All orders, each as soon as it fits."""
    control = await app.control(run_id, by="ada")
    await paused(app, run_id, 1)
    await control.send(ORDERS[0])
    await paused(app, run_id, 2)
    await control.send(ORDERS[1])
    await paused(app, run_id, 3)
    for order in ORDERS[2:]:
        await control.send(order)


@pytest.mark.parametrize(("when", "number"), POINTS)
async def test_killed_while_it_is_steered(
    nursery: Nursery, shared_url: str, tmp_path: Path, when: str, number: int
) -> None:
    url, effects = shared_url.replace("?synchronous=NORMAL", ""), tmp_path / "effects"
    async with App(targets=[graph(str(effects))], store=url, lease=3.0) as app:
        app.runner.worker._serving = asyncio.create_task(asyncio.sleep(3600))  # pyright: ignore[reportPrivateUsage]  # others do
        serving = app.runner.worker._serving  # pyright: ignore[reportPrivateUsage]
        point = Breakpoint(node="c")
        record = await app.submit("walk", {"seen": [], "n": 0}, scope=ME, breakpoints=[point])
        arguments: tuple[Any, ...] = (url, effects, record.id, when, str(number))
        driving = asyncio.create_task(asyncio.to_thread(nursery.run, *arguments))
        steering = asyncio.create_task(steer(app, record.id))
        code = await driving
        if code == -signal.SIGKILL:
            before = Counter(effects.read_text().split()) if effects.exists() else Counter[str]()
            known = await on_record(app, record.id)
            assert await asyncio.to_thread(nursery.run, url, effects, record.id) == 0, nursery.err
        else:
            before, known = Counter[str](), set[str]()
            assert (code, number > 12) == (0, True), nursery.err  # it had ended before its time came
        await steering
        serving.cancel()

        envelopes = await app.events(ME, record.id)
        assert [envelope.seq for envelope in envelopes] == list(range(1, len(envelopes) + 1))
        events = [envelope.event for envelope in envelopes]
        kinds = Counter(type(event) for event in events)
        assert (kinds[RunStarted], kinds[RunFinished]) == (1, 1)
        steered = [(event.number, event.command) for event in events if isinstance(event, RunSteered)]
        assert steered == [(1, "breakpoints"), (2, "step"), (3, "state"), (4, "breakpoints"), (5, "resume")]
        assert [event.refused for event in events if isinstance(event, RunSteered)] == [None] * 5
        finished = events[-1]
        assert isinstance(finished, RunFinished)
        assert finished.output == {"seen": list(NODES), "n": 102}
        done = Counter(effects.read_text().split())
        assert set(done) == set(NODES)
        for name, times in done.items():
            assert times == 1 or (times == 2 and before[name] == 1 and name not in known), f"{name}: {times} times"


async def on_record(app: App, run_id: str) -> set[str]:
    """The nodes whose end the store knew at the kill."""
    events = [envelope.event for envelope in await app.events(ME, run_id)]
    return {event.node for event in events if type(event).__name__ == "NodeFinished"}
