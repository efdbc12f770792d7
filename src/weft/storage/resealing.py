"""A workspace's values, sealed again under its newest key: page after page, and on from there after a crash."""

import base64
import time
from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import Table, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from weft.errors import UsageError
from weft.security.sealing import Sealer
from weft.storage.belongings import is_of
from weft.storage.binding import KEY
from weft.storage.database import Database
from weft.storage.key_rows import KeyInfo, Resealing
from weft.storage.keychain import FRESH, SealedDatabase
from weft.storage.pieces import beyond, p
from weft.storage.query import Query, Row, Steps
from weft.storage.sealed import ALIKE, COLUMNS, SEQ, bound, id_of
from weft.storage.tables import SPAN, data_keys, metadata, resealings, workspaces

PAGE = 50
"""Rows of one transaction."""
_GRACE = 2 * FRESH
"""Seconds after which every process writes under the new key."""
_TABLES = [metadata.tables[name] for name in COLUMNS]
_R, _K = resealings.c, data_keys.c

_KEYS = Query(
    select(_K.id, workspaces.c.name, _K.kind, _K.at, _K.retired_at)
    .select_from(data_keys.join(workspaces, workspaces.c.n == _K.workspace))
    .order_by(_K.at, _K.id)
)
_NUMBER = Query(select(workspaces.c.n).where(workspaces.c.name == p("workspace")))
_new = insert(resealings).values(workspace=p("w"), at=p("at"), mark="", done=0, total=p("total"))
_BEGIN = Query(
    _new.on_conflict_do_update(
        index_elements=["workspace"], set_={name: _new.excluded[name] for name in ("at", "mark", "done", "total")}
    )
)
_GOING = Query(
    select(workspaces.c.name, _R.workspace, _R.at, _R.mark, _R.done, _R.total)
    .select_from(resealings.join(workspaces, workspaces.c.n == _R.workspace))
    .order_by(_R.workspace)
)
_LOCK = Query(select(_R.at, _R.mark).where(_R.workspace == p("w", "n")).with_for_update())
_KEEP = Query(
    update(resealings).where(_R.workspace == p("w", "n")).values(mark=p("mark"), done=_R.done + p("done", "n"))
)
_AGAIN = Query(update(resealings).where(_R.workspace == p("w", "n")).values(mark="", done=0))
_END = (
    Query(delete(data_keys).where(_K.workspace == p("w", "n"), _K.retired_at.is_not(None))),
    Query(delete(resealings).where(_R.workspace == p("w", "n"))),
)


@cache
def _count(table: Table) -> Query:
    return Query(select(func.count()).select_from(table).where(is_of("workspace", table)))  # pyright: ignore[reportArgumentType]  # all have a rule


@cache
def _page(table: Table, after: bool) -> Query:
    key = list(table.primary_key.columns)
    named = [*COLUMNS[table.name], *_beside(table)]
    query = select(*key, *[table.c[name] for name in named]).where(is_of("workspace", table))  # pyright: ignore[reportArgumentType]  # all have a rule
    if after:
        query = query.where(beyond(False, *[(column, p(f"after{i}")) for i, column in enumerate(key)]))
    return Query(query.order_by(*key).limit(p("limit", "n")))


@cache
def _beside(table: Table) -> tuple[str, ...]:
    """The columns that its sealed values are bound to."""
    names = [name for column in COLUMNS[table.name] for name in bound(f"{table.name}.{column}")]
    return tuple(dict.fromkeys([KEY if name == SEQ else name for name in names]))


@cache
def _put(table: Table, name: str) -> Query:
    """Only where the value is still the one that was read."""
    mine = [column == p(f"key{i}") for i, column in enumerate(table.primary_key.columns)]
    return Query(update(table).where(*mine, table.c[name] == p("old")).values({name: p("new")}))


