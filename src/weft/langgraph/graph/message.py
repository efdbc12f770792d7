"""Lists of messages, as ``langgraph.graph.message`` offers them."""

from typing import Any

from weft.langgraph.chat import any_message
from weft.langgraph.messages import REMOVE_ALL_MESSAGES, MessagesState, RemoveMessage, add_messages, push_message


def __getattr__(name: str) -> Any:
    """``AnyMessage``, which LangGraph's own examples import from here: it is LangChain's."""
    if name != "AnyMessage":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return any_message()


__all__ = ["REMOVE_ALL_MESSAGES", "MessagesState", "RemoveMessage", "add_messages", "push_message"]
