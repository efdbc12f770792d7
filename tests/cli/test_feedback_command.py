"""``weft feedback``: what is said of runs, and a person's word on what is proposed."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from weft import Agent, App
from weft.cli.main import run
from weft.models.scripted import Scripted


@pytest.fixture
def store(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/weft.db"


async def begun(store: str) -> tuple[str, str]:
    """A run, and something proposed."""
    agent: Agent[Any] = Agent("helper", model=Scripted(["Hello."]))
    async with App(agents=[agent], store=store) as app:
        result = await app.run(agent, "Hi", thread="t1")
        memories = app.memories("local", agent="helper")
        proposed = await memories.add("Say more.", of="practice", kind="proposed", trust="agent")
        await app.tidy("local")
        await app.settled()
        return result.run_id, proposed.id


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(["feedback", *arguments]) == 0
    return capsys.readouterr().out


def test_feedback_from_the_command_line(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    id, proposed = asyncio.run(begun(store))
    at = ["--store", store]
    assert "Noted" in said(capsys, "give", id, "thumb", "down", "--message", "2", *at)
    (row,) = json.loads(said(capsys, "list", "--agent", "helper", "--json", *at))
    assert (row["run"], row["kind"], row["value"], row["message"]) == (id, "thumb", "down", 2)
    assert "Say more." in said(capsys, "proposals", *at)
    assert "It holds: Say more." in said(capsys, "approve", proposed, *at)
    assert "Nothing is proposed." in said(capsys, "proposals", *at)
    assert run(["feedback", "reject", proposed, "--reason", "too long", *at]) == 1
    (chore,) = json.loads(said(capsys, "chores", "--json", *at))
    assert (chore["kind"], chore["status"]) == ("tidy", "done")
    assert run(["feedback", "give", id, "thumb", "sideways", *at]) == 2
