"""What a statement says of the rows of its sealed values: each is sealed with it, and opened beside it.

A statement that writes names the row by its parameters; one that reads is made wider by the columns that name it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, cast

from sqlalchemy import BindParameter, ClauseElement, Double, Insert, Label, Select, Update
from sqlalchemy import Column as TableColumn
from sqlalchemy.sql import operators, visitors
from sqlalchemy.sql.elements import BinaryExpression, Grouping

from weft.storage.sealed import SEQ, Column, Kind, Sealed, SealedText, bound
from weft.storage.tables import SPAN, metadata

Told: TypeAlias = Callable[[Any], Any]
Parameter: TypeAlias = tuple[str, Kind, Sequence[tuple[str, Told]]]
"""The name of a parameter that is sealed, and of those that it is bound to, and how they are told."""
KEY = "key"


def parameters(statement: ClauseElement, compiled: Any) -> tuple[Parameter, ...]:
    """Which parameters of a statement are sealed, and beside which.

    Raises:
        LookupError: one is to be bound to what the statement does not name.
    """
    kinds = {name: each.type for name, each in compiled.binds.items() if isinstance(each.type, Sealed | SealedText)}
    rows = list(_written(statement))
    return tuple([(name, kind, _beside(name, kind, rows)) for name, kind in kinds.items()])


def columns(statement: Any, compiled: Any) -> tuple[tuple[Column, ...], Any, int]:
    """Which columns of its rows are sealed, and beside which; the statement that has those too; and its own width."""
    found: list[tuple[int, Any, Any]] = [
        (at, entry[3], entry[2]) for at, entry in enumerate(compiled._result_columns or ())
    ]
    width, more = len(found), list[Any]()
    sealed: list[Column] = []
    for at, kind, objects in found:
        if not isinstance(kind, Sealed | SealedText):
            continue
        beside: list[tuple[int, Told]] = []
        for name in bound(kind.place):
            beside.append((width + len(more), _seq if name == SEQ else _same))
            more.append(_table_of(objects, kind).c[KEY if name == SEQ else name])
        sealed.append((at, kind, beside))
    if not more:
        return tuple(sealed), None, width
    if isinstance(statement, Select):
        return tuple(sealed), statement.add_columns(*more), width
    if statement.is_dml:
        return tuple(sealed), statement.returning(*more), width
    raise LookupError(f"no columns can be added to {statement}")


def _written(statement: ClauseElement) -> Iterator[Mapping[str, Any]]:
    """By the name of its column, what is written into each row; and what an update says of the row that it changes."""
    told: Any = statement
    if isinstance(statement, Insert) and told.select is not None:
        yield dict(zip(told._select_names, map(_bare, told.select._raw_columns), strict=True))
    elif isinstance(statement, Insert):
        rows: list[Mapping[Any, Any]] = [told._values or {}, *[row for rows in told._multi_values for row in rows]]
        yield from map(_named, rows)
    elif isinstance(statement, Update):
        values: Mapping[Any, Any] = told._values or {}
        yield _named(values) | dict(_equal(told._where_criteria))


def _named(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {column if isinstance(column, str) else column.key: value for column, value in row.items()}


def _bare(column: Any) -> Any:
    return cast(Any, column).element if isinstance(column, Label | Grouping) else column  # of a type it does not say


def _equal(criteria: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    for criterion in criteria:
        for each in visitors.iterate(criterion):
            if isinstance(each, BinaryExpression) and each.operator is operators.eq:
                left: Any = each.left
                if isinstance(left, TableColumn):
                    yield left.name, each.right


def _beside(name: str, kind: Kind, rows: Sequence[Mapping[str, Any]]) -> Sequence[tuple[str, Told]]:
    if not (wanted := bound(kind.place)):
        return ()
    for row in rows:
        if any(isinstance(value, BindParameter) and value.key == name for value in row.values()):
            return [_parameter(kind, column, row) for column in wanted]
    raise LookupError(f"{name!r} is sealed, and nothing says into which row of {kind.place} it goes")


def _parameter(kind: Kind, column: str, row: Mapping[str, Any]) -> tuple[str, Told]:
    """The parameter with the value of a column; in a key it is the last: the number of the row in its parent."""
    named = KEY if column == SEQ else column
    said: Any = row.get(named)
    if column == SEQ and said is not None:
        said = _bare(said).right
    if not isinstance(said, BindParameter):
        raise LookupError(f"{kind.place} is sealed with {named}, and the statement does not say it")
    table = metadata.tables[kind.place.partition(".")[0]]
    return cast(Any, said).key, float if isinstance(table.c[named].type, Double) else _same


def _table_of(objects: Sequence[Any], kind: Kind) -> Any:
    for each in objects:
        column = _bare(each)
        if getattr(column, "table", None) is not None:
            return column.table
    raise LookupError(f"nothing says of which row a value of {kind.place} is")


def _same(value: Any) -> Any:
    return value


def _seq(key: Any) -> int:
    return key % SPAN
