"""``written``: Markdown as a DOCX, XLSX, PPTX or PDF file."""

from collections.abc import Callable
from importlib import import_module
from pathlib import PurePath
from typing import cast

from weft.documents.base import Block
from weft.documents.plain import blocks_of
from weft.errors import UsageError

LONGEST = 2_000_000
"""Characters of Markdown that are made a document of."""
_WRITERS = {".docx": "docx_writer", ".xlsx": "xlsx_writer", ".pptx": "pptx_writer", ".pdf": "pdf_writer"}
FORMS = tuple(_WRITERS)


def written(name: str, markdown: str, *, title: str = "") -> bytes:
    """The file; its name says of which kind.

    Headings, lists, tables, code and **bold**, *italic* and `code` words are kept. Each heading of the first two
    levels begins a slide of a PPTX; each table is a sheet of an XLSX, named by the heading before it. This may take
    seconds: call it in a thread.

    Raises:
        UsageError: it is another kind, too long, or what it says cannot be written so.
    """
    writer = _WRITERS.get(PurePath(name).suffix.lower())
    if writer is None:
        raise UsageError(f"{name!r} cannot be written: the kinds are {', '.join(FORMS)}")
    if len(markdown) > LONGEST:
        raise UsageError(f"a document is written of {LONGEST:,} characters at most")
    try:
        made = import_module(f"weft.documents.{writer}")
    except ImportError:
        raise UsageError("writing documents needs the extra weft[documents]") from None
    write = cast("Callable[[list[Block], str], bytes]", made.write)
    return write(list(blocks_of(_sound(markdown))), title)


def _sound(text: str) -> str:
    """Without characters that XML cannot hold."""
    return "".join(
        c
        for c in text.replace("\r\n", "\n")
        if c in "\t\n" or (c >= " " and not "\ud800" <= c <= "\udfff" and c not in "\ufffe\uffff")
    )
