"""LangGraph beside Weft: its checkpoints in a Weft store, its graphs as nodes, its words on Weft's engine."""
