"""Checkpointers in a file, for programs with an event loop."""

from weft.langgraph.points import AsyncSqliteSaver

__all__ = ["AsyncSqliteSaver"]
