"""Writes PDF by ReportLab. The fonts of every PDF know Western letters; for others one of this machine is taken."""

import io
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle, getSampleStyleSheet
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Paragraph, Preformatted, SimpleDocTemplate, Spacer, Table, TableStyle

from weft.documents.base import Block
from weft.documents.inline import cells, inline, numbered, said
from weft.errors import UsageError

_PLACES = ("/usr/share/fonts", "/usr/local/share/fonts", "/Library/Fonts", "/System/Library/Fonts/Supplemental")
_FONTS = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "LiberationSans-Regular.ttf", "Arial Unicode.ttf", "FreeSans.ttf")


def write(blocks: list[Block], title: str) -> bytes:
    """Raises: UsageError, where no font of this machine has its letters."""
    font = _font(title + "".join(block.text for block in blocks))
    styles = getSampleStyleSheet()
    flow: list[Any] = [Paragraph(_marked(title), _style(styles, "Title", font))] if title else []
    for block in blocks:
        flow += [_drawn(block, styles, font), Spacer(1, 4)]
    file = io.BytesIO()
    try:
        SimpleDocTemplate(file, pagesize=A4, title=title, author="", invariant=1).build(flow or [Spacer(1, 1)])
    except Exception as error:  # a cell larger than a page, and others of ReportLab's own
        raise UsageError(f"it cannot be laid out as a PDF: {str(error)[:300]}") from None
    return file.getvalue()


def _drawn(block: Block, styles: Any, font: str | None) -> Any:
    if block.what == "heading":
        return Paragraph(_marked(said(block)), _style(styles, f"Heading{min(block.level, 6)}", font))
    if block.what == "table":
        return _table(cells(block), _style(styles, "BodyText", font))
    if block.what == "code":
        return Preformatted(said(block), _style(styles, "Code", font), maxLineLength=90)
    if block.what == "item":
        style = ParagraphStyle("item", _style(styles, "BodyText", font), leftIndent=16 + 14 * min(block.level, 8))
        mark = block.text.split()[0] if numbered(block) else "\N{BULLET}"
        return Paragraph(_marked(said(block)), style, bulletText=mark)
    return Paragraph(_marked(said(block)), _style(styles, "BodyText", font))


def _table(rows: list[list[str]], style: Any) -> Any:
    drawn = Table([[Paragraph(escape(text), style) for text in row] for row in rows], repeatRows=1)
    grid = [("GRID", (0, 0), (-1, -1), 0.5, colors.grey), ("BACKGROUND", (0, 0), (-1, 0), colors.whitesmoke)]
    drawn.setStyle(TableStyle([*grid, ("VALIGN", (0, 0), (-1, -1), "TOP")]))
    return drawn


def _marked(text: str) -> str:
    """In ReportLab's own markup; nothing of the text itself can be markup."""
    tags = {"bold": "b", "italic": "i", "code": "font"}
    made: list[str] = []
    for part in inline(text):
        words, tag = escape(part.text, quote=False), tags.get(part.look, "")
        opened = 'font face="Courier"' if tag == "font" and part.text.isascii() else tag
        made.append(f"<{opened}>{words}</{tag}>" if tag and opened != "font" else words)
    return "".join(made)


def _style(styles: Any, name: str, font: str | None) -> Any:
    return styles[name] if font is None else ParagraphStyle(name, styles[name], fontName=font)


def _font(text: str) -> str | None:
    """The name of a font that has these letters; ``None`` where those of every PDF have. Raises: UsageError."""
    letters = {letter for letter in text if ord(letter) > 126}
    try:
        "".join(letters).encode("cp1252")
        return None
    except UnicodeEncodeError:
        pass
    lacking = letters
    for path in _known():
        font: Any = TTFont("weft-" + path.stem, str(path))
        if not (lacks := {letter for letter in letters if ord(letter) not in font.face.charToGlyph}):
            fonts: Any = pdfmetrics  # it has no types
            fonts.registerFont(font)
            fonts.registerFontFamily(font.fontName, *[font.fontName] * 4)
            return str(font.fontName)
        lacking = min(lacking, lacks, key=len)
    raise UsageError(
        f"no font of this machine has {''.join(sorted(lacking)[:20])!r}: install DejaVu or Noto (fonts-dejavu-core, "
        "fonts-noto), or write a DOCX"
    )


@cache
def _known() -> tuple[Path, ...]:
    found = {path.name: path for place in _PLACES if Path(place).is_dir() for path in Path(place).rglob("*.ttf")}
    return tuple(found[name] for name in _FONTS if name in found) + tuple(
        sorted(path for name, path in found.items() if name.startswith("Noto") and name.endswith("-Regular.ttf"))
    )
