"""Writes PPTX by python-pptx: a heading of the first two levels begins a slide, what follows is on it."""

import io
from typing import Any

import pptx
from pptx.util import Inches, Pt

from weft.documents.base import Block
from weft.documents.inline import cells, inline, said

_FULL = 12
"""Lines of a slide; what is more goes onto a further one of the same title."""


def write(blocks: list[Block], title: str) -> bytes:
    """The file."""
    deck: Any = pptx.Presentation()
    deck.core_properties.title = title[:255]
    if title:
        deck.slides.add_slide(deck.slide_layouts[0]).shapes.title.text = title
    making = _Slides(deck)
    for block in blocks:
        making.add(block)
    if not len(deck.slides):
        making.begin("")
    file = io.BytesIO()
    deck.save(file)
    return file.getvalue()


_NONE: Any = None


class _Slides:
    def __init__(self, deck: Any) -> None:
        self._deck = deck
        self._slide: Any = _NONE
        self._title, self._lines = "", 0

    def begin(self, title: str) -> None:
        self._slide = self._deck.slides.add_slide(self._deck.slide_layouts[1])
        self._slide.shapes.title.text = self._title = title
        self._lines = 0

    def add(self, block: Block) -> None:
        if block.what == "heading" and block.level <= 2:
            return self.begin(said(block))
        if block.what == "table":
            return self._table(cells(block))
        if block.text.startswith("> ") and self._slide:  # what the speaker says
            self._slide.notes_slide.notes_text_frame.text = " ".join(said(block).split()).removeprefix("> ")
            return None
        if not self._slide or self._lines >= _FULL:
            self.begin(self._title)
        return self._line(block)

    def _line(self, block: Block) -> None:
        frame = self._slide.placeholders[1].text_frame
        paragraph = frame.paragraphs[0] if self._lines == 0 else frame.add_paragraph()
        paragraph.level = min(block.level, 4) if block.what == "item" else 0
        for part in inline(said(block)):
            run = paragraph.add_run()
            run.text = part.text
            run.font.bold = part.look == "bold" or block.what == "heading" or None
            run.font.italic = part.look == "italic" or None
        self._lines += 1

    def _table(self, rows: list[list[str]]) -> None:
        head, *rest = rows
        for first in range(0, max(len(rest), 1), _FULL):
            if not self._slide or self._lines or first:
                self.begin(self._title)
            some = [head, *rest[first : first + _FULL]]
            body = self._slide.placeholders[1]
            place = (body.left, body.top, body.width, Inches(0.35 * len(some)))
            body._element.getparent().remove(body._element)
            drawn = self._slide.shapes.add_table(len(some), len(head), *place).table
            for row, words in enumerate(some):
                for column, text in enumerate(words):
                    drawn.cell(row, column).text = text
                    drawn.cell(row, column).text_frame.paragraphs[0].font.size = Pt(12)
            self._lines = _FULL  # what follows is on another slide
