"""The runtime of a node, as ``langgraph.runtime`` offers it."""

from weft.langgraph.current import get_runtime
from weft.langgraph.words import Runtime

__all__ = ["Runtime", "get_runtime"]
