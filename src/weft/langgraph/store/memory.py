"""A store in memory, which finds by meaning where it is given an embedding."""

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

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
from weft.langgraph.store.finding import Vector, embedded, embedding, fits, matches, texts


class InMemoryStore(BaseStore):
    """Items in this process. ``index={"dims": ..., "embed": fn, "fields": [...]}`` makes ``query`` go by meaning."""

    def __init__(self, *, index: Mapping[str, Any] | None = None) -> None:
        self._items: dict[tuple[str, ...], dict[str, Item]] = {}
        self._vectors: dict[tuple[tuple[str, ...], str], list[Vector]] = {}
        self._index = None if index is None else {**index, "embed": embedding(index["embed"])}

    async def abatch(self, ops: Iterable[Op]) -> list[Any]:
        """Do all of these; what each gave."""
        return [await self._do(one) for one in ops]

    async def _do(self, op: Op) -> Any:
        if isinstance(op, GetOp):
            return self._items.get(op.namespace, {}).get(op.key)
        if isinstance(op, PutOp):
            return await self._put(op)
        return await self._search(op) if isinstance(op, SearchOp) else self._namespaces(op)

    async def _put(self, op: PutOp) -> None:
        here = self._items.setdefault(op.namespace, {})
        self._vectors.pop((op.namespace, op.key), None)
        if op.value is None:
            here.pop(op.key, None)
            if not here:
                del self._items[op.namespace]
            return
        now = datetime.now(UTC)
        known = here.get(op.key)
        made = now if known is None else known.created_at
        here[op.key] = Item(value=op.value, key=op.key, namespace=op.namespace, created_at=made, updated_at=now)
        if self._index is not None and op.index is not False:
            fields = op.index or self._index.get("fields") or ["$"]
            if told := [text for field in fields for text in texts(op.value, field)]:
                self._vectors[(op.namespace, op.key)] = await embedded(self._index["embed"], told)

    async def _search(self, op: SearchOp) -> list[SearchItem]:
        depth = len(op.namespace_prefix)
        found = [
            item
            for namespace, items in self._items.items()
            if namespace[:depth] == op.namespace_prefix
            for item in items.values()
            if all(fits(item.value.get(key), wanted) for key, wanted in (op.filter or {}).items())
        ]
        scores: dict[int, float] = {}
        if op.query and self._index is not None:
            (query,) = await embedded(self._index["embed"], [op.query])
            for item in found:
                near = [_near(query, one) for one in self._vectors.get((item.namespace, item.key), ())]
                if near:
                    scores[id(item)] = max(near)
            found.sort(key=lambda item: scores.get(id(item), -2.0), reverse=True)
        return [
            SearchItem(
                score=scores.get(id(item)),
                value=item.value,
                key=item.key,
                namespace=item.namespace,
                created_at=item.created_at,
                updated_at=item.updated_at,
            )
            for item in found[op.offset : op.offset + op.limit]
        ]

    def _namespaces(self, op: ListNamespacesOp) -> list[tuple[str, ...]]:
        found = [one for one in self._items if all(matches(one, wanted) for wanted in op.match_conditions or ())]
        if op.max_depth is not None:
            found = [one[: op.max_depth] for one in found]
        return sorted(set(found))[op.offset : op.offset + op.limit]


def _near(one: Vector, other: Vector) -> float:
    size = math.hypot(*one) * math.hypot(*other)
    return sum(a * b for a, b in zip(one, other, strict=True)) / size if size else 0.0


__all__ = ["InMemoryStore"]
