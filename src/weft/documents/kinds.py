"""Which kind a file is: by what it begins with and holds, then by its name."""

import io
import zipfile
from pathlib import PurePath

from weft.documents.base import Kind, Limits
from weft.errors import Unreadable

_BY_NAME: dict[str, Kind] = {
    ".md": "markdown", ".markdown": "markdown", ".htm": "html", ".html": "html", ".xhtml": "html", ".csv": "csv",
    ".tsv": "csv", ".json": "json", ".jsonl": "text", ".txt": "text", ".vtt": "transcript", ".srt": "transcript",
}  # fmt: skip
_INSIDE: dict[str, Kind] = {"word/document.xml": "docx", "xl/workbook.xml": "xlsx", "ppt/presentation.xml": "pptx"}
_OLD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MANY = 20_000
"""Files packed in one."""


def kind_of(body: bytes, name: str, limits: Limits) -> Kind:
    """
    Raises:
        Unreadable: it is of none that is known, or is protected, or would be too large once it is unpacked.

    >>> kind_of(b"a,b", "x.csv", Limits()), kind_of(b"%PDF-1.7", "x.csv", Limits())
    ('csv', 'pdf')
    """
    if b"%PDF-" in body[:1024]:
        return "pdf"
    if body.startswith(_OLD):
        if "EncryptedPackage".encode("utf-16-le") in body:
            raise Unreadable("it is protected by a password")
        raise Unreadable("it is a file of an old Office (.doc, .xls, .ppt): save it as .docx, .xlsx or .pptx")
    if body.startswith(b"PK\x03\x04"):
        return _packed(body, limits)
    if (found := _BY_NAME.get(PurePath(name).suffix.lower())) is not None:
        return found
    if b"\0" in body[:8000] and body[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        raise Unreadable(
            "it is of no kind that can be read: not PDF, DOCX, XLSX, PPTX, HTML, Markdown, CSV, JSON or text"
        )
    head = body[:1000].lstrip().lower()
    return "html" if head.startswith((b"<!doctype html", b"<html")) else "text"


def _packed(body: bytes, limits: Limits) -> Kind:
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as packed:
            entries = packed.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise Unreadable(f"it is broken: {error}") from None
    total = sum(entry.file_size for entry in entries)  # what is read of one is never more than it says here
    if total > limits.unpacked:
        raise Unreadable(f"it is {total:,} bytes once it is unpacked, and {limits.unpacked:,} may be")
    if len(entries) > _MANY:
        raise Unreadable(f"{len(entries):,} files are packed in it, and {_MANY:,} may be")
    names = {entry.filename for entry in entries}
    for part, kind in _INSIDE.items():
        if part in names:
            return kind
    raise Unreadable("it is an archive, and no DOCX, XLSX or PPTX")
