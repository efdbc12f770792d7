"""Writes XLSX by openpyxl: a sheet for each table; what looks like a number is one, and nothing is a formula."""

import io
import re
from typing import Any

import openpyxl
from openpyxl.styles import Font

from weft.documents.base import Block
from weft.documents.inline import cells, said
from weft.errors import UsageError

_NUMBER = re.compile(r"-?(0|[1-9]\d{0,14})(\.\d{1,15})?")
_LONGEST = 32_767
"""Characters of a cell."""


def write(blocks: list[Block], title: str) -> bytes:
    """Raises: UsageError, where there is no table."""
    made: Any = openpyxl.Workbook()
    made.properties.title = title or None
    made.remove(made.active)
    name = title
    for block in blocks:
        if block.what == "heading":
            name = said(block)
        elif block.what == "table":
            _sheet(made.create_sheet(_free(name, made.sheetnames)), cells(block))
    if not made.sheetnames:
        raise UsageError("an XLSX is made of tables, and there is none: write them as Markdown, | a | b |")
    file = io.BytesIO()
    made.save(file)
    return file.getvalue()


def _sheet(sheet: Any, rows: list[list[str]]) -> None:
    for number, row in enumerate(rows, 1):
        for column, text in enumerate(row, 1):
            cell = sheet.cell(number, column)
            if _NUMBER.fullmatch(text):
                cell.value = float(text) if "." in text else int(text)
            elif text:
                cell.value = text[:_LONGEST]
                cell.data_type = "s"  # also where it begins with =
            if number == 1:
                cell.font = Font(bold=True)
    sheet.freeze_panes = "A2"


def _free(name: str, taken: list[str]) -> str:
    """A name for a sheet that is not taken: 31 characters, without those that Excel refuses."""
    name = re.sub(r"[\[\]:*?/\\']", " ", name).strip()[:31] or "Sheet"
    found, number, lower = name, 1, {each.lower() for each in taken}
    while found.lower() in lower:
        number += 1
        found = f"{name[: 30 - len(str(number))]} {number}"
    return found
