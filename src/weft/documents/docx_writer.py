"""Writes DOCX by python-docx, with Word's own styles."""

import io
from typing import Any

import docx

from weft.documents.base import Block
from weft.documents.inline import cells, inline, numbered, said


def write(blocks: list[Block], title: str) -> bytes:
    """The file."""
    made: Any = docx.Document()
    made.core_properties.title = title[:255]
    if title:
        made.add_heading(title, 0)
    for block in blocks:
        if block.what == "heading":
            made.add_heading(said(block), block.level)
        elif block.what == "table":
            _table(made, cells(block))
        elif block.what == "code":
            made.add_paragraph().add_run(said(block)).font.name = "Courier New"
        else:
            _words(made.add_paragraph(style=_style(block)), said(block))
    file = io.BytesIO()
    made.save(file)
    return file.getvalue()


def _style(block: Block) -> str | None:
    if block.what != "item":
        return None
    depth = min(block.level, 2)
    return f"List {'Number' if numbered(block) else 'Bullet'}{f' {depth + 1}' if depth else ''}"


def _words(paragraph: Any, text: str) -> None:
    for part in inline(text):
        run = paragraph.add_run(part.text)
        run.bold, run.italic = part.look == "bold" or None, part.look == "italic" or None
        if part.look == "code":
            run.font.name = "Courier New"


def _table(made: Any, rows: list[list[str]]) -> None:
    drawn = made.add_table(rows=len(rows), cols=len(rows[0]), style="Table Grid")
    for row, words in zip(drawn.rows, rows, strict=True):
        for cell, text in zip(row.cells, words, strict=True):
            cell.text = text
    for cell in drawn.rows[0].cells:
        for run in cell.paragraphs[0].runs:
            run.bold = True
