"""Checkpointers in memory."""

from weft.langgraph.points import InMemorySaver, MemorySaver

__all__ = ["InMemorySaver", "MemorySaver"]
