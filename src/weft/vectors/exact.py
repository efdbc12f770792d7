"""The index that needs nothing: all vectors of a space in one matrix of this process, searched whole."""

import asyncio
import sys
import threading
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, ParamSpec, TypeAlias, TypeVar

from weft.vectors.base import distinct, numbers

if TYPE_CHECKING:
    import numpy as np

    Floats: TypeAlias = np.ndarray[Any, np.dtype[np.float32]]

P = ParamSpec("P")
T = TypeVar("T")
_BRIEF = 4_000_000
"""Numbers that are searched or taken up on the event loop: about half a millisecond; more of them beside it."""
_FIRST = 64
"""Rows that a space has room for at first."""


class Exact:
    """``VectorIndex`` in memory: gone with the process, and never wrong.

    A vector of 384 numbers takes 1.5 KB. A search reads all of the space once: it is as fast as memory is.

    >>> import asyncio, struct
    >>> async def main() -> None:
    ...     index = Exact()
    ...     await index.put("notes", [("n1", struct.pack("<2f", 1, 0)), ("n2", struct.pack("<2f", 0, 1))])
    ...     print(await index.search("notes", struct.pack("<2f", 0, 1), 1))
    >>> asyncio.run(main())
    [('n2', 1.0)]
    """

    def __init__(self) -> None:
        self._spaces: dict[str, Matrix] = {}

    async def put(self, space: str, entries: Sequence[tuple[str, bytes]]) -> None:
        if not entries:
            return
        await loaded()
        held = self._spaces.get(space)
        size = numbers(space, (vector for _, vector in entries), None if held is None else held.size)
        held = self._spaces.setdefault(space, held or Matrix(size))
        await _run(len(entries) * size, held.put, distinct(entries))

    async def remove(self, space: str, ids: Sequence[str]) -> None:
        if (held := self._spaces.get(space)) is not None:
            held.remove(ids)

    async def search(
        self, space: str, vector: bytes, limit: int, *, only: Sequence[str] | None = None
    ) -> Sequence[tuple[str, float]]:
        if (held := self._spaces.get(space)) is None or limit < 1:
            return []
        numbers(space, [vector], held.size)
        return await _run(held.count * held.size, held.search, vector, limit, only)

    async def count(self, space: str) -> int:
        held = self._spaces.get(space)
        return 0 if held is None else held.count

    async def scrub(self, space: str) -> None:
        """What goes is written over."""

    async def drop(self, space: str) -> None:
        self._spaces.pop(space, None)

    async def close(self) -> None:
        self._spaces.clear()


class Matrix:
    """The vectors of one space, in rows without gaps; usable from several threads."""

    def __init__(self, size: int) -> None:
        import numpy as np  # noqa: PLC0415

        self.size = size
        self._ids: list[str] = []
        self._at: dict[str, int] = {}
        self._rows: Floats = np.empty((_FIRST, size), dtype=np.float32)
        self._lock = threading.Lock()

    @property
    def count(self) -> int:
        return len(self._ids)

    def put(self, entries: dict[str, bytes]) -> None:
        """Each takes the row of its id, or a new one."""
        import numpy as np  # noqa: PLC0415

        with self._lock:
            new = [id for id in entries if id not in self._at]
            self._grow(len(self._ids) + len(new))
            for id in new:
                self._at[id] = len(self._ids)
                self._ids.append(id)
            body = np.frombuffer(b"".join(entries.values()), dtype="<f4").reshape(-1, self.size)
            self._rows[[self._at[id] for id in entries]] = body

    def _grow(self, count: int) -> None:
        import numpy as np  # noqa: PLC0415

        if count > len(self._rows):
            rows: Floats = np.empty((max(count, 2 * len(self._rows)), self.size), dtype=np.float32)
            rows[: len(self._ids)] = self._rows[: len(self._ids)]
            self._rows = rows

    def remove(self, ids: Sequence[str]) -> None:
        """The last row takes the place of each that goes."""
        with self._lock:
            for id in ids:
                if (at := self._at.pop(id, None)) is None:
                    continue
                last = self._ids.pop()
                self._rows[at] = self._rows[len(self._ids)]
                self._rows[len(self._ids)] = 0
                if last != id:
                    self._ids[at] = last
                    self._at[last] = at

    def search(self, vector: bytes, limit: int, only: Sequence[str] | None = None) -> list[tuple[str, float]]:
        """All rows, or those of these ids."""
        import numpy as np  # noqa: PLC0415

        asked = np.frombuffer(vector, dtype="<f4")
        with self._lock:
            ids: Sequence[str]
            if only is None:
                ids, rows = self._ids, self._rows[: len(self._ids)]
            else:
                ids = [id for id in dict.fromkeys(only) if id in self._at]
                rows = self._rows[[self._at[id] for id in ids]]
            return best(ids, rows @ asked, limit)


def best(ids: Sequence[str], scores: "Floats", limit: int) -> list[tuple[str, float]]:
    """The ids with the highest scores, best first; of equal ones the first."""
    import numpy as np  # noqa: PLC0415

    chosen = np.arange(len(scores))
    if len(scores) > limit:
        chosen = np.argpartition(-scores, limit - 1)[:limit]
    order: list[int] = chosen[np.lexsort((chosen, -scores[chosen]))].tolist()
    return [(ids[at], float(scores[at])) for at in order]


async def _run(numbers: int, call: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
    """On the loop where it is brief, else beside it."""
    if numbers <= _BRIEF:
        return call(*arguments, **options)
    return await asyncio.to_thread(call, *arguments, **options)


async def loaded(*modules: str) -> None:
    """numpy and these, imported beside the event loop: they are heavy, and only who has vectors needs them.

    Raises:
        ImportError: one is not installed.
    """
    for module in ("numpy", *modules):
        if module not in sys.modules:
            await asyncio.to_thread(import_module, module)
