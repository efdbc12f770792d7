"""``BinaryOperatorAggregate``, where ``langgraph.channels.binop`` has it."""

from weft.langgraph.state import BinaryOperatorAggregate

__all__ = ["BinaryOperatorAggregate"]
