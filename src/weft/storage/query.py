"""A statement that is written once and runs on both databases, on the bare driver.

SQLAlchemy only writes SQL here. It is compiled at first use, once for each dialect, into a string
and the order of its parameters; from then on a query costs no more than one typed by hand.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from functools import cache
from operator import itemgetter
from typing import Any, Literal, NamedTuple, TypeAlias, TypeVar

from sqlalchemy import ClauseElement
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import asyncpg as postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from weft.storage.binding import Parameter, columns, parameters
from weft.storage.sealed import Column
from weft.storage.tables import SECONDS

T = TypeVar("T")
Speech: TypeAlias = Literal["sqlite", "postgresql"]
Row: TypeAlias = Sequence[Any]
Rows: TypeAlias = Sequence[Row]


class Query:
    """A statement, and how its named parameters become the driver's positional ones.

    >>> from sqlalchemy import bindparam, select
    >>> from weft.storage.tables import runs
    >>> query = Query(select(runs.c.n).where(runs.c.id == bindparam("id"), runs.c.epoch > 0))
    >>> query.sql("sqlite").split("WHERE")[1], query.arguments("sqlite", {"id": "run_1"})
    (' runs.id = ? AND runs.epoch > ?', ('run_1', 0))
    >>> query.sql("postgresql").split("WHERE")[1]
    ' runs.id = $1::VARCHAR AND runs.epoch > $2::BIGINT'
    """

    __slots__ = ("_compiled", "_sealed", "statement")

    def __init__(self, statement: ClauseElement) -> None:
        self.statement = statement
        self._sealed: SealedParts | None = None
        self._compiled: dict[str, tuple[str, tuple[str, ...], Mapping[str, Any]]] = {}

    def sql(self, speech: Speech) -> str:
        return (self._compiled.get(speech) or self._compile(speech))[0]

    def order(self, speech: Speech) -> tuple[str, ...]:
        """The names of its parameters, in the order in which the driver wants them."""
        return (self._compiled.get(speech) or self._compile(speech))[1]

    def arguments(self, speech: Speech, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """The arguments for ``values``, with the constants of the statement among them.

        Raises:
            KeyError: the statement wants a parameter that is not there.
        """
        _, order, constants = self._compiled.get(speech) or self._compile(speech)
        return tuple([constants[name] if name in constants else values[name] for name in order])

    def picker(self, speech: Speech, columns: Sequence[str]) -> Callable[[Row], tuple[Any, ...]]:
        """What turns a row of these columns into arguments, for a statement without constants."""
        places = [columns.index(name) for name in self.order(speech)]
        return itemgetter(*places) if len(places) > 1 else lambda row: (row[places[0]],)

    def sealed(self) -> "SealedParts":
        """Which of its parameters, and of the columns of its rows, are sealed where a key is set."""
        if self._sealed is None:
            compiled: Any = self.statement.compile(dialect=dialect("sqlite"))
            found, wide, width = columns(self.statement, compiled)
            wider = self if wide is None else Query(wide)
            self._sealed = SealedParts(parameters(self.statement, compiled), found, wider, width)
        return self._sealed

    def _compile(self, speech: Speech) -> tuple[str, tuple[str, ...], Mapping[str, Any]]:
        compiled: Any = self.statement.compile(dialect=dialect(speech))
        constants = {name: value for name, value in compiled.params.items() if not compiled.binds[name].required}
        sql = " ".join(str(compiled).split())
        self._compiled[speech] = entry = (sql, tuple(compiled.positiontup or ()), constants)
        return entry


class SealedParts(NamedTuple):
    """What of a query is sealed."""

    parameters: Sequence[Parameter]
    columns: Sequence[Column]
    wide: Query
    """With the columns behind its own that its sealed values are bound to."""
    width: int
    """How many are its own."""


Steps: TypeAlias = Generator[tuple[Query, Mapping[str, Any]], Rows, T]
"""An operation as a chain of queries: yield one with its values, get its rows, return the result.

The same steps run in SQLite's thread and in a PostgreSQL transaction; they know neither.
"""
Operation: TypeAlias = Callable[[], Steps[T]]
"""How to begin the steps: they may have to be taken again after a lost connection."""


class Now(FunctionElement[float]):
    """Seconds since the epoch, by the database's clock."""

    type = SECONDS
    inherit_cache = True


@compiles(Now, "sqlite")
def _now_sqlite(element: Now, compiler: Any, **options: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(Now, "postgresql")
def _now_postgresql(element: Now, compiler: Any, **options: Any) -> str:
    return "extract(epoch from clock_timestamp())::double precision"


@cache
def dialect(speech: Speech) -> Dialect:
    """SQLAlchemy's dialect for the bare driver."""
    if speech == "sqlite":
        return sqlite.dialect(paramstyle="qmark")
    return postgresql.dialect()
