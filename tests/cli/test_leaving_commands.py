"""``weft export`` and ``weft erase``."""

import asyncio
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from weft import Agent, App
from weft.cli.main import run
from weft.models.scripted import Scripted


async def begun(store: str) -> None:
    agent: Agent[Any] = Agent("a", model=Scripted(["Hello."] * 2))
    async with App(agents=[agent], store=store) as app:
        await app.run("a", "A blue door", thread="t1", user="ada")
        await app.run("a", "A green gate", thread="t2", user="bob")


def test_take_along_and_take_away(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = f"sqlite:///{tmp_path}/weft.db"
    asyncio.run(begun(store))
    assert run(["export", "ada.zip", "--user", "ada", "--store", store]) == 0
    assert "messages" in capsys.readouterr().out
    with zipfile.ZipFile("ada.zip") as archive:
        words = archive.read("messages.jsonl").decode()
    assert "A blue door" in words
    assert "A green gate" not in words
    assert run(["export", "none.zip", "--store", store]) == 2
    assert run(["export", "none.zip", "--user", "eve", "--store", store]) == 3
    assert run(["erase", "--user", "ada", "--thread", "t1", "--store", store]) == 2
    assert run(["erase", "--user", "ada", "--resume", "--store", store]) == 2
    capsys.readouterr()
    assert run(["erase", "--user", "ada", "--json", "--store", store]) == 0
    assert json.loads(capsys.readouterr().out) == {"found": True, "threads": 1, "left": 0}
    assert run(["erase", "--thread", "t2", "--yes", "--store", store]) == 0
    assert run(["erase", "--resume", "--store", store]) == 0
    assert run(["erase", "--workspace", "-y", "--store", store]) == 0
    assert not [
        one for one in tmp_path.glob("weft.db*") if b"A blue" in one.read_bytes() or b"A green" in one.read_bytes()
    ]
