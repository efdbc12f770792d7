"""Items in a SQL store."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Integer, bindparam, delete, func, literal_column, null, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from weft.storage.database import Database
from weft.storage.item_rows import Found, ItemRow, Namespace, Place
from weft.storage.item_tables import item_heads, items
from weft.storage.owners import owner_of
from weft.storage.pieces import OWNER_OF, mine, p
from weft.storage.query import Query, Row, Steps
from weft.storage.rows import Scope

END = "\x1f"
"""After each part of a namespace."""
_I, _H = items.c, item_heads.c
_ONE: ColumnElement[Any] = literal_column("1")
_ROW = (_I.n, _I.namespace, _I.key, _I.body, _I.created_at, _I.updated_at, _I.ttl, _I.expires_at)
_FOUND = (_I.n, _I.namespace, _I.vectors)
_MINE = _I.owner == OWNER_OF
_THERE = or_(_I.expires_at.is_(null()), _I.expires_at > p("now", "f"))
_BELOW = func.substr(_I.namespace, _ONE, bindparam("length", type_=Integer())) == p("prefix", "t")
_AT = (_I.namespace == p("namespace"), _I.key == p("key"))

_BEGIN = Query(insert(item_heads).inline().values(owner=p("owner"), revision=p("none", "n")).on_conflict_do_nothing())
_TURN = Query(
    update(item_heads).where(_H.owner == p("owner")).values(revision=_H.revision + _ONE).returning(_H.revision)
)
_GIVEN = ("namespace", "key", "body", "vectors", "created_at", "updated_at", "ttl", "expires_at")
_NEW = insert(items).values(
    workspace=p("workspace_n", "n"),
    owner=p("owner"),
    revision=p("revision"),
    **{name: p(name) for name in _GIVEN},
)
_PUT = Query(
    _NEW.on_conflict_do_update(
        index_elements=["owner", "namespace", "key"],
        set_={name: _NEW.excluded[name] for name in ("revision", "body", "vectors", "updated_at", "ttl", "expires_at")},
    )
)
_DELETE = Query(delete(items).where(_I.owner == p("owner"), *_AT).returning(*_FOUND))
_GET = Query(select(*_ROW).where(_MINE, *_AT, _THERE))
_NUMBERED = Query(select(*_ROW).where(_MINE, _I.n == p("n"), _THERE))
_NAMESPACES = Query(select(_I.namespace).where(_MINE, _THERE).distinct().order_by(_I.namespace))
_NEWS = Query(select(*_FOUND).where(_MINE, _I.revision > p("after")).order_by(_I.revision, _I.n))
_REVISION = Query(select(_H.revision).where(_H.owner == OWNER_OF))
_TOUCH = Query(
    update(items).where(_MINE, _I.n == p("n"), _I.ttl.is_not(null())).values(expires_at=p("now", "f") + _I.ttl)
)


@cache
def _page(*, limited: bool) -> Query:
    query = select(*_ROW).where(_MINE, _BELOW, _THERE).order_by(_I.updated_at.desc(), _I.n.desc())
    return Query(query.limit(p("limit", "n")).offset(p("offset", "n")) if limited else query)


@cache
def _erase(*, expired: bool) -> Query:
    chosen = delete(items).where(mine(items), _BELOW)
    return Query((chosen.where(~_THERE) if expired else chosen).returning(*_FOUND))


class SqlItems:
    """``item_rows.Items`` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, scope: Scope, kept: Sequence[ItemRow], gone: Sequence[Place] = ()) -> Sequence[Found]:
        values = [_values(row) for row in kept]
        user = scope.user or ""

        def steps() -> Steps[Sequence[Found]]:
            n, owner = yield from owner_of(scope.workspace, user)
            if not (turn := (yield _TURN, {"owner": owner})):
                yield _BEGIN, {"owner": owner, "none": 0}
                turn = yield _TURN, {"owner": owner}
            for given in values:
                yield _PUT, {"workspace_n": n, "owner": owner, "revision": turn[0][0], **given}
            deleted: list[Found] = []
            for namespace, key in gone:
                rows = yield _DELETE, {"owner": owner, "namespace": _joined(namespace), "key": key}
                deleted += [_found(row) for row in rows]
            return deleted

        return await self._database.write(steps)

    async def get(self, scope: Scope, places: Sequence[Place], now: float) -> Sequence[ItemRow | None]:
        asked = [{"namespace": _joined(namespace), "key": key} for namespace, key in places]
        return await self._each(scope, _GET, asked, now)

    async def numbered(self, scope: Scope, numbers: Sequence[int], now: float) -> Sequence[ItemRow | None]:
        return await self._each(scope, _NUMBERED, [{"n": n} for n in numbers], now)

    async def _each(
        self, scope: Scope, query: Query, asked: Sequence[dict[str, Any]], now: float
    ) -> Sequence[ItemRow | None]:
        def steps() -> Steps[Sequence[ItemRow | None]]:
            found: list[ItemRow | None] = []
            for one in asked:
                rows = yield query, {**_whose(scope), **one, "now": now}
                found.append(_row(rows[0]) if rows else None)
            return found

        return await self._database.read(steps)

    async def list(
        self, scope: Scope, prefix: Namespace, now: float, *, limit: int | None = None, offset: int = 0
    ) -> Sequence[ItemRow]:
        values = {**_whose(scope), **_below(prefix), "now": now, "limit": limit, "offset": offset}

        def steps() -> Steps[Sequence[ItemRow]]:
            return [_row(row) for row in (yield _page(limited=limit is not None), values)]

        return await self._database.read(steps)

    async def namespaces(self, scope: Scope, now: float) -> Sequence[Namespace]:
        def steps() -> Steps[Sequence[Namespace]]:
            rows = yield _NAMESPACES, {**_whose(scope), "now": now}
            return sorted([_parts(row[0]) for row in rows])

        return await self._database.read(steps)

    async def news(self, scope: Scope, after: int) -> tuple[int, Sequence[Found]]:
        def steps() -> Steps[tuple[int, Sequence[Found]]]:
            head = yield _REVISION, _whose(scope)
            if not head or head[0][0] == after:
                return after, ()
            rows = yield _NEWS, {**_whose(scope), "after": after}
            return head[0][0], [_found(row) for row in rows]

        return await self._database.read(steps)

    async def touch(self, scope: Scope, numbers: Sequence[int], now: float) -> None:
        def steps() -> Steps[None]:
            for n in numbers:
                yield _TOUCH, {**_whose(scope), "n": n, "now": now}

        await self._database.write(steps)

    async def erase(self, scope: Scope, *, prefix: Namespace = (), expired_at: float | None = None) -> Sequence[Found]:
        values = {**_whose(scope), **_below(prefix), "now": expired_at}

        def steps() -> Steps[Sequence[Found]]:
            return [_found(row) for row in (yield _erase(expired=expired_at is not None), values)]

        return await self._database.erase(steps)


def _joined(namespace: Namespace) -> str:
    return "".join([f"{part}{END}" for part in namespace])


def _parts(namespace: str) -> Namespace:
    return tuple(namespace.split(END)[:-1])


def _below(prefix: Namespace) -> dict[str, Any]:
    joined = _joined(prefix)
    return {"prefix": joined, "length": len(joined)}


def _values(row: ItemRow) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in _GIVEN}
    vectors = msgspec.msgpack.encode(row.vectors) if row.vectors else None
    return values | {"namespace": _joined(row.namespace), "vectors": vectors}


def _row(row: Row) -> ItemRow:
    n, namespace, key, body, created_at, updated_at, ttl, expires_at = row
    return ItemRow(
        n=n,
        namespace=_parts(namespace),
        key=key,
        body=body,
        created_at=created_at,
        updated_at=updated_at,
        ttl=ttl,
        expires_at=expires_at,
    )


def _found(row: Row) -> Found:
    n, namespace, vectors = row
    known = msgspec.msgpack.decode(vectors, type=tuple[bytes, ...]) if vectors else ()
    return Found(n, _parts(namespace), known)


def _whose(scope: Scope) -> dict[str, str | None]:
    return {"workspace": scope.workspace, "user": scope.user}
