"""What the queries of the store have in common: parameters, scopes, orders. The databases differ in none of it."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    LargeBinary,
    Table,
    Text,
    and_,
    bindparam,
    case,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.sql.type_api import TypeEngine

from weft.storage.tables import SECONDS, SPAN, events, owners, runs, workspaces

_TYPES: dict[str, TypeEngine[Any]] = {"n": BigInteger(), "t": Text(), "f": SECONDS, "b": LargeBinary()}


def p(name: str, kind: str | None = None) -> Any:
    """A parameter. Its type is that of the column beside it, or told by a letter: number, text, float, bytes."""
    type: TypeEngine[Any] | None = None if kind is None else _TYPES[kind]
    return bindparam(name, type_=type)


def status_is(*statuses: str) -> ColumnElement[bool]:
    """Literally, so that the partial indexes are seen to apply."""
    if len(statuses) == 1:
        return runs.c.status == literal_column(f"'{statuses[0]}'")
    return literal_column(f"runs.status IN ({', '.join(repr(status) for status in statuses)})")


def greatest(column: ColumnElement[Any], other: Any) -> ColumnElement[Any]:
    """``max`` of two, which the databases name differently."""
    return case((column < other, other), else_=column)


# Whose rows: a workspace and perhaps a user, by their names.

WORKSPACE_OF = select(workspaces.c.n).where(workspaces.c.name == p("workspace")).scalar_subquery()
OWNER_OF = select(owners.c.n).where(owners.c.workspace == WORKSPACE_OF, owners.c.user_id == p("user")).scalar_subquery()


def mine(table: Any, user: bool | None = None) -> ColumnElement[bool]:
    """The scope's predicate: of its user, of its whole workspace, or (``None``) whichever the scope says."""
    if user is None:
        return and_(table.c.workspace == WORKSPACE_OF, or_(p("user", "t").is_(None), table.c.owner == OWNER_OF))
    return table.c.owner == OWNER_OF if user else table.c.workspace == WORKSPACE_OF


def named(column: Column[Any], n: Column[Any], label: str) -> ColumnElement[Any]:
    """What stands under the number ``n`` of a row."""
    named: Table = column.table
    return select(column).where(named.c.n == n).correlate(n.table).scalar_subquery().label(label)


NONE: ColumnElement[int] = literal_column("0", BigInteger())
_SPAN: ColumnElement[int] = literal_column(str(SPAN), BigInteger())


def key_of(parent: ColumnElement[Any], number: ColumnElement[Any]) -> ColumnElement[Any]:
    """The key in a counted table of the row with this number."""
    return parent * _SPAN + number


def counted_in(table: Table, parent: ColumnElement[Any], after: ColumnElement[Any] = NONE) -> ColumnElement[bool]:
    """The rows of a counted table that belong to this parent, with numbers above ``after``."""
    return and_(table.c.key > key_of(parent, after), table.c.key < key_of(parent, _SPAN))


def last_event(run: ColumnElement[Any]) -> ColumnElement[Any]:
    """The number of the last event of a run; 0 before there is one."""
    last = select(func.max(events.c.key)).where(counted_in(events, run)).correlate(runs).scalar_subquery()
    return func.coalesce(last - key_of(run, NONE), NONE)


def beyond(newest: bool, *pairs: tuple[ColumnElement[Any], Any]) -> ColumnElement[bool]:
    """Rows after these values in the order of these columns (``newest``: before), so that an index applies."""
    (column, value), *rest = pairs
    further = column < value if newest else column > value
    if not rest:
        return further
    return and_(column <= value if newest else column >= value, or_(further, beyond(newest, *rest)))
