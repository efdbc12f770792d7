"""Caches of results in memory."""

from weft.langgraph.words import InMemoryCache

__all__ = ["InMemoryCache"]
