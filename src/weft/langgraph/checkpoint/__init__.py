"""Checkpointers, as ``langgraph.checkpoint`` offers them."""
