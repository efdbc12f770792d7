"""Readers of text: Markdown, HTML (by way of Markdown), CSV, JSON, and what is none of these."""

import csv as commas
import io
import re
from collections.abc import Iterator

from weft.documents.base import Block, Read, table
from weft.documents.inside import Asked
from weft.documents.readable import title_and_text

_HEADING = re.compile(r"(#{1,6})\s+(.*?)\s*#*\s*$")
_ITEM = re.compile(r"(\s*)(?:[-*+]|\d{1,9}[.)])\s+\S")
_FENCE = re.compile(r"\s{0,3}(```+|~~~+)")


def markdown(asked: Asked) -> Read:
    """Headings, lists, tables, code and paragraphs."""
    text = words(asked.body)
    title = next((found[2] for line in text.splitlines() if (found := _HEADING.match(line))), "")
    return Read(blocks=blocks_of(text), title=title)


def html(asked: Asked) -> Read:
    """What a person would read of it."""
    title, text = title_and_text(words(asked.body))
    return Read(blocks=blocks_of(text), title=title)


def csv(asked: Asked) -> Read:
    """A table; what stands between its cells is found out."""
    text = words(asked.body)
    try:
        dialect = commas.Sniffer().sniff(text[:20_000].rpartition("\n")[0] or text[:20_000], delimiters=",;\t|")
    except commas.Error:
        dialect = commas.excel
    return Read(blocks=table(row for row in commas.reader(io.StringIO(text, newline=""), dialect) if row))


def json(asked: Asked) -> Read:
    """As it is."""
    return Read(blocks=iter([Block(what="code", text=words(asked.body))]))


def text(asked: Asked) -> Read:
    """Paragraphs."""
    parts = (part.strip("\n") for part in re.split(r"\n\s*\n", words(asked.body)))
    return Read(blocks=(Block(what="paragraph", text=part) for part in parts if part.strip()))


def words(body: bytes) -> str:
    """Its characters: UTF-8, or UTF-16 where it says so, or Windows' where it is neither.

    >>> words("Käse".encode("cp1252")), words("Käse".encode("utf-16"))
    ('Käse', 'Käse')
    """
    if body[:2] in (b"\xff\xfe", b"\xfe\xff"):
        found = body.decode("utf-16", errors="replace")
    else:
        try:
            found = body.decode("utf-8-sig")
        except UnicodeDecodeError:
            found = body.decode("cp1252", errors="replace")
    return found.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


def blocks_of(markdown: str) -> Iterator[Block]:
    """The blocks of Markdown.

    >>> [block.what for block in blocks_of("# A\\nb\\nc\\n- d\\n  - e\\n\\n| f |\\n| - |\\n```\\ng\\n```")]
    ['heading', 'paragraph', 'item', 'item', 'table', 'code']
    """
    lines = iter(markdown.split("\n"))
    held: list[str] = []
    what = ""
    for line in lines:
        kind = _kind(line, what)
        if held and (kind != what or kind in ("heading", "item")):
            yield _block(what, held)
            held = []
        what = kind
        if kind == "code":
            yield Block(what="code", text="\n".join([line, *_fenced(lines, line)]))
            what = ""
        elif kind:
            held.append(line)
    if held:
        yield _block(what, held)


def _kind(line: str, before: str) -> str:
    if not line.strip():
        return ""
    if _FENCE.match(line):
        return "code"
    if _HEADING.match(line):
        return "heading"
    if line.lstrip().startswith("|"):
        return "table"
    if _ITEM.match(line):
        return "item"
    return "paragraph" if before not in ("item",) or not line.startswith("  ") else "more"


def _block(what: str, lines: list[str]) -> Block:
    if what == "heading":
        found = _HEADING.match(lines[0])
        level, title = (len(found[1]), found[2]) if found else (1, lines[0])
        return Block(what="heading", text=f"{'#' * level} {title}", level=level)
    if what == "item":
        return Block(what="item", text="\n".join(lines).rstrip(), level=(len(lines[0]) - len(lines[0].lstrip())) // 2)
    if what == "table":
        return Block(what="table", text="\n".join(line.strip() for line in lines))
    return Block(what="paragraph", text="\n".join(line.strip() for line in lines))


def _fenced(lines: Iterator[str], opened: str) -> Iterator[str]:
    mark = opened.strip()[:3]
    for line in lines:
        yield line
        if line.strip().startswith(mark):
            return
