"""From a document to the pieces that are found: along its headings, pages, tables and code, in tokens.

A piece is a slice of the document's text, so that a citation leads back to the place. It never runs over a page or
into the next section; small sections of one parent share a piece. What does not fit is cut where it hurts least:
a table between rows, code between lines, words between sentences.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256

from msgspec import Struct
from msgspec.structs import replace

from weft.documents.base import Block, Document
from weft.runtime.conversation import estimate

SIZE = 400
"""Tokens of a piece, about."""
_WHOLE = 2
"""Code and tables may be so many times as long before they are cut."""
_ENDS = re.compile("(?<=[.!?])\\s+|(?<=[\u3002\uff01\uff1f])|\n")
_SPACE = re.compile(r"\s+")


class Piece(Struct, frozen=True, kw_only=True):
    """What is found and cited: ``text`` is ``document.text[start:stop]``."""

    text: str
    start: int
    """Characters before it in the document's text."""
    page: int | None = None
    path: tuple[str, ...] = ()
    """The headings that it stands under."""
    head: str = ""
    """Of a part of a table: the names of its columns."""

    @property
    def stop(self) -> int:
        return self.start + len(self.text)

    @property
    def context(self) -> str:
        """What one must know to understand it by itself."""
        return "\n".join([" > ".join(self.path), *([self.head] if self.head else [])]).strip()


def digest(text: str, context: str) -> bytes:
    """What tells one piece from another: as long as it is the same, nothing is embedded again."""
    return sha256(f"{context}\0{text}".encode()).digest()


def cut(document: Document, size: int = SIZE) -> list[Piece]:
    """The pieces of a document, in order.

    >>> from weft.documents.base import Block
    >>> blocks = (Block(what="heading", text="# Tea", level=1), Block(what="paragraph", text="Green.", offset=7))
    >>> [(piece.path, piece.text) for piece in cut(Document(kind="markdown", blocks=blocks))]
    [(('Tea',), '# Tea\\n\\nGreen.')]
    """
    text = document.text
    pieces = [piece for section in _sections(document.blocks) for piece in _packed(text, section, size)]
    return _joined(text, pieces, size)


class _Section(Struct):
    """Blocks of one page under one heading, which is the first of them."""

    path: tuple[str, ...]
    page: int | None
    blocks: list[Block]


def _sections(blocks: Sequence[Block]) -> Iterator[_Section]:
    open: list[tuple[int, str]] = []
    held = _Section((), None, [])
    for block in blocks:
        if block.what == "heading":
            open = [each for each in open if each[0] < block.level]
            open.append((block.level, block.text.lstrip("# ").strip()))
        if held.blocks and (block.what == "heading" or block.page != held.page):
            yield held
            held = _Section((), None, [])
        if not held.blocks:
            held = _Section(tuple([title for _, title in open if title]), block.page, [])
        held.blocks.append(block)
    if held.blocks:
        yield held


def _packed(text: str, section: _Section, size: int) -> Iterator[Piece]:
    """A section as few pieces, none much longer than ``size``."""
    start = stop = -1
    title = section.blocks[0] if section.blocks[0].what == "heading" else None
    for first, last, head in _parts(section.blocks, size):
        alone = title is not None and stop == title.offset + len(title.text) and estimate(title.text) <= size // 4
        if start >= 0 and not alone and (head or estimate(text[start:last]) > size):
            yield _piece(text, start, stop, section)
            start = -1
        if head:
            yield _piece(text, first, last, section, head)
        else:
            start, stop = first if start < 0 else start, last
    if start >= 0:
        yield _piece(text, start, stop, section)


def _piece(text: str, start: int, stop: int, section: _Section, head: str = "") -> Piece:
    return Piece(text=text[start:stop], start=start, page=section.page, path=section.path, head=head)


def _parts(blocks: Iterable[Block], size: int) -> Iterator[tuple[int, int, str]]:
    """Where what may not be parted begins and ends, and the head of a table that was."""
    for block in blocks:
        most = size * _WHOLE if block.what in ("table", "code") else size
        if estimate(block.text) <= most:
            yield block.offset, block.offset + len(block.text), ""
            continue
        rows = block.what == "table"
        head = block.text.partition("\n")[0] if rows else ""
        for at, (start, stop) in enumerate(_cuts(block.text, size, lines=rows or block.what == "code")):
            yield block.offset + start, block.offset + stop, head if at else ""


def _cuts(text: str, size: int, *, lines: bool) -> Iterator[tuple[int, int]]:
    """Runs of lines or sentences that fit, without the space between them."""
    start = stop = 0
    for first, last in _bits(text, size, lines=lines):
        if stop > start and estimate(text[start:last]) > size:
            yield start, stop
            start = first
        elif stop == start:
            start = first
        stop = last
    if stop > start:
        yield start, stop


def _bits(text: str, size: int, *, lines: bool) -> Iterator[tuple[int, int]]:
    """Lines or sentences; those that are too long by themselves in parts, at a space where there is one."""
    at = 0
    ends = [(found.start(), found.end()) for found in (re.finditer("\n", text) if lines else _ENDS.finditer(text))]
    for stop, next in [*ends, (len(text), len(text))]:
        while estimate(text[at:stop]) > size:
            room = at + (size - 1) * 4
            spaces = [found.start() for found in _SPACE.finditer(text, at + (room - at) // 2, room)]
            end = spaces[-1] if spaces else room
            yield at, end
            at = end
        if text[at:stop].strip():
            yield at, stop
        at = next


def _joined(text: str, pieces: Sequence[Piece], size: int) -> list[Piece]:
    """Small neighbours on a page made one, as far as they have a parent in common."""
    joined: list[Piece] = []
    for piece in pieces:
        if joined and _belong(before := joined[-1], piece) and estimate(text[before.start : piece.stop]) <= size // 2:
            path = _common(before.path, piece.path)
            joined[-1] = replace(before, text=text[before.start : piece.stop], path=path)
        else:
            joined.append(piece)
    return joined


def _belong(one: Piece, other: Piece) -> bool:
    if one.page != other.page or one.head or other.head:
        return False
    return one.path == other.path or bool(_common(one.path, other.path))


def _common(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    same = 0
    while same < min(len(one), len(other)) and one[same] == other[same]:
        same += 1
    return one[:same]
