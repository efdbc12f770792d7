"""What a document is once it is read: blocks of Markdown, each with its page and its place in the text."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Literal, TypeAlias

from msgspec import Struct

Kind: TypeAlias = Literal["pdf", "docx", "xlsx", "pptx", "html", "markdown", "csv", "json", "transcript", "text"]
What: TypeAlias = Literal["heading", "paragraph", "item", "table", "code", "note"]

GAP = "\n\n"
"""Between two blocks of a text."""


class Block(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One piece: a heading, a paragraph, a list's item, some rows of a table."""

    what: What
    text: str
    """Markdown."""
    page: int | None = None
    """Of a PDF or DOCX the page, of a PPTX the slide, of an XLSX the sheet, from 1; else there is none."""
    level: int = 0
    """Of headings and of items in items."""
    offset: int = 0
    """Characters before it in ``Document.text``."""


class Document(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file that was read.

    >>> one, two = Block(what="paragraph", text="a"), Block(what="item", text="- b", offset=3)
    >>> Document(kind="text", blocks=(one, two)).text[two.offset :]
    '- b'
    """

    kind: Kind
    blocks: tuple[Block, ...]
    title: str = ""
    pages: int = 0
    """How many there are, read or not; 0 where there is no such thing."""
    more: str = ""
    """What was left out, in words."""

    @property
    def text(self) -> str:
        """All of it, as Markdown."""
        return GAP.join([block.text for block in self.blocks])

    def page(self, number: int) -> tuple[Block, ...]:
        """The blocks of one page."""
        return tuple([block for block in self.blocks if block.page == number])


class Limits(Struct, frozen=True, kw_only=True):
    """How much is read, at most."""

    bytes: int = 100_000_000
    """Of the file."""
    unpacked: int = 500_000_000
    """Bytes of all that is packed in it."""
    pages: int = 5_000
    characters: int = 10_000_000
    cells: int = 2_000_000
    """Of all sheets."""
    seconds: float = 60.0
    memory: int = 1_000_000_000
    """Bytes."""


class Read(Struct, kw_only=True):
    """What a reader of one format gives: its blocks one by one, so that they can be stopped at a limit."""

    blocks: Iterator[Block]
    title: str = ""
    pages: int = 0
    more: str = ""


ROWS = 50
"""Of a table in one block."""


def table(rows: Iterable[list[str]], page: int | None = None) -> Iterator[Block]:
    """Rows as Markdown, some in each block, under the first row as its head.

    >>> next(table([["a", "b"], ["1", "2|3"]])).text
    '| a | b |\\n| --- | --- |\\n| 1 | 2\\\\|3 |'
    """
    left = iter(rows)
    head = next(left, None)
    if head is None:
        return
    some = list(islice(left, ROWS))
    while True:
        width = max(map(len, [head, *some]))
        lines = [_line(width, head), "|" + " --- |" * width, *[_line(width, row) for row in some]]
        yield Block(what="table", text="\n".join(lines), page=page)
        if not (some := list(islice(left, ROWS))):
            return


def _line(width: int, row: list[str]) -> str:
    cells = [" ".join(cell.split()).replace("|", "\\|") for cell in row]
    return "| " + " | ".join(cells + [""] * (width - len(cells))) + " |"
