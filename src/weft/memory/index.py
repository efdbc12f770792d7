"""Where a memory is found: all of a shelf in arrays, by its words (BM25) and by its meaning (vectors).

Exact and the same on every database, as the database only says what is new. A shelf of 100,000 memories is searched
in a few milliseconds; scores of both kinds are brought to 0..1 and added (decision 0030).
"""

import math
from array import array
from collections import Counter
from collections.abc import Iterable, KeysView, Mapping, Sequence
from contextlib import ExitStack
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeAlias, get_args

from msgspec.structs import replace

from weft.memory.deciding import fold
from weft.memory.signs import Signs
from weft.memory.words import dated, terms
from weft.storage.memory_rows import Kind, Mark, MemoryRow, News

if TYPE_CHECKING:
    import numpy as np

    Floats: TypeAlias = np.ndarray[Any, np.dtype[np.float32]]
    Flags: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]

K1, B = 1.2, 0.75
"""BM25's: how soon a word more counts less, and how much a long text is held back."""
STANDING = frozenset(("profile", "procedural"))
"""Kinds that come to mind without a question."""
MEANING = 0.5
"""How much of a score is that of the vectors, unless a shelf says more."""
MANY = 5_000
"""Vectors of a shelf that are all compared number by number; of more only those are whose signs agree."""
USER = "user"
_KINDS: dict[str, int] = {kind: n for n, kind in enumerate(get_args(Kind))}


class Vectors:
    """Vectors of one length, in one piece, and which rows they are of. Of several of a row the nearest counts."""

    def __init__(self) -> None:
        self._at = array("i")
        self._body = bytearray()
        self._signs: Signs | None = None
        self._plain = True
        """Each row has one, in order."""

    def add(self, at: int, vector: bytes) -> None:
        self._plain = self._plain and at == len(self._at)
        self._at.append(at)
        self._body += vector

    def cosines(self, vector: "Floats", words: "Floats") -> "Floats":
        """Of each row; 0 for one that is not here. Of very many, exact for those that are near or fit by ``words``."""
        import numpy as np  # noqa: PLC0415  # heavy: only who searches loads it

        rows = np.frombuffer(self._body, dtype="<f4").reshape(-1, len(vector))
        places = np.frombuffer(self._at, dtype=np.int32)
        if len(rows) <= MANY:
            found = rows @ vector
        else:
            self._signs = self._signs or Signs(len(vector))
            found = self._signs.cosines(rows, vector, words[places])
        if self._plain and len(found) == len(words):
            return found
        scores = np.full(len(words), -2.0, dtype=np.float32)
        np.maximum.at(scores, places, found)
        scores[scores == -2.0] = 0.0
        return scores


