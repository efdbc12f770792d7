"""Memories of a SQL store: the steps of each operation, for either database."""

from collections.abc import Mapping, Sequence
from secrets import randbits
from typing import Any

from weft.errors import NotFound
from weft.storage import memory_queries as q
from weft.storage.chore_rows import Chore
from weft.storage.chores import held
from weft.storage.database import Database
from weft.storage.memory_rows import Decide, Kind, Mark, MemoryRow, News, Placed, Shelf, Source
from weft.storage.outside import SPACE_OF_SHELF, STRAY
from weft.storage.owners import owner_of
from weft.storage.query import Row, Steps
from weft.storage.rows import Scope

_NOTHING = News(mark=Mark(), whole=True, rows=())


class SqlMemories:
    """``memory_rows.Shelves`` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def write(
        self,
        workspace: str,
        shelf: Shelf,
        decide: Decide,
        *,
        digest: bytes = b"",
        about: tuple[str, str] | None = None,
        edge: tuple[str, Sequence[str], str] | None = None,
        id: str | None = None,
        source: Source | None = None,
        chore: Chore | None = None,
    ) -> Sequence[MemoryRow]:
        relations = () if edge is None else edge[1]
        matter = q.matter(digest=bool(digest), about=about is not None, edge=len(relations), id=id is not None)
        subject, attribute = about or ("", "")
        asked = {"digest": digest, "subject": subject, "attribute": attribute, "id": id}
        if edge is not None:
            asked |= {"subject": edge[0], "object": edge[2], **{f"relation{i}": r for i, r in enumerate(relations)}}

        def steps() -> Steps[Sequence[MemoryRow]]:
            if chore is not None:
                yield from held(chore)
            n, owner = yield from owner_of(workspace, shelf.user or "")
            key = {"n": n, "owner": owner, "agent": shelf.agent, "thread": shelf.thread}
            if not (turn := (yield q.TURN, key)):
                yield q.ADD_SHELF, {**key, "erased": -1 - randbits(52)}
                turn = yield q.TURN, key
            place, revision = turn[0]
            known = [_row(row) for row in (yield matter, {"shelf": place, **asked})]
            written = decide(known)
            for row in written:
                yield from _put(place, revision, row)
            of = written[0] if written else next((row for row in known if row.digest == digest), None)
            if source is not None and of is not None:
                yield q.ADD_SOURCE, {"shelf": place, "memory": of.id, **_fields(source)}
            return written

        return await self._database.write(steps)

    async def news(self, workspace: str, shelf: Shelf, mark: Mark, limit: int = 5_000) -> News:
        key = {"workspace": workspace, "user": shelf.user or "", "agent": shelf.agent, "thread": shelf.thread}

        def steps() -> Steps[News]:
            if not (found := (yield q.MARK, key)):
                return _NOTHING
            place, revision, erased = found[0]
            whole = erased != mark.erased or not mark.revision
            if revision == mark.revision and not whole:
                return News(mark=mark, whole=False, rows=())
            asked = {"shelf": place, "after": 0 if whole else mark.revision}
            rows = yield q.NEWS, {**asked, "limit": limit + 1}
            if more := len(rows) > limit:
                last = rows[-1][0]  # of which there may be more than we see
                rows = [row for row in rows if row[0] < last] or (yield q.NEWS, {**asked, "limit": 2**53})
                more = rows[-1][0] < revision
                revision = rows[-1][0]
            news = [(row[1], _row(row[2:])) for row in rows]
            return News(mark=Mark(revision, erased), whole=whole, rows=news, more=more)

        return await self._database.read(steps)

    async def find(self, scope: Scope, id: str) -> Sequence[Placed]:
        def steps() -> Steps[Sequence[Placed]]:
            if not (rows := (yield q.VERSIONS, {"id": id, **_whose(scope)})):
                raise NotFound(f"no memory {id!r}")
            return [_placed(row) for row in rows]

        return await self._database.read(steps)

    async def list(
        self, scope: Scope, *, kind: Kind | None = None, after: int = 0, limit: int = 50
    ) -> Sequence[Placed]:
        query = q.page(kind=kind is not None, after=bool(after))

        def steps() -> Steps[Sequence[Placed]]:
            rows = yield query, {"kind": kind, "after": after, "limit": limit, **_whose(scope)}
            return [_placed(row) for row in rows]

        return await self._database.read(steps)

    async def sources(self, scope: Scope, id: str) -> Sequence[Source]:
        def steps() -> Steps[Sequence[Source]]:
            rows = yield q.SOURCES, {"id": id, **_whose(scope)}
            return [Source(thread=row[0], message=row[1], run=row[2], at=row[3]) for row in rows]

        return await self._database.read(steps)

    async def erase(self, scope: Scope, *, id: str | None = None, thread: str | None = None) -> int:
        chosen = q.ERASE_ONE if id is not None else q.ERASE_ALL if thread is None else q.ERASE_THREAD
        values = {"id": id, "thread": thread, **_whose(scope)}
        return await self._database.erase(lambda: erasing(chosen, values))


def erasing(erasure: q.Erasure, values: Mapping[str, Any]) -> Steps[int]:
    """Take memories away, so that every reader of their shelves hears of it; how many they were."""
    if erasure.undone is not None:
        yield erasure.undone, values
    marked = {row[0] for row in (yield erasure.mark, values)}
    gone = yield erasure.take, values
    for shelf in {row[1] for row in gone} - marked:  # written between the two
        yield q.MARK_ERASED, {"shelf": shelf}
    for shelf in {row[1] for row in gone}:
        if space := (yield SPACE_OF_SHELF, {"shelf": shelf})[0][0]:
            for n in [row[2] for row in gone if row[1] == shelf]:
                yield STRAY, {"space": space, "id": str(n)}
    yield erasure.forget, values
    return len({row[0] for row in gone})


def _put(shelf: int, revision: int, row: MemoryRow) -> Steps[None]:
    place = {"shelf": shelf, "revision": revision}
    if row.version > 1:
        yield q.PAST, {"id": row.id, "version": row.version - 1, "known_to": row.known_from, **place}
    yield q.ADD, {**_fields(row), **place, "pinned": int(row.pinned)}


def _fields(struct: Any) -> dict[str, Any]:
    return {name: getattr(struct, name) for name in struct.__struct_fields__}


def _row(row: Row) -> MemoryRow:
    fields: dict[str, Any] = dict(zip(q.FIELDS, row, strict=True))
    fields["pinned"] = bool(fields["pinned"])
    return MemoryRow(**fields)


def _placed(row: Row) -> Placed:
    n, user, agent, thread, *rest = row
    return Placed(n=n, shelf=Shelf(user=user or None, agent=agent, thread=thread), row=_row(rest))


def _whose(scope: Scope) -> dict[str, str | None]:
    return {"workspace": scope.workspace, "user": scope.user}
