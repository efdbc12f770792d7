"""What may go wrong, as ``langgraph.errors`` offers it."""

from weft.langgraph.words import EmptyInputError, GraphRecursionError, InvalidUpdateError, NodeInterrupt

__all__ = ["EmptyInputError", "GraphRecursionError", "InvalidUpdateError", "NodeInterrupt"]
