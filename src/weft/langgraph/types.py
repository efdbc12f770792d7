"""Values of graphs, as ``langgraph.types`` offers them."""

from typing import TypeAlias

from weft.langgraph.current import interrupt
from weft.langgraph.looking import WeftCheckpointer
from weft.langgraph.words import (
    All,
    CachePolicy,
    Command,
    Durability,
    GraphOutput,
    Interrupt,
    Overwrite,
    PregelTask,
    RetryPolicy,
    Send,
    StateSnapshot,
    StateUpdate,
    StreamMode,
    StreamWriter,
    TimeoutPolicy,
)

Checkpointer: TypeAlias = None | bool | WeftCheckpointer  # noqa: RUF036  # as it is written there
"""What ``compile`` takes."""

__all__ = [
    "All",
    "CachePolicy",
    "Checkpointer",
    "Command",
    "Durability",
    "GraphOutput",
    "Interrupt",
    "Overwrite",
    "PregelTask",
    "RetryPolicy",
    "Send",
    "StateSnapshot",
    "StateUpdate",
    "StreamMode",
    "StreamWriter",
    "TimeoutPolicy",
    "interrupt",
]
