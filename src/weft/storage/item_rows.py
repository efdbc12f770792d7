"""What a store keeps of items that programs put under a namespace and a key: the port, and its rows."""

from collections.abc import Sequence
from typing import Protocol, TypeAlias

from msgspec import Struct

from weft.storage.rows import Scope

Namespace: TypeAlias = tuple[str, ...]
Place: TypeAlias = tuple[Namespace, str]
"""A namespace and a key in it."""


class ItemRow(Struct, frozen=True, kw_only=True):
    """An item."""

    n: int = 0
    """Its number in the store, for as long as it is there."""
    namespace: Namespace
    key: str
    body: bytes
    """JSON."""
    vectors: tuple[bytes, ...] = ()
    """By which it is found; empty where a row is read for its body."""
    created_at: float
    updated_at: float
    ttl: float | None = None
    """Seconds that it stays after it was last touched."""
    expires_at: float | None = None


class Found(Struct, frozen=True, gc=False):
    """By what an item is found."""

    n: int
    namespace: Namespace
    vectors: tuple[bytes, ...]


class Items(Protocol):
    """Items of a user, or of whoever the scope names. What has expired (by ``now``) is not there.

    Every scope but that of ``erase`` names a user.
    """

    async def put(self, scope: Scope, kept: Sequence[ItemRow], gone: Sequence[Place] = ()) -> Sequence[Found]:
        """Write and delete all of it in one transaction; what was deleted. One writer at a time for each scope."""
        ...

    async def get(self, scope: Scope, places: Sequence[Place], now: float) -> Sequence[ItemRow | None]: ...

    async def numbered(self, scope: Scope, numbers: Sequence[int], now: float) -> Sequence[ItemRow | None]: ...

    async def list(
        self, scope: Scope, prefix: Namespace, now: float, *, limit: int | None = None, offset: int = 0
    ) -> Sequence[ItemRow]:
        """Those below the prefix, last changed first."""
        ...

    async def namespaces(self, scope: Scope, now: float) -> Sequence[Namespace]:
        """In which something is, in order."""
        ...

    async def news(self, scope: Scope, after: int) -> tuple[int, Sequence[Found]]:
        """What was written after this revision, and the revision now. What is gone since is not told."""
        ...

    async def touch(self, scope: Scope, numbers: Sequence[int], now: float) -> None:
        """They stay for their time from now on."""
        ...

    async def erase(self, scope: Scope, *, prefix: Namespace = (), expired_at: float | None = None) -> Sequence[Found]:
        """Take away all below the prefix, or of it what has expired, leaving no bytes; what that was."""
        ...
