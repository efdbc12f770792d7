"""Channels, as ``langgraph.channels`` offers them."""

from weft.langgraph.state import AnyValue, BinaryOperatorAggregate, EphemeralValue, LastValue, Topic, UntrackedValue

__all__ = ["AnyValue", "BinaryOperatorAggregate", "EphemeralValue", "LastValue", "Topic", "UntrackedValue"]
