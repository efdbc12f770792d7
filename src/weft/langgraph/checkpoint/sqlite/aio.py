"""Checkpointers in SQLite files, for code that awaits."""

from weft.langgraph.savers import AsyncSqliteSaver

__all__ = ["AsyncSqliteSaver"]
