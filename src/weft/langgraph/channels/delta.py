"""``DeltaChannel``, where ``langgraph.channels.delta`` has it."""

from weft.langgraph.state import DeltaChannel

__all__ = ["DeltaChannel"]
