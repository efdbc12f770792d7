"""The side of ``Dataframe`` that runs apart: DuckDB, which sees some open files and nothing else.

The door to DuckDB.
"""

import os
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from weft.errors import Unreadable


class Asked(Struct, frozen=True, kw_only=True):
    """A question, and the files by name and number; without a query, what their columns are."""

    query: str
    files: dict[str, int]
    rows: int
    memory: int


class Told(Struct, kw_only=True):
    """The answer."""

    names: list[str] = []
    rows: list[list[Any]] = []
    columns: dict[str, str] = {}
    """Of each file."""
    wrong: str = ""
    """What DuckDB says against the question."""


def ask(request: bytes) -> bytes:
    """Raises: Unreadable."""
    try:
        import duckdb  # noqa: PLC0415  # the extra weft[dataframe]
    except ImportError:
        raise Unreadable("asking files of data needs the extra weft[dataframe]") from None
    library: Any = duckdb
    asked = msgspec.msgpack.decode(request, type=Asked)
    base = _opened(library, asked)
    if not asked.query:
        return msgspec.msgpack.encode(Told(columns={name: _columns(library, base, name) for name in asked.files}))
    try:
        return msgspec.msgpack.encode(_answer(library, base, asked))
    except library.OutOfMemoryException:
        raise MemoryError from None
    except library.Error as error:
        return msgspec.msgpack.encode(Told(wrong=f"DuckDB says: {str(error)[:1500]}"))


def _opened(library: Any, asked: Asked) -> Any:
    """A database in memory whose current folder has links to the open files, each of which may be read."""
    for name, fd in asked.files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).symlink_to(f"/proc/self/fd/{fd}" if Path("/proc/self/fd").is_dir() else f"/dev/fd/{fd}")
    base = library.connect(":memory:", config={"memory_limit": f"{asked.memory}B", "threads": "1"})
    readable = [os.path.realpath(name) for name in asked.files]
    for setting in (
        f"allowed_paths = {_text(readable)}",
        f"allowed_directories = {_text([str(Path.cwd()) + '/'])}",
        "autoinstall_known_extensions = false",
        "autoload_known_extensions = false",
        "temp_directory = ''",
        "enable_external_access = false",
        "lock_configuration = true",
    ):
        base.execute(f"SET {setting}")
    return base


def _text(paths: list[str]) -> str:
    return "[" + ", ".join("'" + path.replace("'", "''") + "'" for path in paths) + "]"


def _answer(library: Any, base: Any, asked: Asked) -> Told:
    statements = base.extract_statements(asked.query)
    if len(statements) != 1 or statements[0].type != library.StatementType.SELECT:
        return Told(wrong="files are only read: give one SELECT, or SUMMARIZE or DESCRIBE of a file")
    found = base.execute(statements[0])
    names = [column[0] for column in found.description or ()]
    return Told(names=names, rows=[[_plain(value) for value in row] for row in found.fetchmany(asked.rows)])


def _columns(library: Any, base: Any, name: str) -> str:
    try:
        found = base.execute(f"DESCRIBE SELECT * FROM {_text([name])[1:-1]}").fetchall()
    except library.Error as error:
        return f"it cannot be read: {str(error).splitlines()[0][:200]}"
    return ", ".join(f"{column} {kind}" for column, kind, *_ in found)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return f"({len(value)} bytes)"
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]  # pyright: ignore[reportUnknownVariableType]  # whatever DuckDB has
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(value, int):
        return value if abs(value) < 2**63 else str(value)
    return value if isinstance(value, str | float | None) else str(value)
