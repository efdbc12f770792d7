"""A failed run becomes a test that fails in the same way, and passes when what was wrong is mended."""

import asyncio
import json
import subprocess
from pathlib import Path

import pytest

from tests.models.loopback import Reply, chat, serve
from tests.warm import python
from weft.cli.main import run

DESK = """
from weft import Agent

def look(person: str) -> str:
    "Look a person up."
    return "found " + person

agent = Agent("desk", model="direct:openai/gpt-5-mini", base_url="{url}", tools=[look], output={output}, repairs=1)
"""
LOOK = {"index": 0, "id": "c", "type": "function", "function": {"name": "look", "arguments": '{"person": "ada@b.org"}'}}


def weft(*arguments: str) -> int:
    """The command, beside the loop that serves."""
    return run(arguments)


def pytested(folder: Path) -> tuple[int, str]:
    command = python("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:langsmith_plugin", folder)
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=100, check=False)
    return done.returncode, done.stdout + done.stderr


async def failed_run(tmp_path: Path, output: str, *replies: Reply, capsys: pytest.CaptureFixture[str]) -> Path:
    """The folder of the test that was made of it; the server is gone by then."""
    desk, store = tmp_path / "desk.py", f"sqlite:///{tmp_path}/weft.db"
    async with serve(*replies) as server:
        desk.write_text(DESK.format(url=server.url, output=output))
        code = await asyncio.to_thread(weft, "run", str(desk), "Who is ada@b.org?", "--store", store, "--json")
    assert code == 1
    told = json.loads(capsys.readouterr().out)
    assert told["status"] == "failed"
    made = tmp_path / "made"
    code = await asyncio.to_thread(
        weft, "runs", "to-test", told["run_id"], "--here", str(desk), "--to", str(made), "--store", store
    )
    shown = capsys.readouterr()
    assert code == 0, shown
    assert shown.out.startswith("pytest ")
    return made


@pytest.mark.blocks
@pytest.mark.usefixtures("warm")
async def test_an_answer_that_did_not_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    looked = chat({"tool_calls": [LOOK]}, finish="tool_calls")
    made = await failed_run(
        tmp_path, "int", looked, chat({"content": "none"}), chat({"content": "many"}), capsys=capsys
    )
    (cassette,) = (made / "cassettes").iterdir()
    words = cassette.read_text()
    assert "ada@b.org" not in words + next(made.glob("test_*.py")).read_text()
    assert [each in words for each in ("none", "many")] == [True, True]
    code, told = pytested(made)
    assert code == 1
    assert "OutputInvalid: no valid output after 1 corrections" in told
    desk = tmp_path / "desk.py"
    desk.write_text(desk.read_text().replace("output=int", "output=str"))
    code, told = pytested(made)
    assert code == 0, told


@pytest.mark.blocks
@pytest.mark.usefixtures("warm")
async def test_a_provider_that_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refused = Reply(status=400, chunks=[b'{"error": {"message": "max_tokens is too large"}}'])
    made = await failed_run(tmp_path, "str", refused, capsys=capsys)
    code, told = pytested(made)
    assert code == 1
    assert "ModelError: openai/gpt-5-mini: max_tokens is too large" in told
