"""A ``BaseStore`` over a Weft store for LangGraph's own engine, and so for langmem: a door of that package."""

from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast

from langgraph.store.base import (
    BaseStore,
    GetOp,
    Item,
    ListNamespacesOp,
    Op,
    PutOp,
    Result,
    SearchItem,
    SearchOp,
    TTLConfig,
)

from weft.langgraph.store import base as ours
from weft.langgraph.store.durable import DurableStore
from weft.storage import Store, open_store
from weft.storage.base import Scope
from weft.vectors.base import VectorIndex


class WeftStore(BaseStore):
    """``graph.compile(store=...)`` for LangGraph: items of one user, in SQLite or PostgreSQL, with time to live.

    See ``DurableStore`` for what its arguments are.
    """

    supports_ttl = True

    def __init__(
        self,
        store: Store,
        scope: Scope | None = None,
        *,
        index: Mapping[str, Any] | None = None,
        ttl: TTLConfig | None = None,
        vectors: VectorIndex | None = None,
    ) -> None:
        self.ttl_config = ttl
        self.own = DurableStore(store, scope, index=index, ttl=cast("Mapping[str, Any] | None", ttl), vectors=vectors)
        """The same in Weft's words, with ``erase`` and ``sweep_ttl``."""

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        return [_theirs(one) for one in self.own.batch([_ours(op) for op in ops])]

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        return [_theirs(one) for one in await self.own.abatch([_ours(op) for op in ops])]


@asynccontextmanager
async def item_store(where: str, scope: Scope | None = None, **given: Any) -> AsyncGenerator[WeftStore]:
    """A ``WeftStore`` on the database at this address, which is opened and closed again.

    Raises:
        StoreError: it cannot be opened.
    """
    store = await open_store(where)
    try:
        yield WeftStore(store, scope, **given)
    finally:
        await store.close()


def _ours(op: Op) -> ours.Op:
    if isinstance(op, GetOp):
        return ours.GetOp(op.namespace, op.key, op.refresh_ttl)
    if isinstance(op, PutOp):
        value = None if op.value is None else dict(op.value)
        return ours.PutOp(op.namespace, op.key, value, op.index, op.ttl)
    if isinstance(op, SearchOp):
        return ours.SearchOp(op.namespace_prefix, op.filter, op.limit, op.offset, op.query, op.refresh_ttl)
    if isinstance(op, ListNamespacesOp):  # pyright: ignore[reportUnnecessaryIsInstance]  # a caller's own kind
        wanted = [ours.MatchCondition(one.match_type, tuple(one.path)) for one in op.match_conditions or ()]
        return ours.ListNamespacesOp(tuple(wanted), op.max_depth, op.limit, op.offset)
    raise ValueError(f"Unknown operation type: {type(op)}")


def _theirs(result: Any) -> Any:
    """Their items in place of ours."""
    if isinstance(result, list):
        return [_theirs(one) for one in cast("list[Any]", result)]
    if isinstance(result, ours.SearchItem):
        return SearchItem(**_fields(result), score=result.score)
    return Item(**_fields(result)) if isinstance(result, ours.Item) else result


def _fields(item: ours.Item) -> dict[str, Any]:
    return {
        "namespace": item.namespace,
        "key": item.key,
        "value": item.value,
        "created_at": item.created_at,
        "updated_at": item.updated_at,
    }
