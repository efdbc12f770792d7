"""Files of one folder for an agent: list, read, write, edit and search, through no link and never outside."""

import asyncio
import fnmatch
import mimetypes
import os
import time
from pathlib import Path
from typing import Any

from weft.engine.context import Context
from weft.errors import ToolFailed, ToolRetry
from weft.messages import Media
from weft.tools.base import Returned, Tool
from weft.tools.builtin.place import Place, Where, where_of
from weft.tools.function import tool

MOST = 2_000_000
"""Bytes of a file that is read as text."""
SHOWN = 500
SECONDS = 5.0
"""For a search through all files."""


class Files:
    """A folder that all runs share; without ``write`` it is only read."""

    def __init__(self, folder: str | os.PathLike[str], *, write: bool = False) -> None:
        self._folder, self._where, self._write = Path(folder), where_of(folder), write
        self._made: list[Tool] | None = None

    def __repr__(self) -> str:
        return f"Files({str(self._folder)!r})"

    async def tools(self, ctx: Context[Any]) -> list[Tool]:
        if self._made is None:
            made = Folder(self._where)
            self._made = made.all() if self._write else made.reading()
        return self._made


class Folder:
    """The tools of a folder that is known once a run is."""

    def __init__(self, where: Where) -> None:
        self._place = Place(where)

    def all(self) -> list[Tool]:
        return [*self.reading(), tool(self.write_file).tool, tool(self.edit_file).tool]

    def reading(self) -> list[Tool]:
        return [
            tool(self.list_files, effect="read").tool,
            tool(self.read_file, effect="read").tool,
            tool(self.search_files, effect="read").tool,
        ]

    async def list_files(self, ctx: Context[Any], pattern: str = "*") -> str:
        """List the files of the folder, with their sizes in bytes.

        Args:
            pattern: Such as "*.csv" or "src/*"; everything without it.
        """
        found = [(path, info) for path, info in await self._place.entries(ctx) if fnmatch.fnmatch(path, pattern)]
        lines = [f"{path} {info.st_size}" for path, info in found[:SHOWN]]
        more = len(found) - SHOWN
        return "\n".join(lines + ([f"... and {more} more"] if more > 0 else [])) or "There are no such files."

    async def read_file(self, path: str, ctx: Context[Any], first: int = 1, lines: int = 2000) -> Returned:
        """Read a file: text with the numbers of its lines, pictures as pictures.

        Args:
            path: Relative to the folder.
            first: The line to begin with.
            lines: How many.
        """
        content = await self._place.read(ctx, path, MOST)
        mime = mimetypes.guess_type(path)[0] or ""
        if mime.startswith("image/") and mime != "image/svg+xml":
            return Returned(content=path, media=(Media(mime=mime, data=content, name=path),))
        if b"\0" in content[:8000]:
            raise ToolFailed(f"{path!r} is not text ({len(content):,} bytes)")
        all_lines = content.decode(errors="replace").splitlines()
        shown = all_lines[max(first, 1) - 1 :][: max(lines, 1)]
        numbered = [f"{number:>5} {line}" for number, line in enumerate(shown, max(first, 1))]
        left = len(all_lines) - (max(first, 1) - 1 + len(shown))
        return Returned(content="\n".join(numbered + ([f"[{left} more lines]"] if left > 0 else [])) or "(empty)")

    async def search_files(self, pattern: str, ctx: Context[Any], files: str = "*") -> str:
        """Find the lines that fit a regular expression.

        Args:
            pattern: A regular expression of Python, such as "def \\\\w+_test".
            files: In which files, such as "*.py".
        """
        paths = [
            path
            for path, info in await self._place.entries(ctx)
            if info.st_size <= MOST and fnmatch.fnmatch(path, files)
        ]
        wanted, until = _pattern(pattern), time.monotonic() + SECONDS
        found: list[str] = []
        for path in paths:
            content = await self._place.read(ctx, path, MOST)
            if b"\0" in content[:8000]:
                continue
            found += [f"{path}:{line}" for line in await asyncio.to_thread(_fitting, wanted, content, until)]
            if len(found) >= SHOWN:
                return "\n".join([*found[:SHOWN], "[and more: search for something narrower]"])
        return "\n".join(found) or "Nothing fits."

    async def write_file(self, path: str, content: str, ctx: Context[Any]) -> str:
        """Write a whole file; what was there under that name is replaced.

        Args:
            path: Relative to the folder; folders above it are made.
            content: All of its text.
        """
        body = content.encode(errors="replace")
        await self._place.write(ctx, path, body)
        return f"wrote {len(body):,} bytes to {path}"

    async def edit_file(self, path: str, old: str, new: str, ctx: Context[Any]) -> str:
        """Replace a piece of a text file.

        Args:
            path: Relative to the folder.
            old: The piece as it stands there, whole lines if need be: it must be there exactly once.
            new: What stands there afterwards.
        """
        text = (await self._place.read(ctx, path, MOST)).decode(errors="surrogateescape")
        count = text.count(old) if old else 0
        if count == 1:
            await self._place.write(ctx, path, text.replace(old, new).encode(errors="surrogateescape"))
            return f"edited {path}"
        if count == 0 and old and new and text.count(new) == 1:
            return f"{path} has it already"  # called again after a crash
        raise ToolRetry(f"the old piece is in {path} {count} times: give it with more of what stands around it")


def _pattern(pattern: str) -> Any:
    """Raises: ToolRetry."""
    import regex  # noqa: PLC0415  # Python's own has no time limit, and stops every other thread

    try:
        return regex.compile(pattern)
    except regex.error as error:
        raise ToolRetry(f"{pattern!r} is no regular expression: {error}") from None


def _fitting(wanted: Any, content: bytes, until: float) -> list[str]:
    """The lines that fit, with their numbers. A pattern may be one that never comes to an end: it is given up.

    Raises: ToolRetry.
    """
    found: list[str] = []
    try:
        for number, line in enumerate(content.decode(errors="replace").splitlines(), 1):
            left = max(until - time.monotonic(), 0.001)
            if len(line) <= 2000 and wanted.search(line, timeout=left, concurrent=True):
                found.append(f"{number}: {line.strip()[:300]}")
    except TimeoutError:
        raise ToolRetry(f"the pattern takes more than {SECONDS:g} s: search for something simpler") from None
    return found
