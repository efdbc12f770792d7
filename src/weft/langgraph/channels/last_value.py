"""``LastValue``, where ``langgraph.channels.last_value`` has it."""

from weft.langgraph.state import LastValue

__all__ = ["LastValue"]
