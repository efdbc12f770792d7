"""The example's tools, and that the demo model can use them."""

from pathlib import Path

import pytest

from weft import App
from weft.cli.example import Notes, assistant
from weft.errors import ToolRetry
from weft.tools.builtin.basics import clock, zone_of


def test_notes_are_kept_by_user(tmp_path: Path) -> None:
    notes = Notes(tmp_path / "notes.json")
    notes.put("ada", "k1", "buy milk")
    notes.put("ada", "k1", "buy milk")
    notes.put("bob", "k2", "call Eve")
    again = Notes(tmp_path / "notes.json")
    assert [note["text"] for note in again.all("ada").values()] == ["buy milk"]
    assert again.clear("ada") == 1
    assert again.all("ada") == {}
    assert list(again.all("bob")) == ["k2"]


def test_the_clock_knows_cities() -> None:
    assert str(zone_of("Europe/Berlin")) == str(zone_of("berlin")) == "Europe/Berlin"
    assert str(zone_of("New York")) == "America/New_York"
    assert "UTC" in clock()
    for wrong in ("Nowhere", "../../etc/passwd", "", "\x00"):
        with pytest.raises(ToolRetry):
            zone_of(wrong)


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("What is 17 * 23?", "391"),
        ("What time is it in Tokyo?", "JST"),
        ('Take a note: "buy milk"', "noted"),
        ("Read my notes", "there are no notes"),
    ],
)
async def test_the_demo_model_uses_them(tmp_path: Path, words: str, answer: str) -> None:
    async with App(agents=[assistant(tmp_path, model="demo")], store="sqlite://") as app:
        result = await app.run("assistant", words)
    assert answer in result.output


async def test_forgetting_asks_first(tmp_path: Path) -> None:
    async with App(agents=[assistant(tmp_path, model="demo")], store="sqlite://") as app:
        await app.run("assistant", 'Take a note: "buy milk"')
        asked = await app.run("assistant", "Forget all my notes")
        assert asked.paused
        told = await app.resume(asked.run_id, {question.id: True for question in asked.questions})
        assert "1 notes deleted" in told.output
        assert "there are no notes" in (await app.run("assistant", "Read my notes")).output
