"""Documents of a SQL store for who reads and embeds them: taken by one process at a time, by the database's clock."""

import json
from collections.abc import Sequence

from msgspec.structs import replace

from weft.errors import Fenced
from weft.storage import knowledge_queries as q
from weft.storage.database import Database
from weft.storage.knowledge import document_of, piece_of
from weft.storage.knowledge_rows import Changes, DocumentRow, Listed, PieceRow, State
from weft.storage.outside import PIECE
from weft.storage.query import Steps

_AT_ONCE = 32
"""Rows of one statement."""


class SqlIndexing:
    """``knowledge_rows.Indexing`` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, workspace: str, ttl: float) -> DocumentRow | None:
        def steps() -> Steps[DocumentRow | None]:
            taken = yield q.TAKE, {"workspace": workspace, "ttl": ttl}
            if not taken:
                return None
            return replace(document_of((yield q.NUMBERED, {"document": taken[0][0]})[0], ()), workspace=workspace)

        return await self._database.write(steps)

    async def keep(self, taken: DocumentRow, ttl: float) -> None:
        def steps() -> Steps[None]:
            if not (yield q.KEEP, {**_key(taken), "ttl": ttl}):
                raise _lost(taken)

        await self._database.write(steps)

    async def cut(
        self, taken: DocumentRow, pieces: Sequence[PieceRow], embedder: str | None, terms: bytes = b""
    ) -> None:
        def steps() -> Steps[None]:
            place, workspace, owner = yield from _held(taken)
            revision = (yield q.TURN, {"place": place})[0][0]
            old: dict[bytes, list[tuple[int, str | None]]] = {}
            for n, digest, by in (yield q.PLACES, {"document": taken.n}):
                old.setdefault(digest, []).append((n, by))
            new: list[tuple[int, PieceRow]] = []
            embedded = 0
            for at, piece in enumerate(pieces):
                if not (same := old.get(piece.digest)):
                    new.append((at, piece))
                    continue
                n, by = same.pop(0)
                named = {"piece": n, "document": taken.n, "digest": piece.digest}
                yield q.MOVE, {**named, "place": at, **_spot(piece)}
                embedded += by is not None and by == embedder
                if by is not None and by != embedder:
                    yield q.UNEMBED, {"piece": n}
            for n in [n for left in old.values() for n, _ in left]:
                yield PIECE, {"piece": n}
                yield q.DROP, {"piece": n}
            yield from _added(new, {"n": workspace, "owner": owner, "document": taken.n})
            values = {name: getattr(taken, name) for name in ("made", "kind", "title", "pages", "more")}
            values |= {
                "document": taken.n,
                "id": taken.id,
                "pieces": len(pieces),
                "embedded": embedded,
                "revision": revision,
            }
            values["terms"] = terms
            yield q.CUT, values

        await self._database.write(steps)

    async def bare(self, taken: DocumentRow, limit: int) -> Sequence[PieceRow]:
        def steps() -> Steps[Sequence[PieceRow]]:
            return [piece_of(row) for row in (yield q.BARE, {"document": taken.n, "limit": limit})]

        return await self._database.read(steps)

    async def embed(self, taken: DocumentRow, vectors: Sequence[tuple[int, bytes]], embedder: str, ttl: float) -> None:
        def steps() -> Steps[None]:
            if not (yield q.EMBEDDED, {**_key(taken), "ttl": ttl, "count": len(vectors)}):
                raise _lost(taken)
            digests = {n: digest for n, digest, _ in (yield q.PLACES, {"document": taken.n})}
            for n, vector in vectors:
                named = {"piece": n, "document": taken.n, "digest": digests.get(n, b"")}
                yield q.EMBED, {**named, "vector": vector, "embedder": embedder}

        await self._database.write(steps)

    async def end(self, taken: DocumentRow, *, error: str | None = None, again: float | None = None) -> None:
        status = "waiting" if again is not None else "ready" if error is None else "failed"
        values = {**_key(taken), "id": taken.id, "status": status, "error": error, "wait": again or 0.0}

        def steps() -> Steps[None]:
            if ended := (yield q.END, values):
                revision = yield q.TURN, {"place": ended[0][0]}
                yield q.REVISE, {"document": taken.n, "revision": revision[0][0]}

        await self._database.write(steps)

    async def waiting(self, workspace: str, collection: str | None = None) -> int:
        query = q.waiting(collection=collection is not None)

        def steps() -> Steps[int]:
            return (yield query, {"workspace": workspace, "collection": collection})[0][0]

        return await self._database.read(steps)

    async def embedded(self, workspace: str, collection: str) -> int:
        def steps() -> Steps[int]:
            return (yield q.VECTORED, {"workspace": workspace, "collection": collection})[0][0]

        return await self._database.read(steps)

    async def changes(self, workspace: str, collection: str, state: State) -> Changes:
        def steps() -> Steps[Changes]:
            found = yield q.STATE, {"workspace": workspace, "collection": collection}
            if not found or found[0][1] == state.revision:
                return Changes(state=state, documents=())
            place, revision, erased = found[0]
            changed = yield q.CHANGED, {"place": place, "revision": state.revision}
            alive = (yield q.ALIVE, {"place": place}) if erased != state.erased else None
            return Changes(
                state=State(revision, erased),
                documents=[Listed(n, name, title, json.loads(facts)) for n, name, title, facts in changed],
                alive=None if alive is None else frozenset([row[0] for row in alive]),
            )

        return await self._database.read(steps)

    async def load(self, document: int, *, vectors: bool = True) -> tuple[bytes, Sequence[tuple[int, bytes | None]]]:
        query = q.VECTORS if vectors else q.NUMBERS

        def steps() -> Steps[tuple[bytes, Sequence[tuple[int, bytes | None]]]]:
            terms = yield q.TERMS, {"document": document}
            pieces = yield query, {"document": document}
            return (terms[0][0] or b"") if terms else b"", [(row[0], row[1]) for row in pieces]

        return await self._database.read(steps)


def _added(new: Sequence[tuple[int, PieceRow]], shared: dict[str, int]) -> Steps[None]:
    whole = len(new) - len(new) % _AT_ONCE
    groups = [new[at : at + _AT_ONCE] for at in range(0, whole, _AT_ONCE)] + [[each] for each in new[whole:]]
    for group in groups:
        values: dict[str, object] = {**shared}
        for number, (at, piece) in enumerate(group):
            given = {"place": at, "text": piece.text, "digest": piece.digest, **_spot(piece)}
            values |= {f"{name}{number}": value for name, value in given.items()}
        yield q.add_pieces(len(group)), values


def _spot(piece: PieceRow) -> dict[str, object]:
    return {"start": piece.start, "page": piece.page, "context": piece.context}


def _held(taken: DocumentRow) -> Steps[tuple[int, int, int]]:
    """Its collection, workspace and owner, while it is ours."""
    if not (held := (yield q.HOLD, _key(taken))):
        raise _lost(taken)
    return held[0][0], held[0][1], held[0][2]


def _key(taken: DocumentRow) -> dict[str, int | str]:
    return {"document": taken.n, "fence": taken.fence, "workspace": taken.workspace}


def _lost(taken: DocumentRow) -> Fenced:
    return Fenced(f"the document {taken.name!r} is not ours any more")
