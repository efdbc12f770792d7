"""``Dataframe``: questions in SQL to CSV, Parquet and JSON files of a folder, answered by DuckDB in a process apart."""

import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from weft.engine.context import Context
from weft.errors import NotFound, ToolFailed, ToolRetry, Unreadable, UsageError
from weft.security.apart import MB, Bounds, apart
from weft.security.sandbox import folder as contents
from weft.tools.base import Tool
from weft.tools.builtin.duck import Asked, Told
from weft.tools.builtin.place import ROOT, Place, where_of
from weft.tools.function import tool

KINDS = (".csv", ".tsv", ".parquet", ".json", ".jsonl", ".ndjson", ".csv.gz", ".json.gz", ".jsonl.gz", ".ndjson.gz")
MANY = 100
"""Files that are open for one question; those that it names come first."""


class Dataframe:
    """Tools ``data_files`` and ``data_query`` for ``folder``, or for the thread's own below ``root``.

    ``rows`` are given at most, within ``seconds`` and ``memory`` (bytes). Nothing is written, nothing else of this
    machine is read, and there is no network. It needs the extra ``weft[dataframe]``.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str] | None = None,
        *,
        root: str | os.PathLike[str] = ROOT,
        rows: int = 200,
        seconds: float = 20.0,
        memory: int = 1000 * MB,
    ) -> None:
        self._where = where_of(folder, root)
        self._place = Place(self._where)
        self._rows, self._bounds = rows, Bounds(seconds=seconds, memory=memory, output=20 * MB)
        self._made: list[Tool] | None = None

    async def tools(self, ctx: Context[Any]) -> Sequence[Tool]:
        if self._made is None:
            timeout = self._bounds.seconds + 60
            self._made = [
                tool(self.data_files, effect="read", timeout=timeout).tool,
                tool(self.data_query, effect="read", timeout=timeout).tool,
            ]
        return self._made

    async def data_files(self, ctx: Context[Any]) -> str:
        """The files of data in the folder, with the names and types of their columns."""
        names = await self._names(ctx)
        told = await self._ask(ctx, names, "")
        lines = [f"{name}: {words}" for name, words in told.columns.items()]
        more = len(names) - MANY
        return "\n".join(lines + ([f"... and {more} more"] if more > 0 else [])) or "There are no files of data."

    async def data_query(self, query: str, ctx: Context[Any]) -> dict[str, Any]:
        """Ask files of data one question in SQL: CSV, Parquet and JSON are tables by their names.

        Args:
            query: One SELECT of DuckDB, such as SELECT a, sum(b) FROM 'sales.csv' GROUP BY a. SUMMARIZE 'sales.csv'
                shows what is in a file. Give LIMITs and sums rather than many rows.
        """
        names = await self._names(ctx)
        told = await self._ask(ctx, sorted(names, key=lambda name: name not in query), query)
        if told.wrong:
            raise ToolRetry(told.wrong)
        given: dict[str, Any] = {"columns": told.names, "rows": told.rows[: self._rows]}
        return given | ({"more": f"only the first {self._rows} rows"} if len(told.rows) > self._rows else {})

    async def _names(self, ctx: Context[Any]) -> list[str]:
        return [path for path, _ in await self._place.entries(ctx) if path.lower().endswith(KINDS)]

    async def _ask(self, ctx: Context[Any], names: list[str], query: str) -> Told:
        with _opened(self._where(ctx), names[:MANY]) as files:
            bounds = self._bounds
            asked = Asked(query=query, files=files, rows=self._rows + 1, memory=bounds.memory // 2)
            try:
                request = msgspec.msgpack.encode(asked)
                answer = await apart("weft.tools.builtin.duck:ask", request, bounds=bounds, files=[*files.values()])
            except Unreadable as error:
                raise ToolFailed(f"the question cannot be answered: {error}") from None
        return msgspec.msgpack.decode(answer, type=Told)


@contextmanager
def _opened(folder: Path, names: list[str]) -> Generator[dict[str, int]]:
    """The files, open: whatever their names lead to later, it is these that are read."""
    files: dict[str, int] = {}
    try:
        for name in names:
            try:
                files[name] = contents.opened(str(folder), name)
            except (NotFound, UsageError):
                continue  # it was there a moment ago
        yield files
    finally:
        for fd in files.values():
            os.close(fd)
