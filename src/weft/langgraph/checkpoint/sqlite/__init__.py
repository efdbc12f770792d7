"""Checkpointers in a file."""

from weft.langgraph.points import SqliteSaver

__all__ = ["SqliteSaver"]
