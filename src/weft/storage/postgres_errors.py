"""PostgreSQL's errors as ours, and which of them only mean that the connection is gone."""

import asyncpg
from asyncpg import exceptions as pg

from weft.errors import Conflict, SchemaMismatch, StoreError, StoreFull, StoreLocked, UsageError, WeftError

_LOST = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    pg.OperatorInterventionError,
    pg.TransactionRollbackError,
    pg.TooManyConnectionsError,
    pg.ReadOnlySQLTransactionError,
)
_NEVER_LOST = (pg.QueryCanceledError, asyncpg.DataError, pg.ClientConfigurationError, UnicodeError)


def is_lost(error: Exception) -> bool:
    """Whether the same operation may succeed on another connection."""
    return isinstance(error, _LOST) and not isinstance(error, _NEVER_LOST)


def translated(error: Exception) -> Exception:
    """The error of ours that says the same, or the error itself where it is none of the driver's."""
    if isinstance(error, WeftError):
        return error
    if isinstance(error, asyncpg.DataError | pg.DataError | pg.ClientConfigurationError | UnicodeError | OverflowError):
        return UsageError(f"a value cannot be stored: {error}")
    if isinstance(error, pg.UniqueViolationError):
        return Conflict(f"somebody else was first: {error}")
    if isinstance(error, pg.DiskFullError):
        return StoreFull("the database's disk is full: nothing was written")
    if isinstance(error, pg.LockNotAvailableError | pg.QueryCanceledError):
        return StoreLocked(f"the database took too long: {error}")
    if isinstance(error, pg.UndefinedTableError | pg.UndefinedColumnError):
        return SchemaMismatch(f"the tables are not those of this program ({error}): run `weft db upgrade`")
    if is_lost(error):
        return StoreError(f"the database cannot be reached: {error or type(error).__name__}")
    if isinstance(error, asyncpg.PostgresError):
        return StoreError(f"the database failed: {error}")
    return error
