"""An app as an MCP server: its agents, graphs, tools, resources and prompts for any MCP host."""

from weft.protocols.mcp.bearer import Bearer
from weft.protocols.mcp.client import elicit, log, progress, roots, sample, together
from weft.protocols.mcp.offer import Prompt, Reader, Resource, prompt, resource
from weft.protocols.mcp.serving import Serving

__all__ = [
    "Bearer",
    "Prompt",
    "Reader",
    "Resource",
    "Serving",
    "elicit",
    "log",
    "progress",
    "prompt",
    "resource",
    "roots",
    "sample",
    "together",
]
