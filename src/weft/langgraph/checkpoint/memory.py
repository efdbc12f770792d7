"""Checkpointers in memory."""

from weft.langgraph.savers import InMemorySaver, MemorySaver

__all__ = ["InMemorySaver", "MemorySaver"]
