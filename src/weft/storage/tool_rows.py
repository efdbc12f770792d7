"""What a store keeps of a workspace's tools: the port, and its row."""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct


class ToolRow(Struct, frozen=True, kw_only=True):
    """A tool, or a set of tools, that was added to a workspace."""

    name: str
    at: float
    """When it was written last, in seconds since the epoch."""
    body: bytes
    """JSON of ``tools.registry.Registration``."""


class Toolbox(Protocol):
    """Tools by their name. They are the workspace's, not a user's."""

    async def all(self, workspace: str) -> Sequence[ToolRow]:
        """By name."""
        ...

    async def put(self, workspace: str, name: str, body: bytes, *, new: bool = False) -> ToolRow:
        """Write it. Raises: Conflict, where it should be ``new`` and is there already."""
        ...

    async def remove(self, workspace: str, name: str) -> None:
        """Raises: NotFound."""
        ...
