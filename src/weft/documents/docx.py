"""Reads DOCX: headings, lists and tables in their order, on the pages where Word last laid them out."""

import io
import re
from collections.abc import Iterator
from typing import Any

import docx

from weft.documents.base import Block, Read, table
from weft.documents.inside import Asked

_PAGES = './/w:lastRenderedPageBreak | .//w:br[@w:type="page"]'
_LISTED = re.compile(r"List( (Bullet|Number|Paragraph|Continue))?( \d)?$")


def read(asked: Asked) -> Read:
    """Raises: Unreadable."""
    document: Any = docx.Document(io.BytesIO(asked.body))
    found = Read(blocks=iter(()), title=str(document.core_properties.title or ""))
    found.pages = 1 + len(document.element.body.xpath(_PAGES))
    found.blocks = _blocks(document)
    return found


def _blocks(document: Any) -> Iterator[Block]:
    page = 1
    for each in document.iter_inner_content():
        nodes = each._element.xpath(f".//w:t[normalize-space()] | {_PAGES}")
        breaks = [not node.tag.endswith("}t") for node in nodes]
        before = breaks.index(False) if False in breaks else 0
        if type(each).__name__ == "Table":
            yield from table((_cells(row) for row in each.rows), page + before)
        elif text := " ".join(each.text.split()):
            yield _paragraph(each, text, page + before)
        page += sum(breaks)


def _paragraph(paragraph: Any, text: str, page: int) -> Block:
    style = str(paragraph.style.name) if paragraph.style is not None else ""
    if style == "Title":
        return Block(what="heading", text=f"# {text}", page=page, level=1)
    if heading := re.match(r"Heading (\d)", style):
        level = min(int(heading[1]), 6)
        return Block(what="heading", text=f"{'#' * level} {text}", page=page, level=level)
    numbering = paragraph._element.xpath("./w:pPr/w:numPr/w:ilvl/@w:val")
    if numbering or _LISTED.match(style):
        level = int(numbering[0]) if numbering else int(style[-1]) - 1 if style[-1:].isdigit() else 0
        mark = "1." if "Number" in style else "-"
        return Block(what="item", text=f"{'  ' * min(level, 8)}{mark} {text}", page=page, level=level)
    return Block(what="paragraph", text=text, page=page)


def _cells(row: Any) -> list[str]:
    """Cells that were joined are given once."""
    found: list[str] = []
    last: Any = None
    for cell in row.cells:
        if cell._tc is not last:
            found.append(cell.text)
        last = cell._tc
    return found
