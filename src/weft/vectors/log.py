"""What was put into a space and taken from it since it was last saved, in order: lines that survive their process."""

import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

_HEAD = struct.Struct("<III")
"""The checksum of what follows, the length of the id, and that of the vector."""


class Log:
    """A file that grows; written to the system at once, not to the disk: it can be made anew."""

    def __init__(self, path: Path) -> None:
        """What is broken at its end is cut off."""
        self.length = sum([_HEAD.size + len(id.encode()) + len(vector or b"") for id, vector in records(path)])
        self._file: BinaryIO = open(path, "r+b" if path.exists() else "w+b", buffering=0)  # noqa: SIM115  # held open
        self._file.truncate(self.length)
        self._file.seek(self.length)

    def add(self, entries: "Mapping[str, bytes] | Mapping[str, None]") -> None:
        """Without a vector an id is taken away."""
        body = b"".join([_record(id, vector) for id, vector in entries.items()])
        self._file.write(body)
        self.length += len(body)

    def close(self) -> None:
        self._file.close()


def _record(id: str, vector: bytes | None) -> bytes:
    name, body = id.encode(), vector or b""
    told = _HEAD.pack(0, len(name), len(body))[4:] + name + body
    return struct.pack("<I", zlib.crc32(told)) + told


def records(path: Path) -> Iterator[tuple[str, bytes | None]]:
    """All that is whole in the file."""
    if not path.exists():
        return
    with open(path, "rb") as file:
        while len(head := file.read(_HEAD.size)) == _HEAD.size:
            crc, named, sized = _HEAD.unpack(head)
            body = file.read(named + sized)
            if len(body) < named + sized or zlib.crc32(head[4:] + body) != crc:
                return
            yield body[:named].decode(), body[named:] or None
