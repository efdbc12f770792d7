"""What a node may ask, as ``langgraph.config`` offers it."""

from weft.langgraph.current import get_config, get_store, get_stream_writer

__all__ = ["get_config", "get_store", "get_stream_writer"]
