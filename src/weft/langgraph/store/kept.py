"""The item stores that people name: files and PostgreSQL. Each is a Weft store."""

from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from weft.langgraph.store.durable import DurableStore


class SqliteStore(DurableStore):
    """A file, by ``with SqliteStore.from_conn_string("items.db") as store``."""

    @classmethod
    @contextmanager
    def from_conn_string(
        cls, conn_string: str, *, index: Mapping[str, Any] | None = None, ttl: Mapping[str, Any] | None = None
    ) -> "Generator[SqliteStore]":
        made = cls(_file(conn_string), index=index, ttl=ttl)
        try:
            yield made
        finally:
            made.close()

    def setup(self) -> None:
        """The tables are made when it is opened."""


class AsyncSqliteStore(DurableStore):
    """The same, for code that awaits."""

    @classmethod
    @asynccontextmanager
    async def from_conn_string(
        cls, conn_string: str, *, index: Mapping[str, Any] | None = None, ttl: Mapping[str, Any] | None = None
    ) -> "AsyncGenerator[AsyncSqliteStore]":
        made = cls(_file(conn_string), index=index, ttl=ttl)
        try:
            yield made
        finally:
            await made.aclose()

    async def setup(self) -> None:
        """The tables are made when it is opened."""


class PostgresStore(DurableStore):
    """A PostgreSQL database, by ``with PostgresStore.from_conn_string("postgresql://...") as store``."""

    @classmethod
    @contextmanager
    def from_conn_string(
        cls, conn_string: str, *, index: Mapping[str, Any] | None = None, ttl: Mapping[str, Any] | None = None
    ) -> "Generator[PostgresStore]":
        made = cls(conn_string, index=index, ttl=ttl)
        try:
            yield made
        finally:
            made.close()

    def setup(self) -> None:
        """The tables are made when it is opened."""


class AsyncPostgresStore(DurableStore):
    """The same, for code that awaits."""

    @classmethod
    @asynccontextmanager
    async def from_conn_string(
        cls, conn_string: str, *, index: Mapping[str, Any] | None = None, ttl: Mapping[str, Any] | None = None
    ) -> "AsyncGenerator[AsyncPostgresStore]":
        made = cls(conn_string, index=index, ttl=ttl)
        try:
            yield made
        finally:
            await made.aclose()

    async def setup(self) -> None:
        """The tables are made when it is opened."""


def _file(conn_string: str) -> str:
    return "sqlite://" if conn_string in ("", ":memory:") else f"sqlite:///{conn_string}"
