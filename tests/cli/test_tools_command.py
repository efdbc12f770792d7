"""``weft tools``: what a person does with tools at a terminal."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from weft.cli.main import run

Said = Callable[..., tuple[int, Any]]
SERVER = str(Path(__file__).parents[1] / "tools" / "mcp" / "server.py")


@pytest.fixture
def said(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Said:
    """What a command answers as JSON, and its exit code."""
    monkeypatch.setenv("WEFT_TOOL_PACKAGES", "tests.tools")
    monkeypatch.setenv("WEFT_TOOL_COMMANDS", sys.executable)

    def ask(*words: str) -> tuple[int, Any]:
        before, dashes, after = words, (), ()
        if "--" in words:
            at = words.index("--")
            before, dashes, after = words[:at], ("--",), words[at + 1 :]
        code = run(["tools", *before, "--store", f"sqlite:///{tmp_path}/weft.db", "--json", *dashes, *after])
        printed = capsys.readouterr().out
        return code, json.loads(printed) if printed else None

    return ask


def test_built_in_tools(said: Said) -> None:
    assert "calculator" in [each["name"] for each in said("list")[1]]
    assert said("run", "calculator", '{"expression": "6*7"}')[1]["content"] == "42"
    assert said("run", "calculator", '{"expression": "six"}')[0] == 1
    assert said("run", "calculator", "[1]")[0] == 2
    assert said("add", "web_search", "--option", "engine=brave", "--option", "count=3")[1]["options"] == {
        "engine": "brave", "count": 3,
    }  # fmt: skip
    assert said("remove", "web_search") == (0, {"removed": "web_search"})
    assert said("remove", "web_search")[0] == 3


def test_functions_and_servers(said: Said) -> None:
    assert said("add", "mine", "tests.tools.functions:several")[1]["kind"] == "custom"
    assert [each["name"] for each in said("show", "mine")[1]] == ["double", "wipe"]
    assert said("run", "mine", '{"n": 2}', "--tool", "double")[1]["content"] == "4"
    assert said("run", "mine", '{"path": "/"}', "--tool", "wipe")[0] == 4
    assert said("add", "bad", "os:system")[0] == 1
    code, added = said("add", "server", "--", sys.executable, SERVER)
    assert (code, added["kind"], added["target"]) == (0, "mcp", [sys.executable, SERVER])
    assert said("show", "server")[1]


def test_for_people(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/weft.db"
    assert run(["tools", "list", "--store", store]) == 0
    assert run(["tools", "show", "calculator", "--store", store]) == 0
    assert run(["tools", "add", "clock", "--store", store]) == 0
    assert run(["tools", "run", "clock", "--store", store]) == 0
    printed = capsys.readouterr().out
    assert "calculator (read)" in printed
    assert "clock is enabled" in printed
    assert "UTC" in printed


def test_skills(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "good").mkdir()
    (tmp_path / "good" / "SKILL.md").write_text("---\nname: good\ndescription: Does it.\n---\nDo it.")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "SKILL.md").write_text("no head")
    assert run(["skills", "list", str(tmp_path)]) == 0
    assert run(["skills", "validate", str(tmp_path / "good")]) == 0
    assert run(["skills", "validate", str(tmp_path / "bad")]) == 1
    assert run(["skills", "list", str(tmp_path / "none")]) == 3
    printed = capsys.readouterr().out
    assert "Does it." in printed
    assert "bad: SKILL.md must begin with a head" in printed
    assert "It is valid." in printed
