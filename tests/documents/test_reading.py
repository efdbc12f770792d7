"""Documents of each kind, read: their text, structure, pages and offsets."""

from pathlib import Path

import pytest

from tests.documents import made
from weft.documents.base import Document, Limits
from weft.documents.reading import read
from weft.errors import Unreadable


def blocks(document: Document) -> list[tuple[str, int | None, str]]:
    for block in document.blocks:
        assert document.text[block.offset :].startswith(block.text)
    return [(block.what, block.page, block.text) for block in document.blocks]


async def test_word() -> None:
    found = await read(made.word(), name="a.docx")
    assert (found.kind, found.title, found.pages) == ("docx", "Report", 2)
    assert blocks(found) == [
        ("heading", 1, "# Results"),
        ("paragraph", 1, "The first page."),
        ("paragraph", 2, "The second page."),
        ("item", 2, "  - a point"),
        ("table", 2, "| both | c |  |\n| --- | --- | --- |\n| 1\\| | 2 | 3 |"),
    ]


async def test_sheets() -> None:
    found = await read(made.sheets(), name="a.xlsx")
    assert (found.kind, found.pages) == ("xlsx", 2)
    told = blocks(found)
    assert told[0] == ("heading", 1, "# Sales")
    assert [what for what, *_ in told] == ["heading", "table", "table", "table", "heading"]
    assert told[1][2].splitlines()[:4] == ["| month | sum |", "| --- | --- |", "| 1 | 1.5 |", "| 2 | 3 |"]
    assert told[2][2].startswith("| month | sum |")  # each piece can be understood by itself
    assert told[3][2].endswith("| all | =SUM(B2:B121) |")
    few = await read(made.sheets(), limits=Limits(cells=20))
    assert few.more == "only the first 20 cells"
    assert few.text.endswith("| 9 | 13.5 |")


async def test_slides() -> None:
    assert blocks(await read(made.slides())) == [
        ("heading", 1, "# Plans"),
        ("item", 1, "- grow"),
        ("note", 1, "> Smile."),
        ("paragraph", 2, "loose words"),
        ("paragraph", 2, "in a group"),
    ]


async def test_pdf(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(made.pdf())
    found = await read(tmp_path / "a.pdf")
    assert (found.kind, found.title, found.pages) == ("pdf", "Handbook", 2)
    assert blocks(found)[3:] == [
        ("heading", 2, "# Chapter 2"),
        ("paragraph", 2, "A paragraph that goes over two lines."),
        ("paragraph", 2, "Another one."),
    ]
    assert found.page(1)[0].text == "# Chapter 1"
    few = await read(made.pdf(pages=5), limits=Limits(pages=2))
    assert (few.pages, few.more, len(few.blocks)) == (5, "only the first 2 of 5 pages", 6)
    with pytest.raises(Unreadable, match="protected by a password that was not given"):
        await read(made.pdf(password="open"))
    with pytest.raises(Unreadable, match="and this is not it"):
        await read(made.pdf(password="open"), password="other")
    assert "Another one." in (await read(made.pdf(password="open"), password="open")).text


async def test_what_is_text() -> None:
    web = await read(b"<html><title>T</title><h2>A</h2><p>b <b>c</b></p><script>x</script>")
    assert (web.kind, web.title) == ("html", "T")
    assert blocks(web) == [("heading", None, "## A"), ("paragraph", None, "b c")]
    table = await read("Käse;Preis\nBrie;2,5\n".encode("cp1252"), name="a.csv")
    assert table.text == "| Käse | Preis |\n| --- | --- |\n| Brie | 2,5 |"
    notes = await read(b"# A\r\nb\r\nc\r\n\r\n* d\r\n\r\n```py\r\n# no heading\r\n```\r\n", name="a.md")
    assert blocks(notes) == [
        ("heading", None, "# A"), ("paragraph", None, "b\nc"), ("item", None, "* d"),
        ("code", None, "```py\n# no heading\n```"),
    ]  # fmt: skip
    assert [text for *_, text in blocks(await read("a\n\n\nb".encode("utf-16")))] == ["a", "b"]
    assert blocks(await read(b"")) == []
    short = await read(b"one\n\ntwo\n\nthree", limits=Limits(characters=6))
    assert (short.text, short.more) == ("one\n\nt", "only the first 6 characters")