class Shelved:
    """One shelf in memory, brought up to date by ``apply``."""

    def __init__(self, near: float = 0.0, space: str | None = None, own: float = 0.0) -> None:
        self.near = near
        """How much a row counts for those beside it: what is said one after the other explains each other."""
        self.own = own
        """How much more the words of the user count (rows whose subject is ``user``) than those of others."""
        self.meaning = MEANING
        """How much of a score is the cosine's, where there are vectors; the rest is the words'."""
        self.space = space
        """Where its vectors are in an index outside; ``None``: here."""
        self.lock = Lock()
        """Whoever searches it, or adds to it, does so alone: one row is added at a time."""
        self.mark = Mark()
        self.rows: list[MemoryRow] = []
        self._where: dict[int, int] = {}
        self._postings: dict[str, tuple[array[int], array[float]]] = {}
        self._lengths = array("d")
        self.length = 0.0
        """Of all texts, in terms."""
        self._vectors: dict[int, Vectors] = {}
        """By their length in bytes."""
        self._standing: set[int] = set()
        self._subjects: dict[str, list[int]] = {}
        self._named: dict[str, list[int]] = {}
        self._times = [array("d") for _ in range(5)]
        """Of each row: since when and until when it held, and was known, and when it expires."""
        self._kinds = array("b")
        self._users = array("b")

    def apply(self, news: News) -> None:
        """Take up what is new."""
        if news.whole:
            self.__init__(self.near, self.space, self.own)
        for n, row in news.rows:
            with self.lock:
                self._take(n, row)
        self.mark = news.mark

    def _take(self, n: int, row: MemoryRow) -> None:
        at = self._where.get(n)
        if at is None:
            self._add(n, row)
            return
        self.rows[at] = bare(row)
        self._kinds[at] = _KINDS[row.kind]
        for column, time in zip(self._times, _times(row), strict=True):
            column[at] = time
        self._stand(at, row)

    def _add(self, n: int, row: MemoryRow) -> None:
        at = len(self.rows)
        self._where[n] = at
        self.rows.append(bare(row))
        self._kinds.append(_KINDS[row.kind])
        self._users.append(row.subject == USER)
        for column, time in zip(self._times, _times(row), strict=True):
            column.append(time)
        self._stand(at, row)
        if row.subject:
            self._subjects.setdefault(row.subject, []).append(at)
        if row.object:
            for name in {fold(row.subject), fold(row.object)}:
                self._named.setdefault(name, []).append(at)
        if row.vector is not None and self.space is None:
            self.meant(at, row.vector)
        counted = Counter(terms(f"{dated(row.text, row.valid_from)} {row.subject} {row.attribute}"))
        self._lengths.append(float(sum(counted.values())))
        self.length += self._lengths[-1]
        postings = self._postings
        for term, count in counted.items():
            if (posting := postings.get(term)) is None:
                postings[term] = (array("i", (at,)), array("f", (count,)))
            else:
                posting[0].append(at)
                posting[1].append(count)

    def meant(self, at: int, vector: bytes) -> None:
        """A vector of a row, which may have others: a long text has one for each passage."""
        self._vectors.setdefault(len(vector), Vectors()).add(at, vector)

    def _stand(self, at: int, row: MemoryRow) -> None:
        if row.known_to is None and (row.pinned or row.kind in STANDING):
            self._standing.add(at)
        else:
            self._standing.discard(at)

    def standing(self, now: float) -> list[MemoryRow]:
        """What is always at hand: what is pinned, the profile, and instructions that were approved."""
        rows = [self.rows[at] for at in sorted(self._standing)]
        return [row for row in rows if row.valid_from <= now < _end(row.valid_to) and now < _end(row.expires_at)]

    def rejected(self) -> list[MemoryRow]:
        """What was proposed and a person did not want, oldest first."""
        rows = [row for row in self.rows if row.rejected is not None and row.known_to is None]
        return sorted(rows, key=lambda row: row.known_from)

    def about(self, subject: str) -> list[MemoryRow]:
        """All that is known now of a subject, at any time."""
        rows = [self.rows[at] for at in self._subjects.get(subject, ())]
        return [row for row in rows if row.known_to is None and row.expires_at is None]

    @property
    def names(self) -> KeysView[str]:
        """Of all that was ever said to be connected, folded."""
        return self._named.keys()

    def naming(self, name: str) -> list[MemoryRow]:
        """What says how something of this (folded) name is connected, in all versions."""
        return [self.rows[at] for at in self._named.get(name, ())]

    def holding(self, term: str) -> int:
        """In how many memories a term is."""
        posting = self._postings.get(term)
        return 0 if posting is None else len(posting[0])

    def alive(self, valid_at: float, known_at: float) -> "Flags":
        """Which rows held then, as far as was known then."""
        import numpy as np  # noqa: PLC0415  # heavy: only who searches loads it

        begins, ends, learnt, replaced, expires = [np.frombuffer(column, dtype=np.float64) for column in self._times]
        held = (begins <= valid_at) & (valid_at < ends)
        return held & (learnt <= known_at) & (known_at < replaced) & (known_at < expires)

    def of_kinds(self, kinds: frozenset[str]) -> "Flags":
        """Which rows are of one of these."""
        import numpy as np  # noqa: PLC0415

        wanted = np.array([kind in kinds for kind in _KINDS], dtype=np.bool_)
        return wanted[np.frombuffer(self._kinds, dtype=np.int8)]

    def by_words(self, weights: dict[str, float], average: float) -> "Floats":
        """BM25 of each row, for terms with these weights."""
        import numpy as np  # noqa: PLC0415

        scores = np.zeros(len(self.rows), dtype=np.float32)
        norm = K1 * (1 - B + B * np.frombuffer(self._lengths, dtype=np.float64) / max(average, 1.0))
        for term, weight in weights.items():
            posting = self._postings.get(term)
            if posting is not None:
                documents = np.frombuffer(posting[0], dtype=np.int32)
                counts = np.frombuffer(posting[1], dtype=np.float32)
                scores[documents] += weight * counts * (K1 + 1) / (counts + norm[documents])
        return scores

    def users(self) -> "Floats":
        """1 for each row that is the user's own word, 0 for others."""
        import numpy as np  # noqa: PLC0415

        return np.frombuffer(self._users, dtype=np.int8).astype(np.float32)

    def cosines(self, found: Iterable[tuple[str, float]]) -> "Floats":
        """What an index outside found: ids are the numbers of rows."""
        import numpy as np  # noqa: PLC0415

        scores = np.zeros(len(self.rows), dtype=np.float32)
        for id, cosine in found:
            if (at := self._where.get(int(id))) is not None:
                scores[at] = cosine
        return scores

    def by_meaning(self, vector: "Floats", words: "Floats") -> "Floats":
        """The cosine of each row with a vector of length 1; 0 for rows that have none like it.

        Args:
            words: How well each fits by its words: what fits well is compared exactly on a large shelf too.
        """
        import numpy as np  # noqa: PLC0415

        held = self._vectors.get(4 * len(vector))
        return np.zeros(len(self.rows), dtype=np.float32) if held is None else held.cosines(vector, words)


def unit(vector: Sequence[float]) -> bytes:
    """A vector of length 1, as it is kept.

    >>> len(unit([3.0, 4.0]))
    8
    """
    import numpy as np  # noqa: PLC0415

    floats = np.array(vector, dtype="<f4")
    length = float(np.linalg.norm(floats))
    return (floats / length if length else floats).tobytes()