class SqlKeys:
    """``key_rows.Keys`` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def on(self) -> bool:
        return isinstance(self._database, SealedDatabase)

    async def list(self) -> Sequence[KeyInfo]:
        def steps() -> Steps[Sequence[KeyInfo]]:
            return [
                KeyInfo(id=bytes(id).hex(), workspace=workspace, kind=kind, at=at, retired_at=retired_at)
                for id, workspace, kind, at, retired_at in (yield _KEYS, {})
            ]

        return await self._sealed.inner.read(steps)

    async def rotate(self, workspace: str) -> None:
        await self._sealed.renew(workspace)

        def steps() -> Steps[None]:
            w = (yield _NUMBER, {"workspace": workspace})[0][0]
            total = 0
            for table in _TABLES:
                total += (yield _count(table), {"w": w})[0][0]
            yield _BEGIN, {"w": w, "at": time.time(), "total": total}

        await self._sealed.inner.write(steps)

    async def rewrap(self, master: Sealer) -> int:
        return await self._sealed.rewrap(master)

    async def going(self) -> Sequence[Resealing]:
        def steps() -> Steps[Sequence[Resealing]]:
            return [
                Resealing(workspace=name, at=at, done=done, total=total)
                for name, _, at, _, done, total in (yield _GOING, {})
            ]

        return await self._sealed.inner.read(steps)

    async def step(self, workspace: str) -> bool:
        await self._sealed.load()
        begun = time.time()
        return await self._sealed.inner.write(lambda: self._step(workspace, begun))

    @property
    def _sealed(self) -> SealedDatabase:
        if not isinstance(self._database, SealedDatabase):
            raise UsageError("this store is not sealed: set WEFT_MASTER_KEY, WEFT_MASTER_KEY_FILE or _COMMAND first")
        return self._database

    def _step(self, workspace: str, begun: float) -> Steps[bool]:
        found = yield _NUMBER, {"workspace": workspace}
        values: dict[str, Any] = {"w": found[0][0] if found else 0, "limit": PAGE}
        if not (rows := (yield _LOCK, values)):
            return False
        at, place = rows[0]
        number, after = _read(place)
        if number == len(_TABLES):
            return (yield from self._ended(values, begun - at))
        table = _TABLES[number]
        values |= {f"after{i}": value for i, value in enumerate(after or ())}
        page = yield (_page(table, after is not None), values)
        for row in page:
            yield from self._again(workspace, table, row)
        width = len(table.primary_key.columns)
        next = (number, list(page[-1][:width])) if len(page) == PAGE else (number + 1, None)
        yield _KEEP, {**values, "mark": _told(*next), "done": len(page)}
        return True

    def _ended(self, values: dict[str, Any], since: float) -> Steps[bool]:
        """Where others may still have written under the old key, look through all of it once more, later."""
        if since < _GRACE:
            yield _AGAIN, values
            return False
        for query in _END:
            yield query, values
        return False

    def _again(self, workspace: str, table: Table, row: Row) -> Steps[None]:
        ring, width = self._sealed.keys, len(table.primary_key.columns)
        values = dict(zip([*COLUMNS[table.name], *_beside(table)], row[width:], strict=True))
        for name in COLUMNS[table.name]:
            kind: Any = table.c[name].type
            old = values[name]
            if not old or (id_of(old) and (kind.place in ALIKE or id_of(old) == ring.key_of(workspace).id)):
                continue
            beside = [values[KEY] % SPAN if one == SEQ else values[one] for one in bound(kind.place)]
            new = ring.seal(workspace, kind, ring.open(kind, old, None, beside), beside)
            keys = {f"key{i}": value for i, value in enumerate(row[:width])}
            yield _put(table, name), {**keys, "old": old, "new": new}


def _told(number: int, after: Sequence[Any] | None) -> str:
    return base64.b64encode(msgspec.msgpack.encode((number, after))).decode()


def _read(place: str) -> tuple[int, Sequence[Any] | None]:
    return msgspec.msgpack.decode(base64.b64decode(place)) if place else (0, None)
