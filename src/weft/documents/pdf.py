"""Reads PDF by PDFium: lines are joined to paragraphs by their distance, and told from headings by their size."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pypdfium2
from msgspec import Struct

from weft.documents.base import Block, Read
from weft.documents.inside import Asked
from weft.errors import Unreadable

_BULLETS = ("\N{BULLET}", "\N{BLACK SMALL SQUARE}", "\N{WHITE BULLET}", "\N{TRIANGULAR BULLET}")


class _Line(Struct, frozen=True):
    text: str
    page: int
    size: float
    """Of its first letter, in points."""
    top: float
    bottom: float


def read(asked: Asked) -> Read:
    """Raises: Unreadable."""
    pdfium: Any = pypdfium2
    try:
        document: Any = pdfium.PdfDocument(asked.body, password=asked.password)
    except pdfium.PdfiumError as error:
        if "password" in str(error).lower():
            wrong = "and this is not it" if asked.password else "that was not given"
            raise Unreadable(f"it is protected by a password {wrong}") from None
        raise Unreadable(f"it is broken: {error}") from None
    count = len(document)
    found = Read(blocks=iter(()), pages=count, title=str(document.get_metadata_dict().get("Title") or "").strip())
    if count > asked.limits.pages:
        found.more = f"only the first {asked.limits.pages:,} of {count:,} pages"
    lines: list[_Line] = []
    room = asked.limits.characters
    for number in range(min(count, asked.limits.pages)):
        page = _page(document, number, pdfium.raw)
        lines += page
        room -= sum(len(line.text) + 1 for line in page)
        if room < 0:
            break
    found.blocks = _blocks(lines)
    return found


def _page(document: Any, number: int, raw: Any) -> list[_Line]:
    page: Any = document[number]
    shown: Any = page.get_textpage()
    text: str = shown.get_text_range()
    exact = len(text) == shown.count_chars()
    lines: list[_Line] = []
    at = 0
    for line in text.split("\r\n"):
        if line.strip():
            first = at + len(line) - len(line.lstrip())
            size, top, bottom = 0.0, 0.0, 0.0
            if exact:
                _, bottom, _, top = shown.get_charbox(first, loose=True)
                size = round(float(raw.FPDFText_GetFontSize(shown.raw, first)), 1)
            lines.append(_Line(line.strip(), number + 1, size, top, bottom))
        at += len(line) + 2
    shown.close()
    page.close()
    return lines


def _blocks(lines: list[_Line]) -> Iterator[Block]:
    weights: Counter[float] = Counter()
    for line in lines:
        weights[line.size] += len(line.text)
    body = weights.most_common(1)[0][0] if weights else 0.0
    larger = sorted({line.size for line in lines if line.size > body * 1.15}, reverse=True)
    levels = {size: min(level, 6) for level, size in enumerate(larger, 1)}
    held: list[_Line] = []
    for line in lines:
        if held and not _goes_on(held[-1], line):
            yield _block(held, levels)
            held = []
        held.append(line)
    if held:
        yield _block(held, levels)


def _goes_on(before: _Line, line: _Line) -> bool:
    if line.text.startswith(_BULLETS) or before.page != line.page or abs(before.size - line.size) > 0.5:
        return False
    height = max(before.top - before.bottom, 1.0)
    return line.size == 0 or -height < before.bottom - line.top < height * 0.45


def _block(lines: list[_Line], levels: dict[float, int]) -> Block:
    text = lines[0].text
    for line in lines[1:]:  # a hyphen that only ended a line is told by its own sign
        text = text[:-1] + line.text if text.endswith(("\x02", "\ufffe", "\u00ad")) else f"{text} {line.text}"
    text = text.replace("\x02", "-").replace("\ufffe", "-").replace("\0", "")
    page, level = lines[0].page, levels.get(lines[0].size, 0)
    if level and len(text) <= 200:
        return Block(what="heading", text=f"{'#' * level} {text}", page=page, level=level)
    if text.startswith(_BULLETS):
        return Block(what="item", text=f"- {text[1:].strip()}", page=page)
    return Block(what="paragraph", text=text, page=page)
