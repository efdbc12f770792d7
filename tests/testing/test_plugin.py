"""The pytest plugin in a pytest of its own: cassettes, modes, and the guard."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.models.loopback import chat, serve
from tests.warm import python

ASKING = """
import asyncio
import pytest
from weft import Agent

agent = Agent("a", model="direct:openai/gpt-5-mini", base_url="{url}")

def test_by_itself():
    assert agent.run_sync("Write to ada@lovelace.org").output == "Hello"

@pytest.mark.weft_cassette
def test_marked():
    assert agent.run_sync("Write to ada@lovelace.org").output == "Hello"

@pytest.mark.weft_cassette("mine.yaml", mode="record")
def test_named():
    assert agent.run_sync("Hi").output == "Hello"

def test_with_the_fixture(weft_cassette):
    assert weft_cassette.name == "test_with_the_fixture.yaml"
    assert agent.run_sync("Hi").output == "Hello"

@pytest.mark.weft_live
def test_live():
    assert agent.run_sync("Hi").output == "Hello"
"""


WITHOUT = ("-p", "no:cacheprovider", "-p", "no:langsmith_plugin")
"""Another library's plugin takes a second to import."""


def outcome(folder: Path, *options: str, guard: bool = False) -> dict[str, str]:
    """What became of each test; in the background of a loop that serves."""
    (folder / "pytest.ini").write_text(f"[pytest]\nweft_forbid_live_calls = {str(guard).lower()}\n")
    command = python("-m", "pytest", "-rA", "-q", *WITHOUT, *options, folder)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("WEFT_", "PYTEST_"))}
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=folder, timeout=100, env=environment, check=False
    )
    lines = [line.split() for line in done.stdout.splitlines() if "::" in line]
    told = {line[1].split("::")[1]: line[0] for line in lines if line[0] in ("PASSED", "FAILED", "ERROR")}
    assert told, done.stdout + done.stderr
    return told


@pytest.mark.blocks
@pytest.mark.usefixtures("warm")
async def test_record_then_replay_without_a_server(tmp_path: Path) -> None:
    file = tmp_path / "test_asking.py"
    async with serve(chat({"content": "Hel"}, {"content": "lo"})) as server:
        file.write_text(ASKING.format(url=server.url))
        recorded = await asyncio.to_thread(outcome, tmp_path, "--weft-models=record")
        asked = len(server.asked)
    assert recorded == dict.fromkeys(recorded, "PASSED")
    assert (len(recorded), asked) == (5, 5)
    cassette = tmp_path / "cassettes" / "test_asking" / "test_marked.yaml"
    (entry,) = yaml.safe_load(cassette.read_text())["interactions"]
    assert entry["pieces"] == [["text", "Hel"], ["text", "lo"]]
    assert "ada@lovelace.org" not in cassette.read_text()
    assert (tmp_path / "mine.yaml").exists()
    replayed = await asyncio.to_thread(outcome, tmp_path)
    assert {name for name, how in replayed.items() if how == "PASSED"} == {
        "test_marked", "test_named", "test_with_the_fixture",
    }  # fmt: skip


@pytest.mark.blocks
@pytest.mark.usefixtures("warm")
async def test_the_guard(tmp_path: Path) -> None:
    async with serve(chat({"content": "Hello"})) as server:
        (tmp_path / "test_asking.py").write_text(ASKING.format(url=server.url))
        told = await asyncio.to_thread(outcome, tmp_path, "-k", "itself or live", guard=True)
        assert told == {"test_by_itself": "FAILED", "test_live": "PASSED"}
        assert len(server.asked) == 1


def test_the_plugin_is_light() -> None:
    code = "import sys, weft.testing.plugin; print([m for m in sys.modules if m.startswith('weft.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.strip() == "['weft.testing', 'weft.testing.plugin']"
