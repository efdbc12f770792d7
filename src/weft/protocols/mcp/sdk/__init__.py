"""The server's door to the ``mcp`` package: nothing else here knows its types."""
