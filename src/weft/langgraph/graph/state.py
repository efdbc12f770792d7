"""Graphs of a state, as ``langgraph.graph.state`` offers them."""

from weft.langgraph.compiled import CompiledStateGraph, StateGraph

__all__ = ["CompiledStateGraph", "StateGraph"]
