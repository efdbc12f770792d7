"""What a store knows of vectors that are kept outside of it: in which spaces, and which of them are to go.

Whatever takes rows away puts their vectors into this journal in the same transaction. It is emptied by who knows the
index, and after a crash by the next process that does.
"""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from weft.storage.memory_rows import Shelf
from weft.storage.rows import Scope


class Stray(Struct, frozen=True, gc=False):
    """A vector of something that is not there any more."""

    n: int
    space: str
    id: str
    """'' for all of the space."""


class Outside(Protocol):
    """Spaces of indexes outside of the store, and the journal of what is to be taken from them."""

    async def of_shelf(self, workspace: str, shelf: Shelf) -> str:
        """The space of a shelf of memories, which tells nothing of whose it is; '' for a shelf that is not there."""
        ...

    async def of_collection(self, workspace: str, collection: str, space: str) -> None:
        """From now on vectors of a collection may be in this space."""
        ...

    async def of_items(self, scope: Scope, space: str) -> None:
        """From now on vectors of a user's items may be in this space."""
        ...

    async def strays(self, after: int = 0, limit: int = 1_000) -> Sequence[Stray]:
        """In order, of all workspaces."""
        ...

    async def gone(self, numbers: Sequence[int]) -> None:
        """They were taken out of their index."""
        ...
