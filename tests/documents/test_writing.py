"""Documents, written and read again by the readers of the same libraries' files."""

from pathlib import Path
from typing import Any

import openpyxl
import pytest

from tests.tools.conftest import Recorded
from weft.agents.trying import members
from weft.documents.reading import read
from weft.documents.writing import written
from weft.engine.context import Context
from weft.errors import ToolFailed, ToolRetry, UsageError
from weft.tools.builtin.documents import Documents
from weft.tools.catalogue import builtin
from weft.tools.run import run_tool

MARKDOWN = """# Tea

Green **and** *black*.

- one
  - inner
2. two

## Prices

| drink | price |
| --- | --- |
| tea | 2 |
| =1+1 | 3.5 |
"""


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("a.docx", ["# All", "# Tea", "Green and black.", "- one", "  - inner", "1. two", "## Prices"]),
        ("a.pptx", ["# All", "# Tea", "- Green and black.", "- one", "  - inner", "- two", "# Prices"]),
        ("a.pdf", ["Green and black.", "- one", "- inner", "2. two", "tea 2"]),
        ("a.xlsx", ["# Prices", "| tea | 2 |", "| =1+1 | 3.5 |"]),
    ],
)
async def test_there_and_back(name: str, told: list[str]) -> None:
    found = await read(written(name, MARKDOWN, title="All"), name=name)
    assert (found.kind, found.title) == (name[2:], "All")
    at = 0
    for line in told:
        at = found.text.index(line, at)
    if name != "a.pdf":
        assert "| drink | price |" in found.text


async def test_cells_are_numbers_and_never_formulas(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(written("a.xlsx", MARKDOWN))
    sheet: Any = openpyxl.load_workbook(tmp_path / "a.xlsx")["Prices"]
    assert [[(cell.value, cell.data_type) for cell in row] for row in sheet.iter_rows(min_row=2)] == [
        [("tea", "s"), (2, "n")],
        [("=1+1", "s"), (3.5, "n")],
    ]


async def test_a_pdf_of_other_letters() -> None:
    found = await read(written("a.pdf", "Käse и сыр <b>&amp;</b>"))
    assert found.text == "Käse и сыр <b>&amp;</b>"
    with pytest.raises(UsageError, match="no font of this machine has"):
        written("a.pdf", "\U000f0000")


def test_what_cannot_be_written() -> None:
    with pytest.raises(UsageError, match=r"the kinds are \.docx, \.xlsx, \.pptx, \.pdf"):
        written("a.odt", "x")
    with pytest.raises(UsageError, match="made of tables, and there is none"):
        written("a.xlsx", "x")
    with pytest.raises(UsageError, match="2,000,000 characters at most"):
        written("a.docx", "x" * 2_000_001)
    assert written("a.docx", "")[:2] == b"PK"
    assert written("a.docx", "\0\x08\ud800 ok \ufffe")[:2] == b"PK"


async def test_the_tools(tmp_path: Path, ctx: Context[Any], host: Recorded) -> None:
    tools = {each.name: each for each in await members(Documents(tmp_path))}
    assert [(each.name, each.effect) for each in tools.values()] == [
        ("read_document", "read"), ("write_document", "idempotent"),
    ]  # fmt: skip
    done = await run_tool(tools["write_document"], {"path": "out/a.pptx", "markdown": "# One\n\nx\n\n# Two\n\ny"}, ctx)
    assert done.content.startswith("wrote\n[file out/a.pptx: application/vnd.openxmlformats")
    shown = (await run_tool(tools["read_document"], {"path": "out/a.pptx", "first": 2}, ctx)).content
    assert shown == "out/a.pptx (pptx, 2 pages)\n\n[page 2]\n\n# Two\n\n- y"
    with pytest.raises(ToolRetry, match="has 2 pages"):
        await run_tool(tools["read_document"], {"path": "out/a.pptx", "first": 3}, ctx)
    with pytest.raises(ToolRetry, match=r"there is no file 'b\.pdf'"):
        await run_tool(tools["read_document"], {"path": "b.pdf"}, ctx)
    (tmp_path / "b.pdf").write_bytes(b"%PDF-")
    with pytest.raises(ToolFailed, match=r"b\.pdf cannot be read: it is broken"):
        await run_tool(tools["read_document"], {"path": "b.pdf"}, ctx)
    for path in ("../a.docx", "/etc/a.docx"):
        with pytest.raises(ToolFailed, match="no path inside"):
            await run_tool(tools["write_document"], {"path": path, "markdown": "x"}, ctx)
    with pytest.raises(ToolRetry, match="the kinds are"):
        await run_tool(tools["write_document"], {"path": "a.odt", "markdown": "x"}, ctx)
    assert [each.name for each in await members(builtin("documents", write=False))] == ["read_document"]


async def test_each_thread_has_its_folder(tmp_path: Path, ctx: Context[Any]) -> None:
    (tool, write) = await members(Documents(root=tmp_path))
    await run_tool(write, {"path": "a.docx", "markdown": "x"}, ctx)
    (folder,) = tmp_path.iterdir()
    assert folder.name.startswith("t1-")
    assert "x" in (await run_tool(tool, {"path": "a.docx"}, ctx)).content
