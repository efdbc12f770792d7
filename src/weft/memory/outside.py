"""Vectors of what is not there any more, in indexes outside of the store: taken away, also after a crash.

Who has an index says so; whoever takes something away sweeps, and so does an app that starts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from weakref import WeakKeyDictionary

from weft.storage.memory_rows import MemoryRow
from weft.storage.outside_rows import Outside, Stray
from weft.vectors.base import VectorIndex

SPACES = "memory/"
"""How the names of spaces of memories begin."""
_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Where the vectors of memories are, if not in the memory of each process."""

    index: VectorIndex
    embedder: str
    """Whose they are; another's are not put there."""

    async def put(self, outside: Outside, space: str, rows: Sequence[tuple[int, MemoryRow]]) -> None:
        """These versions of memories are found by their numbers from now on."""
        entries = [(str(n), row.vector) for n, row in rows if row.vector is not None and row.embedder == self.embedder]
        if entries:
            await sweep(outside)  # a number may be that of something that is gone
        for start in range(0, len(entries), _AT_ONCE):
            await self.index.put(space, entries[start : start + _AT_ONCE])


_known: WeakKeyDictionary[Outside, dict[tuple[str, VectorIndex], None]] = WeakKeyDictionary()


def declare(outside: Outside, spaces: str, index: VectorIndex) -> None:
    """In this process an index has spaces whose names begin so."""
    _known.setdefault(outside, {})[spaces, index] = None


async def sweep(outside: Outside) -> int:
    """Empty the journal as far as indexes are known here; how many vectors or spaces are left in others.

    Raises:
        StoreError: an index does not answer; what is left stays in the journal.
    """
    known = list(_known.get(outside, ()))
    left = last = 0
    while page := await outside.strays(last):
        last = page[-1].n
        for space, group in groupby(page, lambda stray: stray.space):
            strays = list(group)
            indexes = [index for begins, index in known if space.startswith(begins)]
            for index in indexes:
                await _removed(index, space, strays)
            if indexes:
                await outside.gone([stray.n for stray in strays])
            else:
                left += len(strays)
    return left


async def _removed(index: VectorIndex, space: str, strays: Sequence[Stray]) -> None:
    if any(not stray.id for stray in strays):
        await index.drop(space)
    else:
        await index.remove(space, [stray.id for stray in strays])
    await index.scrub(space)
