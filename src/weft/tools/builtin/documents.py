"""``Documents``: PDF, DOCX, XLSX, PPTX, HTML, CSV and others as text with its pages, and Markdown as such files."""

import asyncio
import os
from collections.abc import Sequence
from typing import Any

from weft.documents.base import Block, Document, Limits
from weft.documents.reading import read
from weft.documents.writing import written
from weft.engine.context import Context
from weft.errors import ToolFailed, ToolRetry, Unreadable, UsageError
from weft.tools.base import Returned, Tool
from weft.tools.builtin.keeping import keep
from weft.tools.builtin.place import ROOT, Place, where_of
from weft.tools.function import tool


class Documents:
    """Tools that read and write documents in ``folder``, or in the thread's own below ``root``, as a workbench has it.

    What is foreign is read in a process of its own within ``limits``. It needs the extra ``weft[documents]``.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str] | None = None,
        *,
        root: str | os.PathLike[str] = ROOT,
        write: bool = True,
        limits: Limits | None = None,
    ) -> None:
        self._place, self._write, self._limits = Place(where_of(folder, root)), write, limits or Limits()
        self._made: list[Tool] | None = None

    async def tools(self, ctx: Context[Any]) -> Sequence[Tool]:
        if self._made is None:
            reading = tool(self.read_document, effect="read", timeout=self._limits.seconds + 30)
            self._made = [reading.tool]
            if self._write:
                self._made.append(tool(self.write_document, timeout=120).tool)
        return self._made

    async def read_document(
        self, path: str, ctx: Context[Any], first: int = 1, last: int | None = None, password: str | None = None
    ) -> str:
        """Read a document as text with its headings, lists and tables: PDF, DOCX, XLSX, PPTX, HTML, Markdown, CSV.

        Args:
            path: Relative to the folder.
            first: The page to begin with; slides and sheets are pages too.
            last: The page to end with; without it, all.
            password: If it is protected by one.
        """
        body = await self._place.read(ctx, path, self._limits.bytes)
        try:
            found = await read(body, name=path, password=password, limits=self._limits)
        except Unreadable as error:
            raise ToolFailed(str(error)) from None
        return shown(found, path, first, last)

    async def write_document(self, path: str, markdown: str, ctx: Context[Any], title: str = "") -> Returned:
        """Write a document of Markdown: headings, lists, tables, bold and italic words become the document's own.

        Args:
            path: Relative to the folder; it ends with .docx, .xlsx, .pptx or .pdf. What had that name is replaced.
            markdown: All of it. In a PPTX each heading begins a slide; an XLSX is made of the tables.
            title: Of the whole.
        """
        try:
            body = await asyncio.to_thread(written, path, markdown, title=title)
        except UsageError as error:
            raise ToolRetry(str(error)) from None
        await self._place.write(ctx, path, body)
        return Returned(content="wrote" + await keep(ctx, path, body))


def shown(document: Document, name: str, first: int = 1, last: int | None = None) -> str:
    """A document as a model reads it: what it is, then its text, with a mark where a page begins.

    Raises:
        ToolRetry: it has no such page.
    """
    if document.pages and (first > document.pages or (last is not None and last < first)):
        raise ToolRetry(f"{name} has {document.pages} pages")
    within = [block for block in document.blocks if _within(block, first, last)]
    facts = [document.kind, *([f"{document.pages} pages"] if document.pages else [])]
    facts += [repr(document.title)] if document.title else []
    facts += [document.more] if document.more else []
    lines, page = [f"{name} ({', '.join(facts)})"], 0
    for block in within:
        if block.page is not None and block.page != page:
            page = block.page
            lines.append(f"[page {page}]")
        lines.append(block.text)
    if not within:
        pictures = ": it may be made of pictures" if document.kind == "pdf" else ""
        lines.append(f"There is no text{pictures}.")
    return "\n\n".join(lines)


def _within(block: Block, first: int, last: int | None) -> bool:
    return block.page is None or (block.page >= first and (last is None or block.page <= last))
