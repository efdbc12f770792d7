"""What an agent knows of the past: the context of its conversation now, long-term memory on top of it."""
