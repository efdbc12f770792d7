"""Item stores in PostgreSQL."""

from weft.langgraph.store.kept import AsyncPostgresStore, PostgresStore

__all__ = ["AsyncPostgresStore", "PostgresStore"]
