"""usearch: an approximate index in files of this machine, for spaces that are too big to be searched whole."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weft.errors import UsageError
from weft.vectors.files import Engine, InFolder

if TYPE_CHECKING:
    from weft.vectors.exact import Floats


class Usearch(InFolder):
    """``VectorIndex`` as a graph (HNSW) in a folder; ``pip install 'weft[usearch]'``.

    Args:
        precision: Of the numbers kept: ``f32``, or ``f16`` and ``i8`` in half and a quarter of the space.
        effort: How much of the graph is looked at in a search; more finds more of the nearest, and takes longer.
    """

    def __init__(self, folder: str | os.PathLike[str], *, precision: str = "f32", effort: int = 128) -> None:
        super().__init__(folder, lambda: _Graphs(precision, effort))


class _Graphs:
    def __init__(self, precision: str, effort: int) -> None:
        """Raises: UsageError."""
        try:
            import usearch.index  # noqa: PLC0415  # an extra
        except ImportError as error:
            raise UsageError(f"vectors in usearch need its package: pip install 'weft[usearch]' ({error})") from error
        self._library: Any = usearch.index
        self._options = {"metric": "ip", "dtype": precision, "expansion_search": effort}

    def make(self, size: int) -> Engine:
        return _Graph(self._library.Index(ndim=size, **self._options))

    def load(self, path: Path, size: int) -> Engine:
        made = self._library.Index(ndim=size, **self._options)
        made.load(str(path))
        return _Graph(made)


class _Graph:
    """``files.Engine``."""

    def __init__(self, index: Any) -> None:
        self._index = index

    def add(self, labels: Sequence[int], rows: "Floats") -> None:
        import numpy as np  # noqa: PLC0415

        self._index.add(np.array(labels, dtype=np.uint64), rows)

    def remove(self, labels: Sequence[int]) -> None:
        import numpy as np  # noqa: PLC0415

        self._index.remove(np.array(labels, dtype=np.uint64))

    def get(self, labels: Sequence[int]) -> "Floats":
        import numpy as np  # noqa: PLC0415

        return np.asarray(self._index.get(np.array(labels, dtype=np.uint64), dtype=np.float32))

    def search(self, vector: "Floats", limit: int) -> Sequence[tuple[int, float]]:
        found = self._index.search(vector, limit)
        return [(int(label), 1.0 - float(far)) for label, far in zip(found.keys, found.distances, strict=True)]

    def save(self, path: Path) -> None:
        self._index.save(str(path))
