"""The checkpointers that people name: memory, files, PostgreSQL. Each is a Weft store."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from weft.langgraph.looking import WeftCheckpointer


class InMemorySaver(WeftCheckpointer):
    """Memory that is gone with it."""

    def __init__(self, **_: Any) -> None:
        super().__init__("sqlite://")


MemorySaver = InMemorySaver


class SqliteSaver(WeftCheckpointer):
    """A file, by ``from_conn_string("checkpoints.db")``."""

    @classmethod
    @contextmanager
    def from_conn_string(cls, conn_string: str) -> "Generator[SqliteSaver]":
        with cls("sqlite://" if conn_string in ("", ":memory:") else f"sqlite:///{conn_string}") as saver:
            yield saver  # pyright: ignore[reportReturnType]  # ``cls`` made it


class AsyncSqliteSaver(WeftCheckpointer):
    """The same; ``async with AsyncSqliteSaver.from_conn_string("checkpoints.db")``."""

    @classmethod
    def from_conn_string(cls, conn_string: str) -> "AsyncSqliteSaver":
        return cls("sqlite://" if conn_string in ("", ":memory:") else f"sqlite:///{conn_string}")


class PostgresSaver(WeftCheckpointer):
    """A PostgreSQL database, by ``from_conn_string("postgresql://...")``."""

    @classmethod
    def from_conn_string(cls, conn_string: str) -> "PostgresSaver":
        return cls(conn_string)


class AsyncPostgresSaver(PostgresSaver):
    """The same."""

    async def setup(self) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  # awaited where it is async
        """The tables are made when it is opened."""
