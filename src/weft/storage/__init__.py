"""Where runs outlive their process. ``open_store`` is the only door.

>>> import asyncio
>>> async def main() -> str:
...     store = await open_store("sqlite://")
...     await store.close()
...     return store.url
>>> asyncio.run(main())
'sqlite://'
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from weft.errors import UsageError
from weft.security.sealing import Sealer
from weft.storage.base import Store


async def open_store(url: str = "sqlite://", *, migrate: bool = True, master: Sealer | None = None) -> Store:
    """Open a store, and make its tables or bring them up to date unless ``migrate`` is false.

    ``sqlite:///weft.db`` is a file beside you, ``sqlite:////var/weft.db`` one by its whole path, and
    ``sqlite://`` memory that is gone with the store. ``?synchronous=NORMAL`` is faster and may lose the
    last commits when the machine (not the process) dies. ``postgresql://user:password@host/database``
    keeps its tables in the schema ``weft`` unless ``?schema=`` names another. With a ``master`` key its
    content is sealed.

    Raises:
        UsageError: the URL is neither; or what is in it was sealed, and this is not the key.
        SchemaMismatch: the database belongs to a newer program, or to an older one and ``migrate`` is false.
        StoreError: it cannot be opened.
    """
    scheme = url.partition(":")[0]
    if scheme == "sqlite":
        return await (await asyncio.to_thread(_open_sqlite, url, migrate))(master)
    if scheme in ("postgresql", "postgres"):
        from weft.storage.doors import open_postgres  # noqa: PLC0415

        return await (await open_postgres(url, migrate=migrate))(master)
    raise UsageError(f"{url!r} is no address of a store: sqlite:///file.db or postgresql://host/database")


def _open_sqlite(url: str, migrate: bool) -> "Unlock":
    """In a thread, with the import of SQLAlchemy."""
    from weft.storage.doors import open_sqlite  # noqa: PLC0415

    return open_sqlite(url, migrate=migrate)


Unlock: TypeAlias = Callable[[Sealer | None], Awaitable[Store]]

__all__ = ["Store", "open_store"]
