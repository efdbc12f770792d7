"""Graphs that people write: ``StateGraph`` and what it compiles to."""
