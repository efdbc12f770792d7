"""Reads PPTX: each slide is a page with its title, its text, its tables and its speaker's notes."""

import io
from collections.abc import Iterator
from typing import Any

import pptx

from weft.documents.base import Block, Read, table
from weft.documents.inside import Asked


def read(asked: Asked) -> Read:
    """Raises: Unreadable."""
    deck: Any = pptx.Presentation(io.BytesIO(asked.body))
    count = len(deck.slides)
    found = Read(blocks=iter(()), pages=count, title=str(deck.core_properties.title or ""))
    if count > asked.limits.pages:
        found.more = f"only the first {asked.limits.pages:,} of {count:,} slides"
    found.blocks = _blocks(deck, asked.limits.pages)
    return found


def _blocks(deck: Any, most: int) -> Iterator[Block]:
    for page, slide in enumerate(deck.slides, 1):
        if page > most:
            return
        title = slide.shapes.title
        if title is not None and title.text.strip():
            yield Block(what="heading", text=f"# {' '.join(title.text.split())}", page=page, level=1)
        for shape in slide.shapes:
            if title is None or shape.shape_id != title.shape_id:
                yield from _shape(shape, page)
        if slide.has_notes_slide and (said := slide.notes_slide.notes_text_frame) is not None and said.text.strip():
            yield Block(what="note", text=f"> {' '.join(said.text.split())}", page=page)


def _shape(shape: Any, page: int) -> Iterator[Block]:
    if type(shape).__name__ == "GroupShape":
        for inner in shape.shapes:
            yield from _shape(inner, page)
    elif shape.has_text_frame:
        for paragraph in shape.text_frame.paragraphs:
            if text := " ".join(paragraph.text.split()):
                listed = shape.is_placeholder
                yield Block(
                    what="item" if listed else "paragraph",
                    text=f"{'  ' * paragraph.level}- {text}" if listed else text,
                    page=page,
                    level=paragraph.level,
                )
    elif shape.has_table:
        yield from table([[cell.text for cell in row.cells] for row in shape.table.rows], page)
