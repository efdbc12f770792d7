"""Opens a store: the tables first, then the threads or connections that work on them."""

from weft.storage.schema import prepare_sqlite
from weft.storage.sqlite import Sqlite, SqliteUrl
from weft.storage.store import SqlStore


def open_sqlite(url: str, *, migrate: bool) -> SqlStore:
    """Blocks while it opens the file; what it gives is for any event loop."""
    address = SqliteUrl(url)
    return SqlStore(Sqlite(address, prepare_sqlite(address, migrate=migrate)))
