"""``EphemeralValue``, where ``langgraph.channels.ephemeral_value`` has it."""

from weft.langgraph.state import EphemeralValue

__all__ = ["EphemeralValue"]
