"""Lists of messages, as ``langgraph.graph.message`` offers them."""

from weft.langgraph.messages import REMOVE_ALL_MESSAGES, MessagesState, RemoveMessage, add_messages

__all__ = ["REMOVE_ALL_MESSAGES", "MessagesState", "RemoveMessage", "add_messages"]
