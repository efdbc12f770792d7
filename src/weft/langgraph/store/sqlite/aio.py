"""Item stores in SQLite files, for code that awaits."""

from weft.langgraph.store.kept import AsyncSqliteStore

__all__ = ["AsyncSqliteStore"]
