"""Names with a meaning, as ``langgraph.constants`` offers them."""

from weft.langgraph.words import END, START, TAG_HIDDEN, TAG_NOSTREAM, Interrupt, Send

__all__ = ["END", "START", "TAG_HIDDEN", "TAG_NOSTREAM", "Interrupt", "Send"]
