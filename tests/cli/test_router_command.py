"""``weft router``: what a person does with the router at a terminal."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from weft.cli.main import run

YAML = """
groups:
  fast:
    - {model: openai/gpt-5-mini, id: one, api_key: os.environ/TEAM_KEY}
"""

Said = Callable[..., tuple[int, Any]]


@pytest.fixture
def said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Said:
    """What a command answers as JSON, and its exit code."""

    def ask(*words: str) -> tuple[int, Any]:
        code = run(["router", *words, "--store", f"sqlite:///{tmp_path}/weft.db", "--json"])
        return code, json.loads(capsys.readouterr().out)

    return ask


def test_a_file_is_put_and_shown(said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEAM_KEY", raising=False)
    file = tmp_path / "router.yaml"
    file.write_text(YAML)
    assert said("config", str(file))[1]["version"] == 1
    assert said("config")[1]["router"]["groups"]["fast"][0]["model"] == "openai/gpt-5-mini"
    _, status = said("status")
    assert [(each["id"], each["key"]) for each in status["deployments"]] == [("one", "TEAM_KEY: NOT SET")]


def test_deployments_are_added_and_removed(said: Said) -> None:
    code, told = said("add", "fast", "openai/gpt-5", "--rpm", "10", "--tag", "eu")
    assert (code, told["version"]) == (0, 1)
    assert told["router"]["groups"]["fast"] == [{"model": "openai/gpt-5", "rpm": 10, "tags": ["eu"]}]
    id = said("status")[1]["deployments"][0]["id"]
    assert said("remove", "nobody")[0] == 3
    assert said("remove", id)[1]["router"] == {}
    assert len(said("config", "--history")[1]) == 2


def test_a_key_is_refused(said: Said) -> None:
    code, told = said("add", "fast", "openai/gpt-5", "--api-key", "-".join(["sk", "proj", "abcdef1234567890"]))
    assert code == 2
    assert "os.environ/NAME" in told["error"]["message"]
    assert "abcdef" not in str(told)


def test_trying_says_who_does_not_answer(said: Said) -> None:
    said("add", "fast", "openai/gpt-5", "--base-url", "http://127.0.0.1:9/v1", "--via", "direct")
    code, told = said("test")
    assert (code, [each["ok"] for each in told]) == (1, [False])
    assert said("test", "nowhere")[0] == 3
