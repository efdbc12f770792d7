"""What all checkpointers are here."""

from weft.langgraph.points import WeftCheckpointer as BaseCheckpointSaver

__all__ = ["BaseCheckpointSaver"]
