"""Documents of a SQL store for who reads them: the steps of each operation, for either database."""

import json
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any

from weft.errors import NotFound
from weft.ids import new_id
from weft.storage import knowledge_queries as q
from weft.storage.blobs import FREE_BLOBS, stored
from weft.storage.database import Database
from weft.storage.knowledge_rows import DocumentRow, NewDocument, PieceRow, Reader, Summary
from weft.storage.outside import DOCUMENT
from weft.storage.owners import owner_of
from weft.storage.query import Row, Rows, Steps

_MANY = 64
"""Pieces that are asked for at once."""


class SqlDocuments:
    """``knowledge_rows.Documents`` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, reader: Reader, new: NewDocument) -> tuple[DocumentRow, bool]:
        digest = sha256(new.body).digest()

        def steps() -> Steps[tuple[DocumentRow, bool]]:
            n, owner = yield from owner_of(reader.workspace, reader.user or "")
            place = yield from _place(n, reader.workspace, new.collection)
            asked = {"place": place, "owner": owner, "name": new.name}
            known = yield from _rows((yield q.KNOWN, asked))
            if known and _same(known[0], new, digest):
                return known[0], False
            revision = (yield q.TURN, {"place": place})[0][0]
            known = yield from _rows((yield q.KNOWN, asked))  # now nobody else writes
            values = {"place": place, "n": n, "owner": owner, "revision": revision, "sha256": digest}
            values |= {name: getattr(new, name) for name in ("name", "mime", "origin", "recipe")}
            values["recipe"] = new.recipe or (known[0].recipe if known else "")
            values |= {"id": new_id("doc"), "facts": _json(new), "size": len(new.body)}
            document = known[0].n if known else (yield q.ADD, values)[0][0]
            if known:
                yield q.SAY, {"document": document, **values, "id": known[0].id}
            if known and _other(known[0], new, digest):
                yield q.AGAIN, {"document": document, **values}
            if not known or known[0].sha256 != digest:
                yield from _freed(document)
                yield from stored(n, owner, digest, new.mime, new.body)
                yield q.USE_BLOB, {"n": n, "sha256": digest, "user_of": -document}
            yield q.UNINVITE, {"document": document}
            for name in new.readers:
                yield q.INVITE, {"document": document, "reader": name}
            return (yield from _rows((yield q.KNOWN, asked)))[0], True

        return await self._database.write(steps)

    async def get(self, reader: Reader, id: str) -> DocumentRow:
        query, values = q.one(len(reader.names)), {"id": id, **_who(reader)}

        def steps() -> Steps[DocumentRow]:
            if not (found := (yield from _rows((yield query, values)))):
                raise NotFound(f"no document {id!r}")
            return found[0]

        return await self._database.read(steps)

    async def list(
        self, reader: Reader, collection: str, *, after: int = 0, limit: int = 50, name: str | None = None
    ) -> Sequence[DocumentRow]:
        query = q.page(len(reader.names), name=name is not None)
        values = {"collection": collection, "after": after, "limit": limit, "name": name, **_who(reader)}

        def steps() -> Steps[Sequence[DocumentRow]]:
            return (yield from _rows((yield query, values)))

        return await self._database.read(steps)

    async def remove(self, reader: Reader, id: str) -> None:
        def steps() -> Steps[None]:
            found = yield q.OWN, {"workspace": reader.workspace, "user": reader.user, "id": id}
            if not found:
                raise NotFound(f"no document {id!r} of yours")
            yield from removed(found[0][0], found[0][1])

        await self._database.erase(steps)

    async def collections(self, reader: Reader) -> Sequence[Summary]:
        query = q.summaries(len(reader.names))

        def steps() -> Steps[Sequence[Summary]]:
            rows = yield query, _who(reader)
            return [
                Summary(name=name, documents=int(documents), pieces=int(pieces), indexing=int(open))
                for name, documents, pieces, open in rows
            ]

        return await self._database.read(steps)

    async def readable(self, reader: Reader, collection: str) -> Sequence[int]:
        query, values = q.readable(len(reader.names)), {"collection": collection, **_who(reader)}

        def steps() -> Steps[Sequence[int]]:
            return [row[0] for row in (yield query, values)]

        return await self._database.read(steps)

    async def pieces(self, reader: Reader, numbers: Sequence[int]) -> Sequence[tuple[PieceRow, DocumentRow]]:
        names = len(reader.names)

        def steps() -> Steps[Sequence[tuple[PieceRow, DocumentRow]]]:
            found: list[tuple[PieceRow, DocumentRow]] = []
            for first in range(0, len(numbers), _MANY):
                some = [*numbers[first : first + _MANY]]
                count = 1 << (len(some) - 1).bit_length()  # so that there are few statements
                asked = {f"piece{at}": some[at] if at < len(some) else 0 for at in range(count)}
                rows = yield q.found(names, count), {**asked, **_who(reader)}
                documents = yield from _rows([row[7:] for row in rows])
                found += [(piece_of(row[:7]), document) for row, document in zip(rows, documents, strict=True)]
            return found

        return await self._database.read(steps)

    async def around(self, reader: Reader, id: str, start: int, stop: int) -> Sequence[PieceRow]:
        names, who = len(reader.names), {"id": id, **_who(reader)}

        def steps() -> Steps[Sequence[PieceRow]]:
            if not (yield q.one(names), who):
                raise NotFound(f"no document {id!r}")
            return [piece_of(row) for row in (yield q.around(names), {"start": start, "stop": stop, **who})]

        return await self._database.read(steps)


def removed(document: int, place: int) -> Steps[None]:
    """Take a document away with its pieces, its readers, and its bytes where they are nobody else's."""
    revision = yield q.TURN, {"place": place}
    if revision:
        yield q.ERASED, {"place": place}
    yield from _freed(document)
    yield DOCUMENT, {"document": document}
    for query in q.REMOVE:
        yield query, {"document": document}


