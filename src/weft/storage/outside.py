"""Vectors outside of a SQL store: the names of their spaces, and the journal of those that are to go."""

from collections.abc import Mapping, Sequence
from secrets import token_hex
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, cast, delete, insert, literal_column, select, update

from weft.storage.belonging_rows import Of
from weft.storage.database import Database
from weft.storage.item_tables import item_heads
from weft.storage.knowledge_tables import collections, documents, pieces
from weft.storage.memory_rows import Shelf
from weft.storage.outside_rows import Stray
from weft.storage.pieces import OWNER_OF, WORKSPACE_OF, p
from weft.storage.query import Query, Steps
from weft.storage.rows import Scope
from weft.storage.tables import owners, shelves, strays

_S, _C, _H, _P, _D = shelves.c, collections.c, item_heads.c, pieces.c, documents.c
_ALL: ColumnElement[str] = literal_column("''")

_MINE = (_S.workspace == WORKSPACE_OF, _S.owner == OWNER_OF, _S.agent == p("agent"), _S.of_thread == p("thread"))
_NAME_SHELF = Query(update(shelves).where(*_MINE, _S.space.is_(None)).values(space=p("space")))
_OF_SHELF = Query(select(_S.space).where(*_MINE))
_NAME_COLLECTION = Query(
    update(collections)
    .where(_C.workspace == WORKSPACE_OF, _C.name == p("collection"), _C.space.is_(None))
    .values(space=p("space"))
)
_NAME_ITEMS = Query(update(item_heads).where(_H.owner == OWNER_OF, _H.space.is_(None)).values(space=p("space")))
_PAGE = Query(
    select(strays.c.n, strays.c.space, strays.c.id)
    .where(strays.c.n > p("after", "n"))
    .order_by(strays.c.n)
    .limit(p("limit", "n"))
)
_GONE = Query(delete(strays).where(strays.c.n == p("n")))


def _journal(rows: Select[Any, str]) -> Query:
    return Query(insert(strays).inline().from_select(["space", "id"], rows))


SPACE_OF_SHELF = Query(select(_S.space).where(_S.n == p("shelf")))
STRAY = Query(insert(strays).inline().values(space=p("space"), id=p("id")))
_OF_DOCUMENT = select(_C.space, cast(_P.n, Text)).select_from(
    pieces.join(documents, _D.n == _P.document).join(collections, _C.n == _D.collection)
)
DOCUMENT = _journal(_OF_DOCUMENT.where(_P.document == p("document"), _C.space.is_not(None)))
"""All pieces of a document that is about to go."""
PIECE = _journal(_OF_DOCUMENT.where(_P.n == p("piece"), _C.space.is_not(None)))
_shelves = select(_S.space, _ALL).where(_S.space.is_not(None))
_items = select(_H.space, _ALL).select_from(item_heads.join(owners, owners.c.n == _H.owner))
_items = _items.where(_H.space.is_not(None))
WHOLE: Mapping[Of, tuple[Query, ...]] = {
    "user": (
        _journal(_shelves.where(_S.owner == p("o", "n"))),
        _journal(_items.where(_H.owner == p("o", "n"))),
    ),
    "workspace": (
        _journal(_shelves.where(_S.workspace == p("w", "n"))),
        _journal(_items.where(owners.c.workspace == p("w", "n"))),
        _journal(select(_C.space, _ALL).where(_C.workspace == p("w", "n"), _C.space.is_not(None))),
    ),
}
"""Spaces all of which go with a subject that is erased."""


class SqlOutside:
    """``outside_rows.Outside`` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_shelf(self, workspace: str, shelf: Shelf) -> str:
        key = {"workspace": workspace, "user": shelf.user or "", "agent": shelf.agent, "thread": shelf.thread}

        def steps() -> Steps[str]:
            found = yield _OF_SHELF, key
            if found and found[0][0] is None:
                yield _NAME_SHELF, {**key, "space": f"memory/{token_hex(16)}"}
                found = yield _OF_SHELF, key
            return found[0][0] if found else ""

        return await self._database.write(steps)

    async def of_collection(self, workspace: str, collection: str, space: str) -> None:
        await self._named(_NAME_COLLECTION, {"workspace": workspace, "collection": collection, "space": space})

    async def of_items(self, scope: Scope, space: str) -> None:
        await self._named(_NAME_ITEMS, {"workspace": scope.workspace, "user": scope.user, "space": space})

    async def _named(self, query: Query, values: Mapping[str, Any]) -> None:
        def steps() -> Steps[None]:
            yield query, values

        await self._database.write(steps)

    async def strays(self, after: int = 0, limit: int = 1_000) -> Sequence[Stray]:
        def steps() -> Steps[Sequence[Stray]]:
            return [Stray(*row) for row in (yield _PAGE, {"after": after, "limit": limit})]

        return await self._database.read(steps)

    async def gone(self, numbers: Sequence[int]) -> None:
        def steps() -> Steps[None]:
            for n in numbers:
                yield _GONE, {"n": n}

        await self._database.write(steps)
