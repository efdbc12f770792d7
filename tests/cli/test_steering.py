"""``weft runs pause|resume|step|...`` in a process of its own, while another one drives the run."""

import asyncio
import json
from pathlib import Path
from typing import Any, TypedDict

import pytest
from tests.cli.test_commands import weft

from weft import START, App, Breakpoint, StateGraph
from weft.storage.base import Scope

ME = Scope("default", "local")
pytestmark = pytest.mark.usefixtures("warm")


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


LOOP = """
from typing import TypedDict
from weft import END, START, Agent, StateGraph
from weft.models.scripted import Scripted

class Count(TypedDict, total=False):
    n: int

async def more(state):
    return {"n": state.get("n", 0) + 1}

graph = StateGraph(Count, name="loop").add_node("more", more).add_edge(START, "more")
loop = graph.add_conditional_edges("more", lambda state: "more" if state["n"] < 9 else END, ["more", END]).compile()
echo = Agent("echo", model=Scripted(["hello"], order="turn"))
"""


async def test_a_limit_and_a_busy_thread_on_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "desk.py").write_text(LOOP)
    store = ("--store", f"sqlite:///{tmp_path}/weft.db", "--json")
    done = await asyncio.to_thread(weft, tmp_path, "run", "desk.py:echo", "hi", "--limit", "turns=0", *store)
    paused = json.loads(done.stdout)
    assert (done.returncode, paused["status"]) == (4, "paused"), done.stdout + done.stderr
    assert paused["error"].startswith("limit: ")
    refused = await asyncio.to_thread(weft, tmp_path, "run", "desk.py:echo", "hi", "--limit", "speed=9", *store)
    assert "'speed' is no limit" in refused.stdout
    async with App(targets=[], store=f"sqlite:///{tmp_path}/weft.db") as app:
        assert (await told(tmp_path, "resume", paused["run_id"], "--limit", "turns=5", "--wait", "0"))[
            "status"
        ] == "queued"
        busy = ("run", "desk.py:echo", "again", "--thread", paused["thread_id"], "--if-busy")
        done = await asyncio.to_thread(weft, tmp_path, *busy, "reject", *store)
        assert json.loads(done.stdout)["error"]["code"] == "store.conflict"
        done = await asyncio.to_thread(weft, tmp_path, *busy, "interrupt", *store)
        assert json.loads(done.stdout)["status"] == "finished", done.stdout
        assert (await app.store.runs.get(ME, paused["run_id"])).status == "cancelled"


async def test_state_below_and_past_reducers_on_the_command_line(tmp_path: Path) -> None:
    inner = StateGraph(Count, name="inner").add_sequence(("a", more), ("b", more)).add_edge(START, "a").compile()
    outer = StateGraph(Count, name="outer").add_node("in", inner).add_edge(START, "in").compile()
    async with App(targets=[outer], store=f"sqlite:///{tmp_path}/weft.db") as app:
        await app.start()
        run = (await app.submit("outer", {"n": 0}, scope=ME, thread="t", breakpoints=[Breakpoint(node="b")])).id
        await app.wait(ME, run, 10)
        place = ("--path", "outer/1:in/inner#1")
        await told(tmp_path, "state", run, "n=40", "--overwrite", *place)
        assert (await app.wait(ME, run, 10)).status == "paused"
        await told(tmp_path, "rerun", run, "a", *place)
        await app.wait(ME, run, 10)
        await told(tmp_path, "state", run, "n=40", *place)
        assert (await app.wait(ME, run, 10)).status == "paused"
        await told(tmp_path, "resume", run)
        assert (await app.wait(ME, run, 10)).output == b'{"n":41}'
        done = await asyncio.to_thread(
            weft, tmp_path, "threads", "diff", "t", "1", "--store", f"sqlite:///{tmp_path}/weft.db"
        )
        assert (done.returncode, done.stdout.split()) == (1, ["-", "n:", "0", "+", "n:", "41"])
