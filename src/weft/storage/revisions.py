"""At which revision a database is, and how to bring it up to date: what the command line asks for."""

import asyncio
import sqlite3

from weft.errors import StoreError, UsageError
from weft.storage import schema
from weft.storage.migrations import head
from weft.storage.sqlite import SqliteUrl
from weft.storage.sqlite_errors import translated

__all__ = ["current", "head", "upgrade"]


def current(url: str) -> str | None:
    """The revision of the tables at ``url``; ``None`` where there are none.

    Raises:
        StoreError: the database cannot be opened.
    """
    if not url.startswith("sqlite:"):
        return asyncio.run(_current_postgres(url))
    address = SqliteUrl(url)
    if address.path is None or not address.path.exists():
        return None
    try:
        connection = address.connect()
        try:
            return schema.sqlite_revision(connection)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise translated(error) from error


def upgrade(url: str) -> tuple[str | None, str]:
    """Make the tables or bring them up to date; the revision before and after.

    Raises:
        SchemaMismatch: the database is newer than this program.
        StoreError: it cannot be opened or changed; then it is as it was.
    """
    before = current(url)
    if url.startswith("sqlite:"):
        if schema.prepare_sqlite(SqliteUrl(url)) is not None:
            raise UsageError("a database in memory is always up to date: name a file, sqlite:///weft.db")
    else:
        asyncio.run(_upgrade_postgres(url))
    return before, current(url) or head()


async def _current_postgres(url: str) -> str | None:
    from weft.storage.postgres_errors import translated as ours  # noqa: PLC0415
    from weft.storage.postgres_url import PostgresUrl  # noqa: PLC0415

    try:
        connection = await PostgresUrl(url).connect()
        try:
            return await schema.postgres_revision(connection)
        finally:
            await connection.close()
    except Exception as error:
        if isinstance(translated_error := ours(error), StoreError):
            raise translated_error from error
        raise


async def _upgrade_postgres(url: str) -> None:
    from weft.storage.postgres_url import PostgresUrl  # noqa: PLC0415

    await schema.prepare_postgres(PostgresUrl(url))
