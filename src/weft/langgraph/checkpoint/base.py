"""What all checkpointers are here."""

from weft.langgraph.looking import CheckpointTuple
from weft.langgraph.looking import WeftCheckpointer as BaseCheckpointSaver

__all__ = ["BaseCheckpointSaver", "CheckpointTuple"]
