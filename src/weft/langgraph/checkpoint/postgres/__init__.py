"""Checkpointers in PostgreSQL."""

from weft.langgraph.savers import PostgresSaver

__all__ = ["PostgresSaver"]
