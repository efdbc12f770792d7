"""Where the files of tools lie: a folder that all share, or one for each thread; read and written through no link."""

import asyncio
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from weft.engine.context import Context
from weft.errors import NotFound, ToolFailed, ToolRetry, UsageError
from weft.security.sandbox import folder as contents
from weft.tools.rooms import made

Where: TypeAlias = Callable[[Context[Any]], Path]
ROOT = "weft-files"
"""Below this folder, if nobody says otherwise, each thread has its own."""


class Place:
    """A folder that is known once a run is."""

    def __init__(self, where: Where) -> None:
        self._where = where

    async def entries(self, ctx: Context[Any]) -> list[tuple[str, os.stat_result]]:
        """Its regular files, by name."""
        where = self._where(ctx)
        found = await asyncio.to_thread(lambda: list(contents.entries(str(where))))
        return sorted((path, info) for path, info in found if stat.S_ISREG(info.st_mode))

    async def read(self, ctx: Context[Any], path: str, most: int) -> bytes:
        """A file of no more than ``most`` bytes. Raises: ToolRetry (there is none), ToolFailed."""
        where = self._where(ctx)
        try:
            return await asyncio.to_thread(contents.read, str(where), path, most)
        except NotFound:
            raise ToolRetry(f"there is no file {path!r}; list_files shows what there is") from None
        except UsageError as error:
            raise ToolFailed(str(error).replace(" in the sandbox", "")) from None

    async def write(self, ctx: Context[Any], path: str, body: bytes) -> None:
        """Put a file there. Raises: ToolFailed."""
        where = self._where(ctx)
        try:
            await asyncio.to_thread(contents.write, str(where), path, body, None)
        except (UsageError, NotFound) as error:
            raise ToolFailed(str(error).replace(" in the sandbox", "")) from None


def where_of(folder: str | os.PathLike[str] | None, root: str | os.PathLike[str] = ROOT) -> Where:
    """This folder, or else the one of the thread below ``root``, which is made.

    Raises:
        UsageError: the folder is not there.
    """
    if folder is not None:
        shared = Path(folder)
        if not shared.is_dir():
            raise UsageError(f"the folder of the tools must be there: {folder}")
        return lambda ctx: shared

    def own(ctx: Context[Any]) -> Path:
        return made(Path(root), ctx.run.workspace, ctx.run.thread_id, ctx.run.store)

    return own
