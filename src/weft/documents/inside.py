"""One document, read: the reader of its kind, stopped at the limits. For foreign formats it runs in a process apart."""

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import msgspec
from msgspec import Struct

from weft.documents.base import GAP, Block, Document, Kind, Limits, Read
from weft.errors import Unreadable


class Asked(Struct, frozen=True, kw_only=True):
    """Which document, and how much of it."""

    kind: Kind
    body: bytes
    password: str | None = None
    limits: Limits = Limits()


_READERS: dict[Kind, str] = {
    "pdf": "pdf", "docx": "docx", "xlsx": "xlsx", "pptx": "pptx", "html": "plain:html", "markdown": "plain:markdown",
    "csv": "plain:csv", "json": "plain:json", "text": "plain:text", "transcript": "transcript",
}  # fmt: skip


def read(request: bytes) -> bytes:
    """The same, as bytes to bytes."""
    return msgspec.msgpack.encode(document(msgspec.msgpack.decode(request, type=Asked)))


def document(asked: Asked) -> Document:
    """Raises: Unreadable."""
    module, _, name = _READERS[asked.kind].partition(":")
    try:
        found: Any = import_module(f"weft.documents.{module}")
    except ImportError:
        raise Unreadable(f"reading {asked.kind.upper()} needs the extra weft[documents]") from None
    reader: Callable[[Asked], Read] = getattr(found, name or "read")
    told = reader(asked)
    blocks = tuple(_within(told, asked.limits))
    return Document(kind=asked.kind, blocks=blocks, title=told.title, pages=told.pages, more=told.more)


def _within(found: Read, limits: Limits) -> Iterator[Block]:
    """Its blocks with their offsets, as far as the limits reach."""
    offset = 0
    for block in found.blocks:
        text = block.text.encode(errors="replace").decode()  # halves of characters have no bytes
        room = limits.characters - offset
        if len(text) > room:
            found.more = f"only the first {limits.characters:,} characters"
            text = text[: max(room, 0)]
        if text:
            yield msgspec.structs.replace(block, text=text, offset=offset)
        if found.more and len(text) >= room:
            return
        offset += len(text) + len(GAP)
