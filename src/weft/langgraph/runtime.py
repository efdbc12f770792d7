"""The runtime of a node, as ``langgraph.runtime`` offers it."""

from weft.langgraph.current import get_runtime
from weft.langgraph.words import ExecutionInfo, RunControl, Runtime

__all__ = ["ExecutionInfo", "RunControl", "Runtime", "get_runtime"]
