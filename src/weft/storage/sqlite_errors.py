"""SQLite's errors as ours."""

import sqlite3

from weft.errors import Conflict, StoreError, StoreFull, StoreLocked, UsageError, WeftError

_FULL = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_IOERR_TRUNCATE}
_LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_UNIQUE = {sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY}


def translated(error: Exception) -> Exception:
    """The error of ours that says the same, or the error itself where it is none of SQLite's."""
    if isinstance(error, WeftError):
        return error
    if isinstance(error, (UnicodeError, OverflowError, sqlite3.InterfaceError, sqlite3.ProgrammingError)):
        return UsageError(f"a value cannot be stored: {error}")
    if not isinstance(error, sqlite3.Error):
        return error
    code = _code(error)
    if code in _FULL:
        return StoreFull("the disk is full, or the database may not grow: nothing was written")
    if code & 0xFF in _LOCKED:
        return StoreLocked("another process holds the database too long: nothing was written")
    if code in _UNIQUE:
        return Conflict(f"somebody else was first: {error}")
    return StoreError(f"the database failed: {error}")


def is_locked(error: Exception) -> bool:
    """Whether another process holds a lock that was not waited for any longer."""
    return isinstance(error, sqlite3.Error) and _code(error) & 0xFF in _LOCKED


def ends_batch(error: Exception) -> bool:
    """Whether it concerns the database itself: then every operation of the transaction failed."""
    return isinstance(error, sqlite3.OperationalError | sqlite3.DatabaseError) and not isinstance(
        error, sqlite3.IntegrityError | sqlite3.ProgrammingError | sqlite3.InterfaceError | sqlite3.DataError
    )


def _code(error: sqlite3.Error) -> int:
    try:
        return error.sqlite_errorcode
    except AttributeError:  # raised by the driver, not by SQLite
        return sqlite3.SQLITE_ERROR
