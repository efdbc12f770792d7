"""Tools of MCP servers: one connection for all runs, and no failure of a server that is more than a failed call."""

from weft.tools.mcp.connection import close_connections
from weft.tools.mcp.oauth import OAuth
from weft.tools.mcp.toolset import MCP

__all__ = ["MCP", "OAuth", "close_connections"]
