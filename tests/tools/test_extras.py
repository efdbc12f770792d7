"""Without its library a tool can still be made, and says what to install once it is called."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from weft.agents.trying import members
from weft.documents.inside import Asked, document
from weft.documents.writing import written
from weft.engine.context import Context
from weft.errors import ToolFailed, Unreadable, UsageError
from weft.tools.builtin import duck
from weft.tools.builtin.calendar import Calendar
from weft.tools.builtin.email import Email
from weft.tools.catalogue import builtin
from weft.tools.run import run_tool


def without(monkeypatch: pytest.MonkeyPatch, library: str, *own: str) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    for module in own:
        monkeypatch.delitem(sys.modules, f"weft.{module}", raising=False)
        package, _, name = module.rpartition(".")
        if f"weft.{package}" in sys.modules:
            monkeypatch.delattr(f"weft.{package}.{name}", raising=False)


@pytest.mark.parametrize(
    ("kind", "library"), [("pdf", "pypdfium2"), ("docx", "docx"), ("xlsx", "openpyxl"), ("pptx", "pptx")]
)
def test_documents(kind: Any, library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, library, f"documents.{kind}", f"documents.{kind}_writer")
    with pytest.raises(Unreadable, match=rf"reading {kind.upper()} needs the extra weft\[documents\]"):
        document(Asked(kind=kind, body=b""))
    if kind != "pdf":
        with pytest.raises(UsageError, match=r"needs the extra weft\[documents\]"):
            written(f"a.{kind}", "x")


async def test_mail_and_calendars(monkeypatch: pytest.MonkeyPatch, ctx: Context[Any], tmp_path: Path) -> None:
    for library in ("imapclient", "aiosmtplib", "icalendar"):
        without(monkeypatch, library, "tools.builtin.mailbox", "tools.builtin.ical")
    reading, *_, sending = await members(Email(imap="imap://a@127.0.0.1", smtp="smtp://a@b.c", sender="a@b.c"))
    for tool, arguments in ((reading, {}), (sending, {"to": ["a@b.c"], "subject": "x", "text": "y"})):
        with pytest.raises(ToolFailed, match=r"weft\[email\]"):
            await run_tool(tool, arguments, ctx)
    made = (await members(Calendar("http://127.0.0.1:9/", write=True)))[2]
    with pytest.raises(ToolFailed, match=r"weft\[calendar\]"):
        await run_tool(made, {"title": "x", "start": "2026-01-01", "end": "2026-01-02"}, ctx)


def test_data(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "duckdb")
    with pytest.raises(Unreadable, match=r"weft\[dataframe\]"):
        duck.ask(b"")


@pytest.mark.parametrize("name", ["documents", "dataframe", "email", "calendar", "image_generation", "speech"])
def test_nothing_heavy_to_make_one(name: str) -> None:
    heavy = "pypdfium2 docx openpyxl pptx reportlab duckdb imapclient aiosmtplib icalendar litellm aiohttp lxml"
    code = f"import sys; from weft.tools.catalogue import builtin; builtin({name!r})"
    code += f"; print(*[each for each in {heavy.split()} if each in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == ""
    assert builtin(name)
