"""Graphs of a state, as ``langgraph.graph.state`` offers them."""

from weft.langgraph.compiled import CompiledStateGraph, StateGraph
from weft.langgraph.words import END, START

__all__ = ["END", "START", "CompiledStateGraph", "StateGraph"]
