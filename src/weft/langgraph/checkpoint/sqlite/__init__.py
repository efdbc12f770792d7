"""Checkpointers in SQLite files."""

from weft.langgraph.savers import SqliteSaver

__all__ = ["SqliteSaver"]
