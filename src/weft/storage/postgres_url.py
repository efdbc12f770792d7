"""Where a PostgreSQL is, and how to reach it: the only door to the driver."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlencode, urlsplit

import asyncpg

from weft.errors import UsageError

_driver: Any = asyncpg  # it has no types; the protocols below are what we use of it
_ANSWER = 30.0
"""Seconds to wait for an answer before the connection counts as lost."""


class Connection(Protocol):
    """A connection of the driver's."""

    async def fetch(self, query: str, *arguments: Any) -> Sequence[Sequence[Any]]: ...

    async def fetchval(self, query: str, *arguments: Any) -> Any: ...

    async def execute(self, query: str, *arguments: Any) -> str: ...

    def transaction(self) -> AbstractAsyncContextManager[Any]: ...

    async def add_listener(self, channel: str, callback: Callable[["Connection", int, str, str], None]) -> None: ...

    def add_termination_listener(self, callback: Callable[["Connection"], None]) -> None: ...

    def is_closed(self) -> bool: ...

    def terminate(self) -> None: ...

    async def close(self) -> None: ...


class Pool(Protocol):
    """A pool of the driver's."""

    def acquire(self) -> AbstractAsyncContextManager[Connection]: ...

    async def execute(self, query: str, *arguments: Any, timeout: float | None = None) -> str: ...

    def terminate(self) -> None: ...

    async def close(self) -> None: ...


class PostgresUrl:
    """``postgresql://user:password@host/database?schema=weft``; other options are the driver's.

    >>> url = PostgresUrl("postgresql://me:secret@db/app?schema=agents")
    >>> url.shown, url.schema, url.dsn
    ('postgresql://me@db/app', 'agents', 'postgresql://me:secret@db/app')
    """

    def __init__(self, url: str) -> None:
        """Raises: UsageError."""
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query))
        self.schema = options.pop("schema", "weft")
        if not self.schema.isidentifier():
            raise UsageError(f"{self.schema!r} is no name for a schema")
        self.dsn = parts._replace(scheme="postgresql", query=urlencode(options)).geturl()
        user, _, host = parts.netloc.rpartition("@")
        netloc = f"{user.partition(':')[0]}@{host}" if user else host
        self.shown = parts._replace(netloc=netloc, query="").geturl()

    async def connect(self) -> Connection:
        return await _driver.connect(self.dsn, **self._options())

    async def pool(self, size: int) -> Pool:
        """Connections for operations, opened as they are needed."""
        return await _driver.create_pool(
            self.dsn, min_size=0, max_size=size, reset=_nothing_to_reset, **self._options()
        )

    def _options(self) -> dict[str, Any]:
        settings = {"search_path": f'"{self.schema}", public', "application_name": "weft", "jit": "off"}
        settings["enable_bitmapscan"] = "off"  # all is read by key and in order; a bitmap would be sorted again
        return {"server_settings": settings, "command_timeout": _ANSWER, "timeout": _ANSWER}


async def _nothing_to_reset(connection: Connection) -> None:
    """Operations leave no session state behind: the driver's own reset would cost a round trip each."""
