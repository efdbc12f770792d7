"""Item stores in PostgreSQL, for code that awaits."""

from weft.langgraph.store.kept import AsyncPostgresStore

__all__ = ["AsyncPostgresStore"]
