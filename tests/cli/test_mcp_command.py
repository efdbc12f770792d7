"""What ``weft mcp FILE`` serves, and to whom."""

from pathlib import Path

import pytest

from weft.cli.mcp import served
from weft.errors import UsageError

FILE = """
from weft import Agent, App, tool
from weft.models.scripted import Scripted

@tool(effect="read")
def rate() -> float:
    "What a euro costs."
    return 1.08

app = App(agents=[Agent("clerk", model=Scripted(["Hi"])), Agent("boss", model=Scripted(["Hi"]))], store="sqlite://")
serving = app.mcp(["clerk"], tools=[rate]{more})
"""
TOKEN = "a-long-random-token"


def written(path: Path, more: str = "") -> str:
    (path / "desk.py").write_text(FILE.replace("{more}", more))
    return str(path / "desk.py")


def test_what_the_file_made_is_served_to_whoever_shows_the_token(tmp_path: Path) -> None:
    spec = written(tmp_path)
    assert served(spec).admit is None
    for name in (spec, f"{spec}:serving"):
        serving = served(name, token=TOKEN)
        assert (list(serving.offer.targets), list(serving.offer.tools)) == (["clerk"], ["rate"])
        assert serving.admit is not None


def test_a_file_that_says_who_may_is_not_talked_out_of_it(tmp_path: Path) -> None:
    spec = written(tmp_path, ', tokens={"another-long-random-token": "ada"}')
    assert served(spec).admit is not None
    with pytest.raises(UsageError, match="leave out --token"):
        served(spec, token=TOKEN)


def test_other_targets_of_a_file_that_serves_some(tmp_path: Path) -> None:
    """The file is loaded once, so that its tools are the same ones."""
    serving = served(written(tmp_path), only=["boss"], token=TOKEN)
    assert (list(serving.offer.targets), list(serving.offer.tools)) == (["boss"], ["rate"])
