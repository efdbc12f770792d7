"""Many runs over one shared server that is killed every second it lives: ``MCP_SOAK_RUNS=1000`` in ``make soak``."""

import asyncio
import gc
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from weft import Agent
from weft.messages import ToolResult
from weft.models.scripted import Scripted
from weft.models.scripted import call as says
from weft.tools.mcp import MCP, close_connections

RUNS = int(os.environ.get("MCP_SOAK_RUNS", "150"))
AT_ONCE = 20
PAUSE = 0.5
"""Seconds between two runs of twenty."""
SERVER = [sys.executable, str(Path(__file__).with_name("server.py"))]


def children() -> set[int]:
    """The processes that this one has started and that live."""
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread that has ended meanwhile
            found.update(map(int, (task / "children").read_text().split()))
    return found


def handles() -> int:
    return len(os.listdir("/proc/self/fd"))


class Killer:
    """Ends the server by SIGKILL one second after it was reached, again and again."""

    def __init__(self, mcp: MCP, others: set[int]) -> None:
        self._mcp, self._others = mcp, others
        self.killed = 0

    async def work(self) -> None:
        while True:
            if not self._mcp.state["connected"]:
                await asyncio.sleep(0.02)
                continue
            await asyncio.sleep(1)
            for pid in children() - self._others:
                os.kill(pid, signal.SIGKILL)
                self.killed += 1


@pytest.mark.skipif(sys.platform != "linux", reason="counts processes and files by /proc")
@pytest.mark.timeout(60 + RUNS)
async def test_no_hang_no_leak_and_every_failure_is_a_tool_error() -> None:
    before = children()
    mcp = MCP(SERVER)
    model = Scripted([[says("slow", seconds=0.2), says("add", a=1, b=2)], "Done."], order="turn")
    agent: Agent[str] = Agent("adder", model=model, tools=[mcp])
    await agent.run("once, so that all that is loaded later is loaded")
    await close_connections()
    gc.collect()
    files, threads, tasks = handles(), threading.active_count(), len(asyncio.all_tasks())

    killer = Killer(mcp, before)
    killing = asyncio.create_task(killer.work())
    left, results = RUNS, list[ToolResult]()
    longest = 0.0

    async def work() -> None:
        nonlocal left, longest
        while left > 0:
            left -= 1
            began = time.monotonic()
            result = await asyncio.wait_for(agent.run("1 + 2"), 60)
            longest = max(longest, time.monotonic() - began)
            assert result.output == "Done."
            await asyncio.sleep(PAUSE)  # else they would all be over while the server is away
            results.extend(part for message in result.messages for part in message.tool_results)

    try:
        await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    finally:
        killing.cancel()
        await asyncio.gather(killing, return_exceptions=True)
        await close_connections()

    failed = [one for one in results if one.failed]
    fine = {one.content for one in results if not one.failed}
    print(f"{RUNS} runs, {killer.killed} kills, {len(results)} calls, {len(failed)} failed, longest {longest:.1f} s")
    assert killer.killed > RUNS / 100
    assert fine == {"rested", "3"}
    assert all(one.content for one in failed)
    words = ("was lost", "cannot be reached", "is not there", "no tool", "given up")
    assert [one.content for one in failed if not any(word in one.content for word in words)] == []
    gc.collect()
    until = time.monotonic() + 10
    while (children() != before or threading.active_count() > threads) and time.monotonic() < until:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    assert children() == before
    assert threading.active_count() <= threads
    assert len(asyncio.all_tasks()) == tasks
    assert handles() <= files
