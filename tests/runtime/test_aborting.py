"""Aborting a team of graphs in graphs: within a second nothing of it is left, whatever it was doing."""

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from typing import Any, TypedDict

import pytest

from tests.plugins.leaks import waited
from weft import START, Agent, Context, Send, StateGraph, interrupt
from weft.errors import Cancelled
from weft.models.base import Piece, Request
from weft.models.scripted import Scripted, call
from weft.storage.base import Scope

ME = Scope("default", "local")


class State(TypedDict, total=False):
    text: str


class Team:
    """A graph whose parts are graphs whose parts are agents: one streams, others work in threads and in processes."""

    def __init__(self) -> None:
        self.began: set[str] = set()
        self.ended: set[str] = set()
        self.process: asyncio.subprocess.Process | None = None
        self.blocking: subprocess.Popen[bytes] | None = None

    def mark(self, name: str) -> Any:
        @contextlib.contextmanager
        def marked() -> Any:
            self.began.add(name)
            try:
                yield
            finally:
                self.ended.add(name)

        return marked()

    # What agents do

    def in_thread(self, ctx: Context[Any]) -> str:
        """Work in a thread."""
        with self.mark("thread"):
            while True:
                time.sleep(0.01)

    async def in_process(self) -> str:
        """Work in a process of its own."""
        with self.mark("process"):
            self.process = await asyncio.create_subprocess_exec(sys.executable, "-c", "import time; time.sleep(600)")
            try:
                return str(await self.process.wait())
            finally:
                with contextlib.suppress(ProcessLookupError):
                    self.process.kill()
                await self.process.wait()

    def blocks_on_process(self, ctx: Context[Any]) -> str:
        """Work in a process, waited for in a thread."""
        with self.mark("blocking process"):
            self.blocking = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
            try:
                while self.blocking.poll() is None:
                    time.sleep(0.01)
                return "done"
            finally:
                self.blocking.kill()
                self.blocking.wait()

    def asks(self) -> str:
        """Ask."""
        self.began.add("asks")
        return interrupt("well?")

    async def answer(self, request: Request) -> Any:
        """A model that streams for ever."""
        with self.mark("stream"):
            while True:
                yield Piece("word ")
                await asyncio.sleep(0.01)

    name = "endless"

    def graph(self) -> Any:
        def worker(name: str, work: Any) -> Any:
            return Agent(name, model=Scripted([call(work.__name__)], order="turn"), tools=[work])

        streams = Agent("streams", model=self)  # pyright: ignore[reportArgumentType]  # it has all that a model has
        inner = StateGraph(State, name="inner")
        for agent in (streams, worker("threads", self.in_thread), worker("asker", self.asks)):
            inner.add_node(agent, input="text", output=lambda _: None).add_edge(START, agent.name)
        middle = StateGraph(State, name="middle").add_node("inner", inner.compile(schedule="eager"))
        middle.add_node(worker("processes", self.in_process), input="text", output=lambda _: None)
        middle.add_edge(START, "inner").add_edge(START, "processes")
        compiled = middle.compile()

        async def by_hand(state: State, ctx: Context[Any]) -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(ctx.call(worker("blocker", self.blocks_on_process), "go"))
                group.create_task(ctx.call(compiled, {"text": "go"}))

        def timed(state: State) -> None:
            with self.mark("timed node"):
                while True:
                    time.sleep(0.01)

        outer = StateGraph(State, name="team").add_node(by_hand).add_node(timed, timeout=600)
        return outer.add_conditional_edges(START, lambda _: [Send("by_hand", {}), Send("timed", {})]).compile()


WORK = {"stream", "thread", "process", "blocking process", "timed node"}


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("how", ["served", "awaited"])
async def test_a_nested_team_is_gone_within_a_second(apps: Any, how: str) -> None:
    team = Team()
    graph = team.graph()
    app, other = apps(graph), apps(graph)
    waiting: asyncio.Task[Any] | None = None
    if how == "served":
        await app.start()
        run = (await app.submit("team", {}, scope=ME)).id
    else:
        waiting = asyncio.create_task(app.run(graph, {}, thread="t"))
    async with asyncio.timeout(20):
        while team.began != WORK | {"asks"} or team.process is None or team.blocking is None:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    (run,) = app.runner.worker.driver.driven
    processes = [team.process.pid, team.blocking.pid]
    tasks = len(asyncio.all_tasks())
    await other.open()
    at, busy = time.monotonic(), waited()
    await (await other.control(run, by="ada")).abort("enough")
    async with asyncio.timeout(5):
        while team.ended != WORK or run in app.runner.worker.driver.driven:  # noqa: ASYNC110
            await asyncio.sleep(0.002)
    took = time.monotonic() - at - (waited() - busy)
    print(f"{how}: {took * 1000:.0f} ms")
    assert took < 1
    assert not any(alive(pid) for pid in processes)
    if waiting is not None:
        with pytest.raises(Cancelled):
            await waiting
    assert len(asyncio.all_tasks()) < tasks
    record = await other.store.runs.get(ME, run)
    assert (record.status, record.error) == ("cancelled", "cancelled: enough")
    assert await other.questions(run=run) == []
