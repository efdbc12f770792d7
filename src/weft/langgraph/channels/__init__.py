"""Channels, as ``langgraph.channels`` offers them."""

from weft.langgraph.state import (
    AnyValue,
    BinaryOperatorAggregate,
    DeltaChannel,
    EphemeralValue,
    LastValue,
    Topic,
    UntrackedValue,
)

__all__ = [
    "AnyValue",
    "BinaryOperatorAggregate",
    "DeltaChannel",
    "EphemeralValue",
    "LastValue",
    "Topic",
    "UntrackedValue",
]
