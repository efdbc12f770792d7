"""``AnyValue``, where ``langgraph.channels.any_value`` has it."""

from weft.langgraph.state import AnyValue

__all__ = ["AnyValue"]
