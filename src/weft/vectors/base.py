"""What an index of vectors is: the port, and what all adapters say in the same words.

An index is derived: it can always be made anew from what a store holds, and nothing is only there.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol

from weft.errors import UsageError

NUMBER = 4
"""Bytes of one number of a vector: a little-endian 32-bit float."""


class VectorIndex(Protocol):
    """Where vectors are found.

    ``space`` is an opaque name (a workspace and a collection or shelf of it), and spaces know nothing of each other.
    Vectors are little-endian 32-bit floats of length 1, all of a space with as many numbers; ids are strings of the
    caller's. All methods raise ``StoreError`` where an index that is elsewhere does not answer.
    """

    async def put(self, space: str, entries: Sequence[tuple[str, bytes]]) -> None:
        """Keep these; an id that is there takes the new vector.

        Raises:
            UsageError: a vector has more or fewer numbers than the others of the space; nothing was put.
        """
        ...

    async def remove(self, space: str, ids: Sequence[str]) -> None:
        """Forget these; those that are not there are no error."""
        ...

    async def search(
        self, space: str, vector: bytes, limit: int, *, only: Sequence[str] | None = None
    ) -> Sequence[tuple[str, float]]:
        """The ids of the nearest vectors and their cosine, best first; nothing in a space that is not there.

        Args:
            only: Search among these ids; an empty one finds nothing.

        Raises:
            UsageError: the vector has more or fewer numbers than those of the space.
        """
        ...

    async def count(self, space: str) -> int:
        """How many vectors are in the space: who finds fewer than he has put there makes it anew."""
        ...

    async def scrub(self, space: str) -> None:
        """See to it that no byte of what was removed from the space is kept, as far as the index can do that."""
        ...

    async def drop(self, space: str) -> None:
        """Forget the space."""
        ...

    async def close(self) -> None:
        """Write what is to be kept, and let go. Nothing may be asked afterwards."""
        ...


def numbers(space: str, vectors: Iterable[bytes], known: int | None = None) -> int:
    """How many numbers each of these vectors has, which must be as many as are ``known`` of the space; 0 for none.

    >>> numbers("notes", [bytes(8), bytes(8)])
    2

    Raises:
        UsageError: they differ, or a vector is none.
    """
    for vector in vectors:
        size, rest = divmod(len(vector), NUMBER)
        if rest or not size:
            raise UsageError(f"{len(vector)} bytes are no vector: it takes 4 for each number, and at least one number")
        if known is not None and size != known:
            raise UsageError(
                f"the vectors of {space!r} have {known} numbers, and this one has {size}: another embedder made it. "
                "Drop the space and embed everything in it again"
            )
        known = size
    return known or 0


def distinct(entries: Sequence[tuple[str, bytes]]) -> dict[str, bytes]:
    """By id: of what is given twice, the last."""
    return dict(entries)
