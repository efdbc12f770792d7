"""Opens a store: the tables first, then the threads or connections that work on them."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from weft.errors import UsageError
from weft.security.sealing import Sealer
from weft.storage.database import Database
from weft.storage.keychain import unlocked
from weft.storage.schema import prepare_postgres, prepare_sqlite
from weft.storage.sqlite import Sqlite, SqliteUrl
from weft.storage.store import SqlStore

PATIENCE = 10.0
"""Seconds to wait for a PostgreSQL that is just starting."""


def open_sqlite(url: str, *, migrate: bool) -> "Unlock":
    """Blocks while it opens the file; what it gives is for any event loop."""
    address = SqliteUrl(url)
    database = Sqlite(address, prepare_sqlite(address, migrate=migrate))
    return lambda master: _unlocked(database, master)


async def open_postgres(url: str, *, migrate: bool) -> "Unlock":
    """Raises: UsageError where the driver is not installed."""
    try:
        from weft.storage.postgres import Postgres, persist  # noqa: PLC0415
        from weft.storage.postgres_url import PostgresUrl  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise UsageError(f"PostgreSQL needs its driver: pip install 'weft[postgres]' ({error})") from error
    address = PostgresUrl(url)
    await persist(lambda: prepare_postgres(address, migrate=migrate), patience=PATIENCE)
    database = Postgres(address)
    return lambda master: _unlocked(database, master)


async def _unlocked(database: Database, master: Sealer | None) -> SqlStore:
    try:
        return SqlStore(await unlocked(database, master))
    except BaseException:
        await database.close()
        raise


Unlock: TypeAlias = Callable[[Sealer | None], Awaitable[SqlStore]]
"""What opens the store for whoever has the master key, if its content is sealed."""
