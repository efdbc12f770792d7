"""A LangGraph store whose items are in a Weft store: in SQLite or PostgreSQL, of one user of a workspace."""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import msgspec

from weft.errors import StateError
from weft.langgraph.blocking import loop, wait
from weft.langgraph.store.base import (
    BaseStore,
    GetOp,
    Item,
    ListNamespacesOp,
    Op,
    PutOp,
    SearchItem,
    SearchOp,
)
from weft.langgraph.store.finding import embedded, embedding, fits, matches, texts
from weft.langgraph.store.nearest import Nearest, packed
from weft.storage import Store, open_store
from weft.storage.base import Scope
from weft.storage.item_rows import ItemRow, Items
from weft.vectors.base import VectorIndex
from weft.vectors.exact import Exact, loaded

_SWEEP = 5.0
"""Minutes after which a write takes away what has expired, where nothing else is said."""


class DurableStore(BaseStore):
    """Items that outlive their process; several processes may share them.

    In a batch all that reads sees what was before it; all that writes is one transaction. What has expired is never
    seen. Without ``query``, or without an ``index``, the last changed come first.

    Args:
        store: One that is open, or its address; then it is opened at first use.
        scope: Whose items these are: a user of a workspace (``local`` of ``default``).
        index: ``{"embed": ..., "fields": [...]}`` as LangGraph has it; ``embed`` may be ``minilm`` or the like too.
        ttl: ``default_ttl`` and ``sweep_interval_minutes`` in minutes, ``refresh_on_read``.
        vectors: Where vectors are searched; in memory of this process unless you say so. It is closed by you.
    """

    supports_ttl = True

    def __init__(
        self,
        store: Store | str,
        scope: Scope | None = None,
        *,
        index: Mapping[str, Any] | None = None,
        ttl: Mapping[str, Any] | None = None,
        vectors: VectorIndex | None = None,
    ) -> None:
        workspace = scope.workspace if scope is not None else "default"
        self._scope = Scope(workspace, (scope.user if scope is not None else None) or "local")
        self.ttl_config = ttl
        self._embed = None if index is None else embedding(index["embed"])
        self._fields: Sequence[str] = (index or {}).get("fields") or ["$"]
        self._vectors_in = vectors or Exact()
        self._where, self._swept = store, time.time()
        self._opening = asyncio.Lock()
        self._opened: Store | None = None
        self._parts: tuple[Items, Nearest] | None = None
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError:
            self._loop = loop()

    async def _open(self) -> tuple[Items, Nearest]:
        if self._parts is None:
            async with self._opening:
                where = self._where
                if isinstance(where, str) and self._opened is None:
                    self._opened = where = await open_store(where)
                if self._parts is None and not isinstance(where, str):
                    lasting = None if isinstance(self._vectors_in, Exact) else where.outside
                    self._parts = (where.items, Nearest(where.items, self._scope, self._vectors_in, lasting))
        assert self._parts is not None
        return self._parts

    async def aclose(self) -> None:
        """Close the store, where it was opened here."""
        opened, self._opened, self._parts = self._opened, None, None
        if opened is not None:
            await opened.close()

    def close(self) -> None:
        """``aclose``, for programs without an event loop."""
        wait(self.aclose(), on=self._loop)

    def batch(self, ops: Iterable[Op]) -> list[Any]:
        """``abatch``, waiting in this thread for the loop in which the store was made."""
        return wait(self.abatch(list(ops)), on=self._loop)

    async def abatch(self, ops: Iterable[Op]) -> list[Any]:
        """Do all of these; what each gave.

        Raises:
            StateError: a value is no JSON; nothing was written.
        """
        asked = list(ops)
        results: list[Any] = [None] * len(asked)
        now = time.time()
        gets = {at: op for at, op in enumerate(asked) if isinstance(op, GetOp)}
        if gets:
            for at, item in zip(gets, await self._get(list(gets.values()), now), strict=True):
                results[at] = item
        for at, op in enumerate(asked):
            if isinstance(op, SearchOp):
                results[at] = await self._search(op, now)
            elif isinstance(op, ListNamespacesOp):
                results[at] = await self._namespaces(op, now)
        await self._put({(op.namespace, op.key): op for op in asked if isinstance(op, PutOp)}, now)
        return results

    async def sweep_ttl(self) -> int:
        """Take away what has expired, leaving no bytes; how many items."""
        self._swept = now = time.time()
        items, nearest = await self._open()
        gone = await items.erase(self._scope, expired_at=now)
        await nearest.forget({one.n: len(one.vectors) for one in gone})
        return len(gone)

    async def erase(self, prefix: tuple[str, ...] = ()) -> int:
        """Take away all below a namespace, leaving no bytes in the database; how many items."""
        items, nearest = await self._open()
        gone = await items.erase(self._scope, prefix=prefix)
        await nearest.forget({one.n: len(one.vectors) for one in gone})
        return len(gone)

    async def _get(self, ops: Sequence[GetOp], now: float) -> list[Item | None]:
        items, _ = await self._open()
        rows = await items.get(self._scope, [(op.namespace, op.key) for op in ops], now)
        read = [row for row, op in zip(rows, ops, strict=True) if row is not None and op.refresh_ttl]
        await self._touch(read, now)
        return [None if row is None else Item(**_fields(row)) for row in rows]

    async def _put(self, ops: Mapping[Any, PutOp], now: float) -> None:
        if not ops:
            return
        kept = [op for op in ops.values() if op.value is not None]
        vectors = await self._vectors(kept)
        rows = [_row(op, vectors.get(at, ()), now) for at, op in enumerate(kept)]
        items, nearest = await self._open()
        gone = await items.put(self._scope, rows, [place for place, op in ops.items() if op.value is None])
        if gone:
            await nearest.forget({one.n: len(one.vectors) for one in gone})
        minutes = (self.ttl_config or {}).get("sweep_interval_minutes") or _SWEEP
        if now - self._swept > 60 * minutes:
            await self.sweep_ttl()

    async def _vectors(self, ops: Sequence[PutOp]) -> dict[int, tuple[bytes, ...]]:
        """By the place of the operation; all texts are embedded at once."""
        told = {
            at: [text for field in (op.index or self._fields) for text in texts(op.value, field)]
            for at, op in enumerate(ops)
            if self._embed is not None and op.index is not False
        }
        flat = list(dict.fromkeys([text for each in told.values() for text in each]))
        if not flat:
            return {}
        await loaded()
        made = dict(zip(flat, [packed(one) for one in await embedded(self._embed, flat)], strict=True))
        return {at: tuple([made[text] for text in each]) for at, each in told.items()}

    async def _search(self, op: SearchOp, now: float) -> list[SearchItem]:
        if op.query and self._embed is not None:
            found = await self._by_meaning(op, now)
        else:
            rows = await self._fitting(op, now)
            found = [(row, None) for row in (rows if not op.filter else rows[op.offset : op.offset + op.limit])]
        if op.refresh_ttl:
            await self._touch([row for row, _ in found], now)
        return [SearchItem(score=score, **_fields(row)) for row, score in found]

    async def _fitting(self, op: SearchOp, now: float) -> Sequence[ItemRow]:
        """Those below the prefix that fit the filter; only the page that is asked for, where there is none."""
        items, _ = await self._open()
        if not op.filter:
            return await items.list(self._scope, op.namespace_prefix, now, limit=op.limit, offset=op.offset)
        rows = await items.list(self._scope, op.namespace_prefix, now)
        chosen: list[ItemRow] = []
        for row in rows:
            value = _value(row)
            if all([fits(value.get(key), one) for key, one in op.filter.items()]):
                chosen.append(row)
        return chosen

    async def _by_meaning(self, op: SearchOp, now: float) -> list[tuple[ItemRow, float | None]]:
        """What is nearest; then, where that is not enough, what has no vectors."""
        await loaded()
        items, _ = await self._open()
        (told,) = await embedded(self._embed, [op.query or ""])
        fitting = {row.n: row for row in await self._fitting(op, now)} if op.filter else None
        end = op.offset + op.limit
        found = await self._living(op, packed(told), end, fitting, now)
        if len(found) < end:
            seen = {row.n for row, _ in found}
            rest = (
                await items.list(self._scope, op.namespace_prefix, now, limit=end + len(seen))
                if fitting is None
                else fitting.values()
            )
            found += [(row, None) for row in rest if row.n not in seen][: end - len(found)]
        return found[op.offset :]

    async def _living(
        self, op: SearchOp, vector: bytes, limit: int, fitting: Mapping[int, ItemRow] | None, now: float
    ) -> list[tuple[ItemRow, float | None]]:
        """The nearest that are still there; what is not is forgotten."""
        items, nearest = await self._open()
        among = None if fitting is None else set(fitting)
        while True:
            near = await nearest.search(op.namespace_prefix, vector, limit, among)
            if fitting is not None:
                return [(fitting[n], score) for n, score in near]
            rows = await items.numbered(self._scope, [n for n, _ in near], now)
            gone = [n for (n, _), row in zip(near, rows, strict=True) if row is None]
            if not gone:
                return [(row, score) for (_, score), row in zip(near, rows, strict=True) if row is not None]
            await nearest.forget(dict.fromkeys(gone, 0))

    async def _namespaces(self, op: ListNamespacesOp, now: float) -> list[tuple[str, ...]]:
        items, _ = await self._open()
        known = await items.namespaces(self._scope, now)
        found = [one for one in known if all([matches(one, wanted) for wanted in op.match_conditions or ()])]
        if op.max_depth is not None:
            found = sorted({one[: op.max_depth] for one in found})
        return found[op.offset : op.offset + op.limit]

    async def _touch(self, rows: Sequence[ItemRow], now: float) -> None:
        lasting = [row.n for row in rows if row.ttl is not None]
        if lasting:
            items, _ = await self._open()
            await items.touch(self._scope, lasting, now)


