"""What a store promises of the keys that its content is sealed under: the port, and its rows."""

from collections.abc import Sequence
from typing import Literal, Protocol

from msgspec import Struct

from weft.security.sealing import Sealer


class KeyInfo(Struct, frozen=True, kw_only=True):
    """A data key, without itself."""

    id: str
    workspace: str
    kind: Literal["data", "names"]
    """``names``: for the few columns in which equal values are to be equal."""
    at: float
    retired_at: float | None
    """Since when nothing new is sealed under it."""


class Resealing(Struct, frozen=True, kw_only=True):
    """How far the values of a workspace are sealed under its newest key."""

    workspace: str
    at: float
    """When the key was made."""
    done: int
    total: int
    """Rows, as many as there were then."""


class Keys(Protocol):
    """The data keys of a sealed store. All raise ``UsageError`` where it is not sealed."""

    @property
    def on(self) -> bool:
        """Whether the store is sealed. Never raises."""
        ...

    async def list(self) -> Sequence[KeyInfo]: ...

    async def rotate(self, workspace: str) -> None:
        """Seal new values of the workspace under a new key; those that are there by ``step``."""
        ...

    async def rewrap(self, master: Sealer) -> int:
        """Wrap all data keys by another master key, all or none; how many."""
        ...

    async def going(self) -> Sequence[Resealing]:
        """Workspaces with values under an older key, or under none."""
        ...

    async def step(self, workspace: str) -> bool:
        """Seal a page of rows again; whether there are more.

        At the end the retired keys are deleted, unless a process may still write under one: then all is looked through
        once more when it is called again.
        """
        ...
