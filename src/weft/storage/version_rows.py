"""What a store keeps of documents that have versions, as routers and policies are: the port, and its row."""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct


class VersionRow(Struct, frozen=True, kw_only=True):
    """A version of a document."""

    version: int
    """1, 2, 3 ..."""
    at: float
    """When it was written, in seconds since the epoch."""
    body: bytes
    """JSON."""


class Versioned(Protocol):
    """Documents by their name, each version kept. They are the workspace's, not a user's."""

    async def newest(self, workspace: str, name: str, *, after: int = 0) -> VersionRow | None:
        """The version that holds; ``None`` where none is greater than ``after``."""
        ...

    async def put(self, workspace: str, name: str, body: bytes, *, expected: int) -> VersionRow:
        """Write the version after ``expected`` (0 where there is none yet).

        Raises: Conflict: ``expected`` is not the newest.
        """
        ...

    async def versions(self, workspace: str, name: str, *, limit: int = 50) -> Sequence[VersionRow]:
        """The newest first."""
        ...