def _freed(document: int) -> Steps[None]:
    for query in (*FREE_BLOBS, q.DROP_USE):
        yield query, {"n": -document}


def _place(n: int, workspace: str, collection: str) -> Steps[int]:
    asked = {"workspace": workspace, "collection": collection}
    if not (found := (yield q.COLLECTION, asked)):
        yield q.ADD_COLLECTION, {"n": n, **asked}
        found = yield q.COLLECTION, asked
    return found[0][0]


def _same(known: DocumentRow, new: NewDocument, digest: bytes) -> bool:
    said = (known.origin, known.mime, dict(known.facts), set(known.readers))
    return not _other(known, new, digest) and said == (new.origin, new.mime, dict(new.facts), set(new.readers))


def _other(known: DocumentRow, new: NewDocument, digest: bytes) -> bool:
    """Whether it is to be read again."""
    return known.sha256 != digest or known.recipe != (new.recipe or known.recipe) or known.status == "failed"


def _json(new: NewDocument) -> str:
    return json.dumps(dict(new.facts), sort_keys=True, ensure_ascii=False)


def _rows(rows: Rows) -> Steps[list[DocumentRow]]:
    """The documents of rows, with who may read them."""
    if not rows:
        return []
    numbers = [row[2] for row in rows]
    readers: dict[int, list[str]] = {}
    for document, name in (yield q.READERS, {"first": min(numbers), "last": max(numbers)}):
        readers.setdefault(document, []).append(name)
    return [document_of(row, readers.get(row[2], ())) for row in rows]


def document_of(row: Row, readers: Iterable[str]) -> DocumentRow:
    collection, user, *rest = row
    fields: dict[str, Any] = dict(zip(q.FIELDS, rest, strict=True))
    fields["facts"] = json.loads(fields["facts"])
    return DocumentRow(collection=collection, user=user, readers=tuple(readers), **fields)


def piece_of(row: Row) -> PieceRow:
    n, document, text, start, page, context, digest = row[:7]
    return PieceRow(n=n, document=document, text=text, start=start, page=page, context=context, digest=digest)


def _who(reader: Reader) -> dict[str, Any]:
    names = {f"reader{at}": name for at, name in enumerate(reader.names)}
    return {"workspace": reader.workspace, "user": reader.user, **names}
