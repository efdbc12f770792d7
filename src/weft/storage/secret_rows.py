"""What a store keeps of secrets: sealed bytes, under names."""

from collections.abc import Sequence
from typing import Protocol


class Secrets(Protocol):
    """Of a workspace. What is in the bytes is sealed before it comes here."""

    async def get(self, workspace: str, name: str) -> bytes | None:
        """``None`` where there is none of that name."""
        ...

    async def names(self, workspace: str, prefix: str) -> Sequence[str]:
        """Those that begin so, in order."""
        ...

    async def put(self, workspace: str, name: str, body: bytes) -> None:
        """Keep it in the place of what was there."""
        ...

    async def forget(self, workspace: str, name: str) -> None:
        """It is gone, or never was there."""
        ...
