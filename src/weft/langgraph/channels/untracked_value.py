"""``UntrackedValue``, where ``langgraph.channels.untracked_value`` has it."""

from weft.langgraph.state import UntrackedValue

__all__ = ["UntrackedValue"]