def _row(op: PutOp, vectors: tuple[bytes, ...], now: float) -> ItemRow:
    if any(["\x1f" in part or "\x00" in part for part in (*op.namespace, op.key)]):
        raise StateError(f"the namespace {op.namespace!r} or the key {op.key!r} has a character that cannot be kept")
    try:
        body = msgspec.json.encode(op.value, enc_hook=_plain)
    except (TypeError, ValueError, OverflowError) as error:
        raise StateError(f"the value of {op.key!r} in {op.namespace!r} cannot be kept as JSON: {error}") from error
    seconds = None if op.ttl is None else 60 * op.ttl
    return ItemRow(
        namespace=op.namespace,
        key=op.key,
        body=body,
        vectors=vectors,
        created_at=now,
        updated_at=now,
        ttl=seconds,
        expires_at=None if seconds is None else now + seconds,
    )


def _plain(value: Any) -> Any:
    """Texts of LangChain's are a kind of ``str`` of its own."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, Mapping):
        return dict(cast("Mapping[str, Any]", value))
    raise TypeError(f"{type(value).__name__} is no JSON")


def _value(row: ItemRow) -> dict[str, Any]:
    return msgspec.json.decode(row.body)


def _fields(row: ItemRow) -> dict[str, Any]:
    """Of an ``Item``."""
    created, updated = [datetime.fromtimestamp(at, UTC) for at in (row.created_at, row.updated_at)]
    return {
        "value": _value(row),
        "key": row.key,
        "namespace": row.namespace,
        "created_at": created,
        "updated_at": updated,
    }
