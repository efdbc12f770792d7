"""``read``: a file as a document. What is not plain text is read in a process of its own, within limits."""

import asyncio
from pathlib import Path

import msgspec

from weft.documents import inside
from weft.documents.base import Document, Limits
from weft.documents.inside import Asked
from weft.documents.kinds import kind_of
from weft.errors import Unreadable
from weft.security.apart import Bounds, apart

_PLAIN = ("markdown", "csv", "json", "transcript", "text")


async def read(
    source: bytes | str | Path, *, name: str = "", password: str | None = None, limits: Limits | None = None
) -> Document:
    """The document in a file, or in its bytes; ``name`` helps to tell what it is where there are only bytes.

    Raises:
        Unreadable: it is broken, protected, too large, or of no kind that is known; the message begins with its name.

    >>> asyncio.run(read(b"# Tea\\n\\nGreen or black.", name="tea.md")).blocks[1].offset
    7
    """
    limits = limits or Limits()
    known = name or ("the document" if isinstance(source, bytes) else Path(source).name)
    try:
        body = source if isinstance(source, bytes) else await asyncio.to_thread(_loaded, Path(source), limits)
        if len(body) > limits.bytes:
            raise Unreadable(f"it has {len(body):,} bytes, and {limits.bytes:,} are read at most")
        kind = await asyncio.to_thread(kind_of, body, known, limits)
        asked = Asked(kind=kind, body=body, password=password, limits=limits)
        if kind in _PLAIN:
            return await asyncio.to_thread(inside.document, asked)
        bounds = Bounds(seconds=limits.seconds, memory=limits.memory, output=limits.characters * 8)
        answer = await apart("weft.documents.inside:read", msgspec.msgpack.encode(asked), bounds=bounds)
    except Unreadable as error:
        raise Unreadable(f"{known} cannot be read: {error}") from None
    return msgspec.msgpack.decode(answer, type=Document)


def _loaded(path: Path, limits: Limits) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(limits.bytes + 1)
    except OSError as error:
        raise Unreadable(str(error.strerror)) from None
