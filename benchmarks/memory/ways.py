"""Ways to search: the product's own, and the plain ones that it is held against.

Each takes items and, where it searches by meaning, who makes vectors, and gives what answers questions.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.memory.data import Item, Question, Search
from weft.memory.index import Shelved, best
from weft.memory.transcript import NEAR, NEAR_MEANT, OWN, Talk
from weft.memory.words import dated
from weft.storage.memory_rows import Mark, MemoryRow, News

if TYPE_CHECKING:
    from benchmarks.memory.data import Floats
    from benchmarks.memory.embedding import Kept

MOST = 100


def weft(items: Sequence[Item], embedder: "Kept | None") -> Search:
    """The product's memories, one for each item."""
    return _asked([_shelf(items, embedder)], vectors=embedder is not None)


def thread(items: Sequence[Item], embedder: "Kept | None", near: float | None = None, own: float = OWN) -> Search:
    """The product's search in a thread; with facts as memories beside it."""
    turns = next((n for n, item in enumerate(items) if item.fact), len(items))
    near = (NEAR if embedder is None else NEAR_MEANT) if near is None else near
    talk = Talk(near, own=own)
    talk.apply(News(mark=Mark(1), whole=False, rows=_rows(items[:turns], None)))
    if embedder is not None:
        parts = talk.parts()
        for (at, _), vector in zip(parts, embedder.rows([text for _, text in parts]), strict=True):
            talk.meant(at, vector.astype("<f4").tobytes())
    facts = [_shelf(items[turns:], embedder, turns)] if turns < len(items) else []
    return _asked([talk, *facts], vectors=embedder is not None)


def _shelf(items: Sequence[Item], embedder: "Kept | None", first: int = 0) -> Shelved:
    shelf = Shelved()
    vectors = None if embedder is None else of(items, embedder)
    shelf.apply(News(mark=Mark(1), whole=True, rows=_rows(items, vectors, first)))
    return shelf


def _rows(items: Sequence[Item], vectors: "Floats | None", first: int = 0) -> list[tuple[int, MemoryRow]]:
    """As they are kept; ``first`` is the place of the first one."""
    return [
        (
            n + 1,
            MemoryRow(
                id=str(first + n),
                text=item.text,
                subject=item.role,
                valid_from=item.at,
                known_from=item.at,
                digest=b"",
                vector=None if vectors is None else vectors[n].astype("<f4").tobytes(),
            ),
        )
        for n, item in enumerate(items)
    ]


def of(items: Sequence[Item], embedder: "Kept") -> "Floats":
    """A vector for each, as memories have it: of the text with its day, as far as the model reads."""
    return embedder.rows([dated(item.text, item.at) for item in items])


def _asked(shelves: Sequence[Shelved], *, vectors: bool) -> Search:
    def search(question: Question, vector: "Floats | None") -> Sequence[int]:
        meant = vector if vectors else None
        found = best(shelves, question.text, meant, limit=MOST, valid_at=1e12, known_at=1e12)
        return [int(row.id) for _, row in found]

    return search


def naive(items: Sequence[Item], embedder: "Kept | None") -> Search:
    """BM25 over lower-case words, without stems, stop words or dates."""
    score = _plain(items)
    return lambda question, vector: _first(score(question))


def dense(items: Sequence[Item], embedder: "Kept | None") -> Search:
    """The cosine alone."""
    assert embedder is not None
    vectors = of(items, embedder)
    return lambda question, vector: _first(vectors @ vector)


def convex(items: Sequence[Item], embedder: "Kept | None") -> Search:
    """Plain BM25 and the cosine, each brought to 0..1, half and half."""
    assert embedder is not None
    score, vectors = _plain(items), of(items, embedder)
    return lambda question, vector: _first(_even(score(question)) + _even(vectors @ vector))


def fused(items: Sequence[Item], embedder: "Kept | None") -> Search:
    """Reciprocal ranks (k = 60) of the product's words and the cosine."""
    ways = (weft(items, None), dense(items, embedder))

    def search(question: Question, vector: "Floats | None") -> Sequence[int]:
        scores: Counter[int] = Counter()
        for way in ways:
            for rank, at in enumerate(way(question, vector)):
                scores[at] += 1 / (61 + rank)  # pyright: ignore[reportArgumentType]
        return [at for at, _ in scores.most_common(MOST)]

    return search


def _plain(items: Sequence[Item]) -> Callable[[Question], "Floats"]:
    texts = [Counter(re.findall(r"\w+", item.text.lower())) for item in items]
    holding = Counter(word for text in texts for word in text)
    lengths = np.array([sum(text.values()) for text in texts], dtype=np.float32)
    norm = 1.2 * (0.25 + 0.75 * lengths / lengths.mean())

    def score(question: Question) -> "Floats":
        scores = np.zeros(len(texts), dtype=np.float32)
        for word in set(re.findall(r"\w+", question.text.lower())):
            weight = math.log(1 + (len(texts) - holding[word] + 0.5) / (holding[word] + 0.5))
            counts = np.array([text[word] for text in texts], dtype=np.float32)
            scores += weight * counts * 2.2 / (counts + norm)
        return scores

    return score


def _even(scores: "Floats") -> "Floats":
    low, high = scores.min(), scores.max()
    return ((scores - low) / max(float(high - low), 1e-9)).astype(np.float32)


def _first(scores: "Floats") -> Sequence[int]:
    return [int(at) for at in np.argsort(-scores, kind="stable")[:MOST]]
