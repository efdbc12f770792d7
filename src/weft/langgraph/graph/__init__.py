"""Graphs, as ``langgraph.graph`` offers them."""

from weft.langgraph.compiled import CompiledStateGraph, StateGraph
from weft.langgraph.messages import MessagesState, add_messages
from weft.langgraph.words import END, START

__all__ = ["END", "START", "CompiledStateGraph", "MessagesState", "StateGraph", "add_messages"]
