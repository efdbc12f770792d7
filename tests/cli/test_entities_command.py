"""``weft entities``: what memories connect."""

import json
from pathlib import Path

import pytest

from weft.cli.main import run


def test_entities_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = ["--store", f"sqlite:///{tmp_path}/weft.db"]

    def said(*arguments: str, code: int = 0) -> str:
        assert run([*arguments, *store]) == code
        return capsys.readouterr().out

    assert "Nothing is connected yet." in said("entities", "list")
    told = (("Ada knows Bob", "Ada", "knows", "Bob"), ("Bob is at Acme", "Bob", "works at", "Acme"))
    for text, subject, relation, object in told:
        said("memory", "add", text, "--subject", subject, "--relation", relation, "--object", object)
    found = json.loads(said("entities", "list", "--json"))
    assert [(one["name"], one["edges"]) for one in found] == [("acme", 1), ("ada", 1), ("bob", 2)]
    (edge,) = json.loads(said("entities", "related", "Ada", "--json"))
    assert (edge["subject"], edge["relation"], edge["object"], len(edge["memories"])) == ("ada", "knows", "bob", 1)
    assert "works at" in said("entities", "related", "ada", "--depth", "2")
    assert "Nothing is connected" in said("entities", "related", "ada", "--as-of", "2001-01-01")
    assert "Nothing is connected" in said("entities", "related", "ada", "--user", "eve")
    assert "ada - knows - bob; bob - works at - acme" in said("entities", "paths", "ada", "acme")
    assert "No way leads" in said("entities", "paths", "ada", "nobody")
    said("entities", "list", "--as-of", "someday", code=2)
    said("memory", "add", "x", "--relation", "knows", code=2)
