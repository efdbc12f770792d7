"""Checkpointers in PostgreSQL."""

from weft.langgraph.points import PostgresSaver

__all__ = ["PostgresSaver"]
