"""The past on the command line."""

import asyncio
import contextlib
import io
import json
from pathlib import Path
from typing import Any

import pytest

from weft.cli.loading import open_spec
from weft.cli.main import run

DESK = """
from typing import TypedDict
from weft import Agent, Context, START, StateGraph, tool
from weft.models.scripted import Scripted, call

@tool(effect="once")
def double(n: int) -> int:
    "Twice a number."
    open("calls", "a").write("x")
    return 2 * n

class State(TypedDict, total=False):
    text: str

async def ask(state: State, ctx: Context) -> State:
    return {"text": ctx.ask("sure?")}

counter = Agent("counter", model=Scripted([call("double", n=21), "It is 42."], order="turn"), tools=[double])
asks = StateGraph(State, name="asks").add_node("ask", ask).add_edge(START, "ask").compile(version="1")
"""


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "desk.py").write_text(DESK)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def weft(*arguments: str) -> tuple[int, str]:
    stdout = io.StringIO()
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(io.StringIO()):
        code = run(arguments)
    return code, stdout.getvalue()


def told(*arguments: str, code: int = 0) -> Any:
    got, words = weft(*arguments, "--json")
    assert got == code, words
    return json.loads(words)


def test_a_thread_is_read_forked_replayed_and_compared(desk: Path) -> None:
    first = told("run", "desk.py:counter", "hi", "--thread", "t")
    moments = told("threads", "history", "t")
    assert [(one["step"], one["made_by"]) for one in moments][:2] == [(4, ["think"]), (3, ["act"])]
    code, words = weft("threads", "history", "t", "--limit", "2")
    assert (code, words.splitlines()[1].split()[:3]) == (0, ["4", "think", "-"])
    state = told("threads", "state", "t", "--at", "1", "--here", "desk.py")
    assert (state["step"], state["next"], len(state["messages"])) == (1, ["think"], 1)
    assert "next: think" in weft("threads", "state", "t", "--at", "1")[1]
    assert (desk / "calls").read_text() == "x"
    replayed = told("runs", "replay", first["run_id"], "--here", "desk.py")
    assert (replayed["status"], replayed["output"]) == ("finished", "It is 42.")
    assert (desk / "calls").read_text() == "x"
    assert told("runs", "diff", first["run_id"], replayed["run_id"])["same"]
    assert weft("runs", "diff", first["run_id"], replayed["run_id"])[1] == "The same, in 4 steps.\n"
    asks = told("runs", "replay", first["run_id"], "--here", "desk.py", "--live-from", "2", code=4)
    assert asks["warnings"][0].startswith("'double' happened at step 2")
    assert [one["payload"]["tool"] for one in asks["questions"]] == ["double"]
    told("runs", "replay", first["run_id"], "--here", "desk.py", "--live-from", "2", "--confirm")
    assert (desk / "calls").read_text() == "xx"
    forked = told("threads", "fork", "t", "--here", "desk.py", "--at", "1", "--into", "u", "--go-on", "--confirm")
    assert (forked["fork"]["thread_id"], forked["run"]["output"]) == ("u", "It is 42.")
    written = told("threads", "fork", "t", "--here", "desk.py", "--write", "conversation=hello there")
    assert written["fork"]["parent"] == 4
    code, words = weft("threads", "fork", "t", "--here", "desk.py", "--at", "2")
    assert (code, words) == (0, "t is at step 6, as after 2; next: act\n")
    code, words = weft("threads", "fork", "t", "--here", "desk.py", "--goto", "think")
    assert (code, words) == (0, "t is at step 7, as after 6; next: think\n")
    assert weft("threads", "fork", "t", "--here", "desk.py", "--goto", "nowhere")[0] == 2
    other = told("run", "desk.py:counter", "ho", "--thread", "v")
    code, words = weft("runs", "diff", first["run_id"], other["run_id"])
    assert code == 1
    assert words.startswith("They differ at step 1 and 1, after the input:\n- messages:")


def test_a_new_version_is_checked_before_it_is_deployed(desk: Path) -> None:
    async def ask() -> None:
        async with open_spec("desk.py").app as app:
            await app.run("asks", {}, thread="t")

    asyncio.run(ask())
    assert told("threads", "check", "desk.py")[0]["verdict"] == "same"
    (desk / "next.py").write_text(DESK.replace('"ask", ask', '"inquire", ask').replace('"ask")', '"inquire")'))
    (found,) = told("threads", "check", "next.py", code=1)
    assert (found["thread_id"], found["verdict"]) == ("t", "breaks")
    code, words = weft("threads", "check", "next.py")
    assert code == 1
    assert "breaks" in words


def test_old_checkpoints_are_pruned(desk: Path) -> None:
    told("run", "desk.py:counter", "hi", "--thread", "t")
    assert told("db", "prune", "--keep", "1", "--vacuum") == {"threads": 1, "checkpoints": 3}
    assert weft("db", "prune", "--keep", "1")[1] == "Forgot 0 checkpoints in 0 threads.\n"
    assert told("db", "prune", code=2)["error"]["code"] == "usage"
    assert len(told("threads", "history", "t")) == 1
