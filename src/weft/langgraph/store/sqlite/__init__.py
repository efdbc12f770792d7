"""Item stores in SQLite files."""

from weft.langgraph.store.kept import AsyncSqliteStore, SqliteStore

__all__ = ["AsyncSqliteStore", "SqliteStore"]
