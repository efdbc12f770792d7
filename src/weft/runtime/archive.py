"""What belongs to somebody as one file that people can read: JSON lines for each kind of thing, blobs and files."""

import asyncio
import base64
import json
import time
import zipfile
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import msgspec

from weft.storage.belonging_rows import Subject

ABOUT = """All that is on record of {subject}, from {when}.

One file for each kind of thing, one JSON object a line. Times are seconds since 1970 (UTC).
blobs/ has pictures, sounds and files of messages by their SHA-256 (blobs.jsonl says their types);
files/ has the files of each thread's folder. What is no text is in Base64; vectors are 32-bit floats, little-endian.
Tokens and other secrets are in no export.
"""
_BATCH = 200


class Exported(msgspec.Struct, frozen=True):
    """What is in an archive: how many of each kind."""

    counts: dict[str, int]


class Archive:
    """Writes a ZIP file. What is written comes kind by kind."""

    def __init__(self, to: "Path | IO[bytes]", subject: Subject) -> None:
        self._zip = zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED)
        self.counts: dict[str, int] = {}
        self._member: IO[bytes] | None = None
        self._about_blobs: list[bytes] = []
        when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
        self._zip.writestr("README.txt", ABOUT.format(subject=subject, when=when))

    async def rows(self, rows: AsyncIterator[tuple[str, Mapping[str, Any]]]) -> list[str]:
        """Write all rows; the ids of the threads among them."""
        threads: list[str] = []
        kind, batch = "", list[Mapping[str, Any]]()
        async for of, row in rows:
            if of != kind or len(batch) == _BATCH:
                await asyncio.to_thread(self._write, kind, batch)
                kind, batch = of, []
            batch.append(row)
            if of == "threads":
                threads.append(row["id"])
        await asyncio.to_thread(self._write, kind, batch)
        await asyncio.to_thread(self._end_kind)
        return threads

    def _write(self, kind: str, rows: Sequence[Mapping[str, Any]]) -> None:
        if not rows:
            return
        if kind == "blobs":
            self._end_kind()
            self._about_blobs += [self._line({**row, "body": None}) for row in rows]
            for row in rows:
                self._zip.writestr(f"blobs/{row['sha256'].hex()}", row["body"])
        else:
            if kind not in self.counts:
                self._end_kind()
                self._member = self._zip.open(f"{kind}.jsonl", "w", force_zip64=True)
            assert self._member is not None
            self._member.writelines([self._line(row) for row in rows])
        self.counts[kind] = self.counts.get(kind, 0) + len(rows)

    def _line(self, row: Mapping[str, Any]) -> bytes:
        told = {name: _told(name, value) for name, value in row.items()}
        return json.dumps(told, ensure_ascii=False).encode() + b"\n"

    def _end_kind(self) -> None:
        if self._member is not None:
            self._member.close()
            self._member = None

    async def files(self, thread: str, files: Sequence[tuple[str, Path]]) -> None:
        """Write the files of a thread's folder."""
        for name, path in files:
            await asyncio.to_thread(self._zip.write, path, f"files/{thread}/{name}")
        if files:
            self.counts["files"] = self.counts.get("files", 0) + len(files)

    def abandon(self) -> None:
        """It will never be complete."""
        self._end_kind()
        self._zip.close()

    def close(self) -> Exported:
        """The archive is complete."""
        if self._about_blobs:
            self._zip.writestr("blobs.jsonl", b"".join(self._about_blobs))
        self._zip.writestr("counts.json", json.dumps(self.counts, indent=1))
        self._zip.close()
        return Exported(self.counts)


def _told(name: str, value: Any) -> Any:
    if isinstance(value, bytes) and name in ("sha256", "digest", "arguments", "result", "seal"):
        return value.hex()
    if isinstance(value, bytes) and name == "vector":
        return base64.b64encode(value).decode()
    return plain(value)


def plain(value: Any) -> Any:
    """As JSON: bytes are read as what they hold, as far as that can be told.

    >>> plain({b"a": [b'{"b": 1}', b"text", bytes([0xff])]})
    {'a': [{'b': 1}, 'text', {'base64': '/w=='}]}
    """
    if isinstance(value, Mapping):
        return {str(plain(name)): plain(one) for name, one in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  # anything
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  # anything
    if isinstance(value, bytes):
        return _read(value)
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def _read(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        pass
    try:
        text = body.decode()
        if text.isprintable() or not any(ord(one) < 32 and one not in "\t\n\r" for one in text):
            return text
    except UnicodeDecodeError:
        pass
    try:
        found = msgspec.msgpack.decode(body)
        if isinstance(found, dict | list):
            return plain(found)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    return {"base64": base64.b64encode(body).decode()}