def bare(row: MemoryRow) -> MemoryRow:
    """Without its vector, which is kept beside the others."""
    return row if row.vector is None else replace(row, vector=None)


def _times(row: MemoryRow) -> tuple[float, ...]:
    return row.valid_from, _end(row.valid_to), row.known_from, _end(row.known_to), _end(row.expires_at)


def _end(at: float | None) -> float:
    return float("inf") if at is None else at


def best(
    shelves: Sequence[Shelved],
    query: str,
    vector: "Floats | None",
    *,
    limit: int,
    valid_at: float,
    known_at: float,
    kinds: frozenset[str] | None = None,
    outside: Mapping[str, Sequence[tuple[str, float]]] | None = None,
) -> list[tuple[float, MemoryRow]]:
    """What fits best, best first, over all shelves as if they were one; scores are between 0 and 1.

    Args:
        outside: By their space, what was found for shelves whose vectors are elsewhere.
    """
    shelves = [shelf for shelf in shelves if shelf.rows]
    if not shelves:
        return []
    with ExitStack() as alone:
        for shelf in shelves:
            alone.enter_context(shelf.lock)
        words = _by_words(shelves, query)
        meant = None if vector is None else _by_meaning(shelves, words, vector, outside or {})
        return _best(shelves, words, meant, limit=limit, valid_at=valid_at, known_at=known_at, kinds=kinds)


def _by_meaning(
    shelves: Sequence[Shelved],
    words: "Sequence[Floats]",
    vector: "Floats",
    outside: Mapping[str, Sequence[tuple[str, float]]],
) -> "list[Floats]":
    return [
        shelf.by_meaning(vector, fits) if shelf.space is None else shelf.cosines(outside.get(shelf.space, ()))
        for shelf, fits in zip(shelves, words, strict=True)
    ]


def _best(
    shelves: Sequence[Shelved],
    by_words: "Sequence[Floats]",
    cosines: "Sequence[Floats] | None",
    *,
    limit: int,
    valid_at: float,
    known_at: float,
    kinds: frozenset[str] | None,
) -> list[tuple[float, MemoryRow]]:
    import numpy as np  # noqa: PLC0415

    words = np.concatenate(by_words)
    alive = np.concatenate([shelf.alive(valid_at, known_at) for shelf in shelves])
    if kinds is not None:
        alive &= np.concatenate([shelf.of_kinds(kinds) for shelf in shelves])
    scores = _even(words, alive)
    found = alive & (words > 0)
    if cosines is not None:
        meant = np.concatenate(cosines)
        share = np.concatenate([np.full(len(shelf.rows), shelf.meaning, dtype=np.float32) for shelf in shelves])
        scores = (1 - share) * scores + share * _even(meant, alive)
        found |= alive & (meant > 0)
    if any(shelf.near or shelf.own for shelf in shelves):
        scores = _credited(shelves, (scores * found).astype(np.float32))
        found = alive & (scores > 0)
    chosen = np.flatnonzero(found)
    if len(chosen) > limit:
        chosen = chosen[np.argpartition(-scores[chosen], limit)[:limit]]
    order = chosen[np.argsort(-scores[chosen], kind="stable")]
    return [(float(scores[at]), _row(shelves, int(at))) for at in order]


def _row(shelves: Sequence[Shelved], at: int) -> MemoryRow:
    for shelf in shelves:
        if at < len(shelf.rows):
            return shelf.rows[at]
        at -= len(shelf.rows)
    raise IndexError(at)


def _by_words(shelves: Sequence[Shelved], query: str) -> "list[Floats]":
    total = sum(len(shelf.rows) for shelf in shelves)
    average = sum(shelf.length for shelf in shelves) / total
    weights: dict[str, float] = {}
    for term in dict.fromkeys(terms(query)):
        holding = sum(shelf.holding(term) for shelf in shelves)
        if holding:
            weights[term] = math.log(1 + (total - holding + 0.5) / (holding + 0.5))
    return [shelf.by_words(weights, average) for shelf in shelves]


def _credited(shelves: Sequence[Shelved], scores: "Floats") -> "Floats":
    """The scores, with what those beside a row have and whose words it is, as far as its shelf says."""
    import numpy as np  # noqa: PLC0415

    parts: list[Floats] = []
    most = (1.0 + max(shelf.near for shelf in shelves)) * (1.0 + max(shelf.own for shelf in shelves))
    start = 0
    for shelf in shelves:
        own = scores[start : start + len(shelf.rows)]
        start += len(own)
        beside = np.zeros_like(own)
        beside[1:] = own[:-1]
        beside[:-1] = np.maximum(beside[:-1], own[1:])
        parts.append(((own + shelf.near * beside) * (1.0 + shelf.own * shelf.users()) / most).astype(np.float32))
    return np.concatenate(parts)


def _even(scores: "Floats", alive: "Flags") -> "Floats":
    """Brought to 0..1 over what is alive."""
    import numpy as np  # noqa: PLC0415

    living = scores[alive]
    if not len(living):
        return scores
    low, high = float(living.min()), float(living.max())
    return (scores - low) / (high - low) if high > low else np.where(scores > 0, 1.0, 0.0).astype(np.float32)
