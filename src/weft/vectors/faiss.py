"""FAISS: exact search in files of this machine, for spaces whose search should use all of its cores."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weft.errors import UsageError
from weft.vectors.files import Engine, InFolder

if TYPE_CHECKING:
    from weft.vectors.exact import Floats


class Faiss(InFolder):
    """``VectorIndex`` in a folder; ``pip install 'weft[faiss]'``. All vectors are compared, and kept in memory."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        super().__init__(folder, _Flats)


class _Flats:
    def __init__(self) -> None:
        """Raises: UsageError."""
        try:
            import faiss  # noqa: PLC0415  # an extra
        except ImportError as error:
            raise UsageError(f"vectors in FAISS need its package: pip install 'weft[faiss]' ({error})") from error
        self._library: Any = faiss

    def make(self, size: int) -> Engine:
        return _Flat(self._library, self._library.IndexIDMap2(self._library.IndexFlatIP(size)))

    def load(self, path: Path, size: int) -> Engine:
        return _Flat(self._library, self._library.read_index(str(path)))


class _Flat:
    """``files.Engine``."""

    def __init__(self, library: Any, index: Any) -> None:
        self._library, self._index = library, index

    def add(self, labels: Sequence[int], rows: "Floats") -> None:
        import numpy as np  # noqa: PLC0415

        self._index.add_with_ids(np.ascontiguousarray(rows), np.array(labels, dtype=np.int64))

    def remove(self, labels: Sequence[int]) -> None:
        import numpy as np  # noqa: PLC0415

        self._index.remove_ids(np.array(labels, dtype=np.int64))

    def get(self, labels: Sequence[int]) -> "Floats":
        import numpy as np  # noqa: PLC0415

        return self._index.reconstruct_batch(np.array(labels, dtype=np.int64))

    def search(self, vector: "Floats", limit: int) -> Sequence[tuple[int, float]]:
        scores, labels = self._index.search(vector.reshape(1, -1), limit)
        return [(int(label), float(score)) for label, score in zip(labels[0], scores[0], strict=True) if label >= 0]

    def save(self, path: Path) -> None:
        self._library.write_index(self._index, str(path))
