"""What stands within a line of Markdown: bold, italic and code words, links; and the cells of a table."""

import re
from collections.abc import Iterator
from typing import Literal, TypeAlias

from msgspec import Struct

from weft.documents.base import Block

Look: TypeAlias = Literal["", "bold", "italic", "code"]

_MARKED = re.compile(
    r"\*\*(?P<bold>[^*\n]+)\*\*|__(?P<bold2>[^_\n]+)__|(?<!\w)[*_](?P<italic>[^*_\n]+)[*_](?!\w)|`(?P<code>[^`\n]+)`"
    r"|\[(?P<words>[^\]\n]*)\]\((?P<link>[^)\s]*)\)"
)


class Words(Struct, frozen=True):
    """Some of a line, all of one look."""

    text: str
    look: Look = ""


def inline(text: str) -> Iterator[Words]:
    """
    >>> [(part.text, part.look) for part in inline("a **b** [c](https://d)")]
    [('a ', ''), ('b', 'bold'), (' ', ''), ('c (https://d)', '')]
    """
    at = 0
    for found in _MARKED.finditer(text):
        if found.start() > at:
            yield Words(text[at : found.start()])
        yield _marked(found)
        at = found.end()
    if at < len(text):
        yield Words(text[at:])


def _marked(found: re.Match[str]) -> Words:
    if found["link"] is not None:
        same = found["words"] in ("", found["link"])
        return Words(found["link"] if same else f"{found['words']} ({found['link']})")
    if bold := found["bold"] or found["bold2"]:
        return Words(bold, "bold")
    return Words(found["italic"], "italic") if found["italic"] else Words(found["code"], "code")


def plain(text: str) -> str:
    """The words alone.

    >>> plain("a **b**")
    'a b'
    """
    return "".join(part.text for part in inline(text))


def said(block: Block) -> str:
    """What a heading, an item or a note says, without its mark.

    >>> said(Block(what="item", text="  - tea"))
    'tea'
    """
    if block.what == "code":
        lines = block.text.split("\n")
        return "\n".join(lines[1 : -1 if len(lines) > 1 and lines[-1].strip()[:3] in ("```", "~~~") else None])
    text = re.sub(r"^\s*(#{1,6}|[-*+]|\d{1,9}[.)]|>)\s+", "", block.text) if block.what != "paragraph" else block.text
    return " ".join(line.strip() for line in text.split("\n"))


def numbered(block: Block) -> bool:
    """Whether an item is one of a numbered list."""
    return block.text.lstrip()[:1].isdigit()


def cells(block: Block) -> list[list[str]]:
    """The rows of a table.

    >>> cells(Block(what="table", text="| a | b |\\n| --- | --- |\\n| 1 | 2\\\\|3 |"))
    [['a', 'b'], ['1', '2|3']]
    """
    rows: list[list[str]] = []
    for number, line in enumerate(block.text.split("\n")):
        inner = re.sub(r"(?<!\\)\|\s*$", "", line.strip().removeprefix("|"))
        row = [plain(cell.strip().replace("\\|", "|")) for cell in re.split(r"(?<!\\)\|", inner)]
        if number != 1 or not all(re.fullmatch(r":?-+:?", cell) for cell in row):
            rows.append(row)
    width = max(map(len, rows))
    return [row + [""] * (width - len(row)) for row in rows]
