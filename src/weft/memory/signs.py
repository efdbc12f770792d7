"""The nearest of very many vectors, by their signs first: a bit for each number tells nearly as much as all of it.

To compare 100,000 vectors of 384 numbers is to read 150 MB. Their signs are 5 MB; how many of them differ says how
large the angle is, give or take, and only those that seem nearest are then compared number by number.
"""

import math
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy as np

    Floats: TypeAlias = np.ndarray[Any, np.dtype[np.float32]]

NEAREST = 2_000
"""Vectors, or some more, that are compared number by number."""
_FITTING = 500
"""And of those that fit by something else."""
_WORD = 64
_AT_ONCE = 8_192
"""Vectors whose signs are taken at once."""


class Signs:
    """The signs of vectors of ``size`` numbers, taken when they are first asked for.

    >>> import numpy as np
    >>> rows = np.eye(4, 8, dtype=np.float32)
    >>> int(Signs(8).cosines(rows, rows[2], np.zeros(4)).argmax())
    2
    """

    def __init__(self, size: int) -> None:
        import numpy as np  # noqa: PLC0415  # heavy: only who searches loads it

        self._count = 0
        self._words = np.empty((math.ceil(size / _WORD), 0), dtype=np.uint64)
        """Sixty-four signs of each vector in each row: whole rows are compared at a time."""

    def cosines(self, rows: "Floats", vector: "Floats", fits: "Floats") -> "Floats":
        """With each row: exact for those that seem nearest or have most of ``fits``, for others as their signs say."""
        import numpy as np  # noqa: PLC0415

        self._take(rows)
        differ = np.zeros(len(rows), dtype=np.uint16)
        for mine, asked in zip(self._words, _signs(vector[None, :])[:, 0], strict=True):
            differ += np.bitwise_count(mine[: len(rows)] ^ asked)
        angles = np.cos(np.arange(len(vector) + 1) * (math.pi / len(vector))).astype(np.float32)
        found = angles[differ]
        within = int(np.searchsorted(np.bincount(differ).cumsum(), NEAREST))
        chosen = differ <= within
        if len(rows) > _FITTING:
            chosen[np.argpartition(-fits, _FITTING)[:_FITTING]] = True
        near = np.flatnonzero(chosen)
        found[near] = np.einsum("ij,j->i", rows[near], vector)  # which takes no threads, as so little would wait for
        return found

    def _take(self, rows: "Floats") -> None:
        import numpy as np  # noqa: PLC0415

        if len(rows) > self._words.shape[1]:
            room = np.empty((len(self._words), max(len(rows), 2 * self._words.shape[1])), dtype=np.uint64)
            room[:, : self._count] = self._words[:, : self._count]
            self._words = room
        for start in range(self._count, len(rows), _AT_ONCE):
            some = rows[start : start + _AT_ONCE]
            self._words[:, start : start + len(some)] = _signs(some)
        self._count = len(rows)


def _signs(rows: "Floats") -> "np.ndarray[Any, np.dtype[np.uint64]]":
    """A column of words for each row."""
    import numpy as np  # noqa: PLC0415

    bits = np.packbits(rows > 0, axis=1)
    words = np.zeros((len(rows), 8 * math.ceil(rows.shape[1] / _WORD)), dtype=np.uint8)
    words[:, : bits.shape[1]] = bits
    return words.view(np.uint64).T
