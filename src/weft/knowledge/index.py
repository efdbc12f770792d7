"""Where a piece of a document is found: a collection's terms and vectors in arrays, without its words."""

import zlib
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from weft.memory.index import Shelved, best
from weft.memory.words import terms
from weft.storage.knowledge_rows import Listed, PieceRow, State
from weft.storage.memory_rows import MemoryRow

if TYPE_CHECKING:
    from weft.memory.index import Flags, Floats


class Indexed(Shelved):
    """One collection in memory: a shelf whose rows are pieces, each with the number of its document.

    What is in it is for a search that says which documents count; the words of what is found are the store's to give.
    """

    def __init__(self, *, vectors: bool = True) -> None:
        super().__init__()
        self.state = State()
        self.documents: dict[int, Listed] = {}
        self.dead = 0
        """Rows of documents that are gone or were cut anew."""
        self._keeps = vectors
        self._of = array("q")
        self._places: dict[int, tuple[int, int]] = {}
        self._masks: dict[Any, Flags] = {}
        self._mask: Flags | None = None
        self._meant: Floats | None = None

    def put(self, document: Listed, terms: bytes, pieces: Sequence[tuple[int, bytes | None]]) -> None:
        """This is the document now: what ``counted`` made of it, and the numbers and vectors of its pieces."""
        self.drop(document.n)
        self.documents[document.n] = document
        start = len(self.rows)
        if not pieces or not terms:
            return
        told = _decode(zlib.decompress(terms))
        for n, vector in pieces:
            self._where[n] = len(self.rows)
            self._of.append(document.n)
            if vector is not None and self._keeps:
                self.meant(len(self.rows), vector)
            self.rows.append(MemoryRow(id=str(n), text="", valid_from=0, known_from=0, digest=b""))
        self._lengths.extend(told.lengths)
        self.length += sum(told.lengths)
        postings = self._postings
        for term, places, counts in told.postings:
            if (posting := postings.get(term)) is None:
                posting = postings[term] = (array("i"), array("f"))
            if len(places) == 1:
                posting[0].append(start + places[0])
                posting[1].append(counts[0])
            else:
                posting[0].extend([start + place for place in places])
                posting[1].extend(counts)
        self._places[document.n] = (start, len(self.rows))

    def drop(self, document: int) -> None:
        """It is gone."""
        self._masks.clear()
        self.documents.pop(document, None)
        start, stop = self._places.pop(document, (0, 0))
        for at in range(start, stop):
            self._of[at] = 0
            self._where.pop(int(self.rows[at].id), None)
        self.dead += stop - start

    def alive(self, valid_at: float, known_at: float) -> "Flags":
        assert self._mask is not None
        return self._mask

    def by_meaning(self, vector: "Floats", words: "Floats") -> "Floats":
        return super().by_meaning(vector, words) if self._meant is None else self._meant

    def known_mask(self, key: Any) -> bool:
        """Whether it is known which rows count for this key."""
        return key in self._masks

    def let(self, key: Any, documents: Sequence[int]) -> None:
        """For this key the rows of these documents count."""
        import numpy as np  # noqa: PLC0415  # heavy: only who searches loads it

        of = np.frombuffer(self._of, dtype=np.int64) if len(self._of) else np.zeros(0, dtype=np.int64)
        while len(self._masks) > 64:
            self._masks.pop(next(iter(self._masks)))
        self._masks[key] = np.isin(of, np.array([n for n in documents if n in self.documents], dtype=np.int64))

    def counting(self, key: Any) -> list[str] | None:
        """The pieces that count for this key; ``None`` for all of them."""
        import numpy as np  # noqa: PLC0415

        mask = self._masks[key]
        if int(mask.sum()) == len(self.rows) - self.dead:
            return None
        return [self.rows[at].id for at in np.flatnonzero(mask)]

    def search(
        self, key: Any, query: str, vector: bytes | None, limit: int, meant: Mapping[str, float] | None = None
    ) -> list[tuple[float, int]]:
        """What fits best among what counts for the key: scores between 0 and 1, and numbers of pieces.

        Args:
            meant: The cosines of pieces, where another index knows them.
        """
        import numpy as np  # noqa: PLC0415

        self._mask = self._masks[key]
        self._meant = None
        if meant is not None:
            self._meant = np.zeros(len(self.rows), dtype=np.float32)
            for id, cosine in meant.items():
                if (at := self._where.get(int(id))) is not None:
                    self._meant[at] = cosine
        floats = None if vector is None else np.frombuffer(vector, dtype="<f4")
        found = best([self], query, floats, limit=limit, valid_at=0, known_at=0)
        return [(score, int(row.id)) for score, row in found]


class Counted(Struct, frozen=True, array_like=True, gc=False):
    """The terms of a document's pieces."""

    lengths: tuple[float, ...]
    """Of each piece, in terms."""
    postings: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...]
    """Each term, the places of the pieces that have it, and how often they do."""


def counted(name: str, title: str, pieces: Sequence[PieceRow]) -> bytes:
    """What pieces are found by, worked out once: who meets a collection for the first time need not read its words."""
    postings: dict[str, tuple[list[int], list[int]]] = {}
    lengths: list[float] = []
    for place, piece in enumerate(pieces):
        found = Counter(terms(f"{name} {title} {piece.context}\n{piece.text}"))
        lengths.append(float(sum(found.values())))
        for term, count in found.items():
            places, counts = postings.setdefault(term, ([], []))
            places.append(place)
            counts.append(count)
    told = Counted(tuple(lengths), tuple([(term, tuple(p), tuple(c)) for term, (p, c) in postings.items()]))
    return zlib.compress(msgspec.msgpack.encode(told), 1)


_decode = msgspec.msgpack.Decoder(Counted).decode
