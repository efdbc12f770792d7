"""Checkpointers in PostgreSQL, for programs with an event loop."""

from weft.langgraph.points import AsyncPostgresSaver

__all__ = ["AsyncPostgresSaver"]
