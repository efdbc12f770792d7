"""Where documents are taken from: files, folders, web pages, bytes and words."""

import asyncio
import mimetypes
import os
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from msgspec import Struct

from weft.documents.base import Limits
from weft.errors import Unreadable, UsageError
from weft.security.addresses import Reach

if TYPE_CHECKING:
    from weft.tools.web import Page

_KNOWN = {".md": "text/markdown", ".jsonl": "application/jsonl", ".vtt": "text/vtt", ".srt": "application/x-subrip"}
_PACKED = (b"PK\x03\x04", b"%PDF-", b"\xd0\xcf\x11\xe0", b"\xff\xfe", b"\xfe\xff")
"""How files begin that have zeros in them and may still be read."""
_SUFFIXES = {
    "text/html": ".html", "application/xhtml+xml": ".html", "application/pdf": ".pdf", "text/markdown": ".md",
    "text/csv": ".csv", "application/json": ".json", "text/vtt": ".vtt", "application/x-subrip": ".srt",
}  # fmt: skip


class Taken(Struct, frozen=True, kw_only=True):
    """A document as it came in."""

    name: str
    body: bytes
    mime: str
    origin: str = ""


def mime_of(name: str) -> str:
    """
    >>> mime_of("a/b.md"), mime_of("notes")
    ('text/markdown', 'application/octet-stream')
    """
    suffix = PurePosixPath(name).suffix.lower()
    return _KNOWN.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"


def hint(name: str, mime: str) -> str:
    """A name by which the readers know its kind.

    >>> hint("https://example.com/tea", "text/html"), hint("a.pdf", "")
    ('tea.html', 'a.pdf')
    """
    plain = PurePosixPath(urlsplit(name).path if "://" in name else name).name or "page"
    suffix = _SUFFIXES.get(mime, "")
    return plain if plain.lower().endswith(suffix) else plain + suffix


def files(folder: Path) -> list[Path]:
    """All files below a folder in order, but for hidden ones and those behind links."""
    found: list[Path] = []
    for here, folders, names in os.walk(folder):
        folders[:] = sorted([name for name in folders if not name.startswith(".")])
        found += [Path(here) / name for name in sorted(names) if not name.startswith(".")]
    return [path for path in found if path.is_file() and not path.is_symlink()]


def from_file(path: Path, name: str, limits: Limits) -> Taken:
    """Raises: Unreadable."""
    try:
        with open(path, "rb") as file:
            body = file.read(limits.bytes + 1)
    except OSError as error:
        raise Unreadable(f"{path} cannot be read: {error.strerror}") from None
    if len(body) > limits.bytes:
        raise Unreadable(f"{path} has more than {limits.bytes:,} bytes")
    return Taken(name=name, body=body, mime=mime_of(path.name), origin=str(path.absolute()))


def readable(body: bytes) -> bool:
    """Whether it is of a kind that may be read; what a folder holds beside is passed over."""
    return b"\0" not in body[:8_000] or body.startswith(_PACKED)


async def from_web(url: str, limits: Limits, allow: tuple[str, ...] = ()) -> Taken:
    """A page or file of the web, from addresses that may be reached.

    Raises:
        AccessDenied: this one may not.
        ToolFailed: there is no answer.
        Unreadable: the answer is no document.
    """
    web = await asyncio.to_thread(import_module, "weft.tools.web")  # heavy: beside the event loop
    page: Page = await web.Web(Reach(allow), most=limits.bytes + 1, seconds=limits.seconds).ask("GET", url)
    if page.status != 200:
        raise Unreadable(f"{url} cannot be read: its server answered {page.status}")
    if not page.whole:
        raise Unreadable(f"{url} has more than {limits.bytes:,} bytes")
    body = page.text.encode() if page.mime.startswith("text/") else page.body
    return Taken(name=url, body=body, mime=page.mime or "text/html", origin=url)


async def taken(source: str | Path | bytes, name: str, limits: Limits, allow: tuple[str, ...]) -> Taken:
    """A path, an address or bytes as a document.

    Raises:
        UsageError: there is no such file, or bytes have no name.
        Unreadable: it cannot be read.
    """
    if isinstance(source, bytes):
        if not name:
            raise UsageError("bytes need a name, such as name='manual.pdf'")
        return Taken(name=name, body=source, mime=mime_of(name))
    if (address := str(source)).startswith(("http://", "https://")):
        found = await from_web(address, limits, allow)
        return Taken(name=name or found.name, body=found.body, mime=found.mime, origin=found.origin)
    return await asyncio.to_thread(_from_path, Path(source), name, limits)


def _from_path(path: Path, name: str, limits: Limits) -> Taken:
    if not path.is_file():
        raise UsageError(f"there is no file {str(path)!r}; words are given as text=...")
    return from_file(path, name or path.name, limits)
