"""``Topic``, where ``langgraph.channels.topic`` has it."""

from weft.langgraph.state import Topic

__all__ = ["Topic"]
