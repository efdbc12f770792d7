"""What was said in a thread, found by its words: also what left the model's context long ago.

The messages are the record; an index of those threads that were searched last is kept in memory, and takes up only
what is new. So a search costs the same in a thread of ten messages and, after the first one, in one of ten thousand.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from msgspec import Struct

from weft.memory.index import USER, Shelved, best, unit
from weft.memory.library import whole
from weft.memory.passages import passages
from weft.memory.words import dated, terms
from weft.messages import Message, Text, ToolResult
from weft.runtime.conversation import load_context, load_message
from weft.storage.base import MessageRow, Scope, Store
from weft.storage.memory_rows import Mark, MemoryRow, News

if TYPE_CHECKING:
    from weft.memory.index import Floats
    from weft.models.ports import Embedder

_PAGE = 1_000
_THREADS = 32
"""That a process keeps in memory, those that were searched last."""
_LONG = 32_000
"""Characters of a message that are looked at."""
_SHOWN = 4_000
"""Characters of a message that are shown."""
MEANT = 1_000
"""Messages of a thread, the newest, that are found by their meaning: a process embeds them when it first searches."""
_AT_ONCE = 64
"""Texts that are embedded by one call."""
NEAR, NEAR_MEANT = 0.7, 0.5
"""What a message counts for those beside it: by words, and by meaning too, which finds more of them by itself."""
MEANING = 0.6
"""How much of a score is that of the vectors."""
OWN = 0.7
"""How much more counts what the user said than what was answered: chosen on half of BEAM, measured on the other."""
_kept: "WeakKeyDictionary[Store, OrderedDict[tuple[str, str, float, str], Talk]]" = WeakKeyDictionary()


class Passage(Struct, frozen=True, kw_only=True):
    """A message that fits."""

    seq: int
    """Its number in the thread."""
    role: str
    at: float
    text: str
    """All of it, or of a long one the part that fits best."""
    score: float


async def search_thread(
    store: Store, scope: Scope, thread_id: str, query: str, *, limit: int = 10, embedder: "Embedder | None" = None
) -> list[Passage]:
    """The messages of a thread that fit best, best first. What was rolled back is not among them.

    Args:
        embedder: Adds the search by meaning to the one by words, in the newest messages.

    Raises:
        NotFound: no such thread, or it is not yours.
        ModelError: the embedder does not answer.
    """
    thread = await store.threads.get(scope, thread_id)
    named = "" if embedder is None else embedder.name
    talk = _talk(store, (scope.workspace, thread_id, thread.created_at, named))
    async with talk.turn:
        while rows := await store.threads.messages(scope, thread_id, after=talk.mark.revision, limit=_PAGE):
            await whole(asyncio.to_thread(talk.apply, _news(rows)))
        if embedder is not None:
            await talk.understand(embedder)
    opened = await store.threads.open(thread_id, conversation="")
    skipped = load_context(opened.context, ()).skipped
    now = time.time()
    vector = None if embedder is None else await _vector(embedder, query)
    found = best([talk], query, vector, limit=2 * limit + 100 * bool(skipped), valid_at=now, known_at=now)
    kept = [(score, row) for score, row in found if row.text and not any(a <= int(row.id) <= b for a, b in skipped)]
    return [_passage(row, score, query) for score, row in kept[:limit]]


class Talk(Shelved):
    """The messages of a thread, which explain each other, and among which those of the user count more."""

    def __init__(self, near: float = NEAR, space: str | None = None, own: float = OWN) -> None:
        super().__init__(near, space, own)
        self.meaning = MEANING
        self.turn = asyncio.Lock()
        """Whose turn it is to bring it up to date."""
        self._meant = 0
        """Rows from here on have no vectors yet."""

    def parts(self, start: int = 0) -> list[tuple[int, str]]:
        """What is to be embedded of the rows from ``start`` on: the user's words, and how others' begin."""
        found: list[tuple[int, str]] = []
        for at, row in enumerate(self.rows[start:], start):
            cut = passages(row.text)
            found += [(at, dated(part, row.valid_from)) for part in (cut if row.subject == USER else cut[:1]) if part]
        return found

    async def understand(self, embedder: "Embedder") -> None:
        """Give what is new, of the newest messages, its vectors."""
        parts = self.parts(max(self._meant, len(self.rows) - MEANT))
        count = len(self.rows)
        for start in range(0, len(parts), _AT_ONCE):
            some = parts[start : start + _AT_ONCE]
            vectors = (await embedder.embed([text for _, text in some])).vectors
            with self.lock:
                for (at, _), vector in zip(some, vectors, strict=True):
                    self.meant(at, unit(vector))
            self._meant = some[-1][0] + 1  # the same again where we are stopped: the nearest counts
        self._meant = count


async def _vector(embedder: "Embedder", query: str) -> "Floats":
    import numpy as np  # noqa: PLC0415  # heavy: only who searches loads it

    return np.frombuffer(unit((await embedder.embed([query])).vectors[0]), dtype="<f4")


def _talk(store: Store, key: tuple[str, str, float, str]) -> Talk:
    kept = _kept.setdefault(store, OrderedDict())
    talk = kept.setdefault(key, Talk(NEAR_MEANT if key[-1] else NEAR))
    kept.move_to_end(key)
    while len(kept) > _THREADS:
        kept.popitem(last=False)
    return talk


def _news(rows: Sequence[MessageRow]) -> News:
    lines = [(row.seq, _line(row, load_message(row))) for row in rows]
    return News(mark=Mark(lines[-1][0]), whole=False, rows=lines)


def _line(row: MessageRow, message: Message) -> MemoryRow:
    words = " ".join([_words(part) for part in message.parts]).strip()[:_LONG]
    return MemoryRow(
        id=str(row.seq), text=words, subject=message.role, valid_from=row.at, known_from=row.at, digest=b""
    )


def _words(part: object) -> str:
    match part:
        case Text(text):
            return text
        case ToolResult():
            return part.content
        case _:
            return ""


def _passage(row: MemoryRow, score: float, query: str) -> Passage:
    return Passage(seq=int(row.id), role=row.subject, at=row.valid_from, text=_fitting(row.text, query), score=score)


def _fitting(text: str, query: str) -> str:
    """All of a text, or of a long one the passage that has most words of the query."""
    if len(text) <= _SHOWN:
        return text
    asked = set(terms(query))
    return max(passages(text, _SHOWN), key=lambda part: len(asked.intersection(terms(part))))
