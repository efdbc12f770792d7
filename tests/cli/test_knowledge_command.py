"""``weft knowledge``: files, folders and words from the command line."""

import json
from pathlib import Path
from typing import Any

import pytest

from weft import App, Knowledge
from weft.cli.console import Transcript, out
from weft.cli.main import run
from weft.events import Envelope, KnowledgeFound, KnowledgeSource, MessageAdded
from weft.messages import assistant


@pytest.fixture
def at(tmp_path: Path) -> list[str]:
    return ["--store", f"sqlite:///{tmp_path}/weft.db"]


def said(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert run(["knowledge", *arguments]) == code
    shown = capsys.readouterr()
    return shown.out + shown.err


def test_documents_from_the_command_line(at: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "tea.md").write_text("# Tea\n\nGreen or black.")
    (folder / "coffee.md").write_text("# Coffee\n\nIt is brown.")
    assert "There are no documents yet." in said(capsys, "list", *at)
    assert "2 documents, 0 unchanged, 0 failed" in said(capsys, "add", "drinks", str(folder), *at)
    assert "2 documents, 2 unchanged" in said(capsys, "add", "drinks", str(folder), *at)
    (folder / "coffee.md").unlink()
    assert "1 removed" in said(capsys, "add", "drinks", str(folder), "--prune", *at)
    note = tmp_path / "note.txt"
    note.write_text("The kettle is in the kitchen.")
    added: Any = json.loads(
        said(capsys, "add", "drinks", str(note), "--meta", "year=2024", "--reader", "ada", "--json", *at)
    )
    assert (added[0]["name"], added[0]["status"], added[0]["readers"], added[0]["facts"]) == (
        *("note.txt", "ready", ["ada"], {"year": 2024}),
    )
    assert "docs/tea.md" in said(capsys, "search", "drinks", "green", *at)
    (found,) = json.loads(said(capsys, "search", "drinks", "kettle green", "--where", "year=2024", "--json", *at))
    assert (found["citation"], found["offset"]) == ("note.txt", 0)
    assert "Nothing fits." in said(capsys, "search", "drinks", "kettle", "--user", "bob", *at)
    assert "kettle" in said(capsys, "search", "drinks", "kettle", "--user", "ada", *at)
    (shelf,) = json.loads(said(capsys, "list", "--json", *at))
    assert shelf == {"name": "drinks", "documents": 2, "pieces": 2, "indexing": 0}
    assert "note.txt" in said(capsys, "list", "drinks", *at)
    assert "Removed 1." in said(capsys, "remove", "drinks", "note.txt", *at)
    assert "Removed 0." in said(capsys, "remove", "drinks", "note.txt", *at, code=3)
    assert "no file" in said(capsys, "add", "drinks", "nothing.md", *at, code=2)


def test_an_answer_shows_its_sources(capsys: pytest.CaptureFixture[str]) -> None:
    transcript = Transcript(out)
    source = KnowledgeSource(17, "tea", "doc_1", "manual.pdf", 3)
    for event in (KnowledgeFound((source,)), MessageAdded(2, assistant("Two years [17]."))):
        transcript.show(Envelope(run_id="r", seq=1, at=0.0, path=(), event=event))
    assert "[17] manual.pdf, page 3" in capsys.readouterr().out


def test_what_is_said_in_a_file_counts(at: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "desk.py").write_text(
        "from weft import Agent, Knowledge\n"
        "desk = Agent('desk', model='demo', knowledge=[Knowledge('drinks', size=20)])\n"
    )
    note = tmp_path / "note.txt"
    note.write_text("The kettle is in the kitchen. " * 20)
    file = str(tmp_path / "desk.py")
    (row,) = json.loads(said(capsys, "add", "drinks", str(note), "--app", file, "--json", *at))
    assert row["pieces"] > 5
    assert App().workspace == "default"
    assert Knowledge("drinks").size == 400
