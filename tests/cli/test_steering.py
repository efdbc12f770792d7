"""``weft runs pause|resume|step|...`` in a process of its own, while another one drives the run."""

import asyncio
import json
from pathlib import Path
from typing import Any, TypedDict

from tests.cli.test_commands import weft

from weft import START, App, Breakpoint, StateGraph
from weft.storage.base import Scope

ME = Scope("default", "local")


class Count(TypedDict):
    n: int


async def more(state: Count) -> dict[str, int]:
    return {"n": state["n"] + 1}


async def told(folder: Path, *arguments: str, code: int = 0) -> Any:
    done = await asyncio.to_thread(weft, folder, "runs", *arguments, "--store", f"sqlite:///{folder}/weft.db", "--json")
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


async def test_a_run_is_steered_from_the_command_line(tmp_path: Path) -> None:
    graph = StateGraph(Count, name="count")
    for name in "abcd":
        graph.add_node(name, more)
    for before, after in zip((START, *"abc"), "abcd", strict=True):
        graph.add_edge(before, after)
    async with App(targets=[graph.compile()], store=f"sqlite:///{tmp_path}/weft.db") as app:
        await app.start()
        run = (await app.submit("count", {"n": 0}, scope=ME, breakpoints=[Breakpoint(node="b")])).id
        await app.wait(ME, run, 10)
        assert (await told(tmp_path, "step", run, "--wait", "10"))["status"] in ("paused", "running")
        await app.wait(ME, run, 10)
        changed = await told(tmp_path, "state", run, "n=40")
        assert (changed["status"], changed["command"]) == ("paused", 3)
        refused = await told(tmp_path, "state", run, "n=many", code=1)
        assert refused["error"]["code"] == "store.conflict"
        assert (await told(tmp_path, "pause", run, code=1))["error"]["message"].endswith("paused already")
        await told(tmp_path, "break", run)
        await told(tmp_path, "resume", run, "--wait", "10")
        record = await app.wait(ME, run, 10)
        assert json.loads(record.output or b"") == {"n": 42}
        held = (await app.submit("count", {"n": 0}, scope=ME, breakpoints=[Breakpoint(node="a")])).id
        await app.wait(ME, held, 10)
        assert (await told(tmp_path, "abort", held, "--reason", "enough"))["error"] == "cancelled: enough"
