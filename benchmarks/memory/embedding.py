"""Vectors that were made once, in files beside each other: the public sets take an hour of a core to embed."""

from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from weft.models.minilm import MiniLM

if TYPE_CHECKING:
    from benchmarks.memory.data import Floats

_KEY = 12
"""Bytes that a text is known by."""
_AT_ONCE = 512


class Kept:
    """An embedder that asks all-MiniLM-L6-v2 only for texts that it has not met.

    Args:
        model: Its folder; ``None`` for the one that is installed.
        folder: Where vectors are kept; ``None``: only for this run.
    """

    def __init__(self, model: Path | None, folder: Path | None) -> None:
        self._model, self._folder = MiniLM(model), folder
        self._known: dict[bytes, Floats] = {}
        self._files = 0
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            for self._files, path in enumerate(sorted(folder.glob("vec.*.npz")), 1):
                kept = np.load(path)
                self._known |= zip([bytes(key) for key in kept["keys"]], kept["rows"], strict=True)

    def rows(self, texts: Sequence[str]) -> "Floats":
        """A row for each text."""
        missing = [text for text in dict.fromkeys(texts) if _key(text) not in self._known]
        for start in range(0, len(missing), _AT_ONCE):
            some = missing[start : start + _AT_ONCE]
            found = self._model.rows(some)
            self._known |= zip(map(_key, some), found, strict=True)
            if self._folder is not None:
                keys = np.array([np.frombuffer(_key(text), dtype=np.uint8) for text in some])
                np.savez(self._folder / f"vec.{self._files:03d}.npz", keys=keys, rows=found)
                self._files += 1
        return np.array([self._known[_key(text)] for text in texts], dtype=np.float32).reshape(-1, 384)


def _key(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=_KEY).digest()
