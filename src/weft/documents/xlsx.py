"""Reads XLSX: each sheet is a page with a heading and a table; a formula that was never worked out is shown itself."""

import io
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

import openpyxl

from weft.documents.base import Block, Read, table
from weft.documents.inside import Asked


def read(asked: Asked) -> Read:
    """Raises: Unreadable."""
    library: Any = openpyxl
    values, formulas = (
        library.load_workbook(io.BytesIO(asked.body), read_only=True, data_only=plain, keep_links=False)
        for plain in (True, False)
    )
    found = Read(blocks=iter(()), pages=len(values.sheetnames), title=str(values.properties.title or ""))
    found.blocks = _blocks(values, formulas, found, asked)
    return found


def _blocks(values: Any, formulas: Any, found: Read, asked: Asked) -> Iterator[Block]:
    room = asked.limits.cells
    for page, name in enumerate(values.sheetnames, 1):
        sheet, worked = values[name], formulas[name]
        yield Block(what="heading", text=f"# {name}", page=page, level=1)
        if type(sheet).__name__ == "Chartsheet":
            continue
        rows: list[list[str]] = []
        for row, formula in zip_longest(sheet.iter_rows(values_only=True), worked.iter_rows(values_only=True)):
            room -= max(len(row or ()), 1)
            if room < 0:
                found.more = f"only the first {asked.limits.cells:,} cells"
                break
            if cells := _cells(row or (), formula or ()):
                rows.append(cells)
        yield from table(rows, page)
        if room < 0:
            return


def _cells(row: tuple[Any, ...], formulas: tuple[Any, ...]) -> list[str]:
    cells = [_words(f if value is None else value) for value, f in zip_longest(row, formulas)]
    while cells and not cells[-1]:
        cells.pop()
    return cells


def _words(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value).removesuffix(" 00:00:00")
