"""Stores for what outlives a thread, as ``langgraph.store`` offers them."""
