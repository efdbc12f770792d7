"""Checkpointers in PostgreSQL, for code that awaits."""

from weft.langgraph.savers import AsyncPostgresSaver

__all__ = ["AsyncPostgresSaver"]
