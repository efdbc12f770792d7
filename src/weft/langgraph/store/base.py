"""What a store is: items by namespace and key, with the verbs of ``langgraph.store.base``."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import EllipsisType
from typing import Any, Literal, NamedTuple

from weft.langgraph.blocking import wait


class InvalidNamespaceError(ValueError):
    """A namespace that cannot be: empty, or with empty or dotted parts."""


class Item:
    """A value under a namespace and a key."""

    __slots__ = ("created_at", "key", "namespace", "updated_at", "value")

    def __init__(
        self, *, value: dict[str, Any], key: str, namespace: tuple[str, ...], created_at: datetime, updated_at: datetime
    ) -> None:
        self.value, self.key, self.namespace = value, key, tuple(namespace)
        self.created_at, self.updated_at = created_at, updated_at

    def dict(self) -> Mapping[str, Any]:
        """Its fields, as plain data."""
        at = {"created_at": self.created_at.isoformat(), "updated_at": self.updated_at.isoformat()}
        return {"namespace": list(self.namespace), "key": self.key, "value": self.value, **at}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Item) and self.dict() == other.dict()

    def __hash__(self) -> int:
        return hash((self.namespace, self.key))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(namespace={list(self.namespace)}, key={self.key!r}, value={self.value!r})"


class SearchItem(Item):
    """An item that was found, and how well it fits."""

    __slots__ = ("score",)

    def __init__(self, *, score: float | None = None, **given: Any) -> None:
        super().__init__(**given)
        self.score = score


class GetOp(NamedTuple):
    """Ask for an item."""

    namespace: tuple[str, ...]
    key: str
    refresh_ttl: bool = True


class PutOp(NamedTuple):
    """Keep a value; ``None`` forgets it."""

    namespace: tuple[str, ...]
    key: str
    value: dict[str, Any] | None
    index: Literal[False] | list[str] | None = None  # pyright: ignore[reportIncompatibleMethodOverride]  # its name
    ttl: float | None = None


class SearchOp(NamedTuple):
    """Look for items below a namespace."""

    namespace_prefix: tuple[str, ...]
    filter: dict[str, Any] | None = None
    limit: int = 10
    offset: int = 0
    query: str | None = None
    refresh_ttl: bool = True


class MatchCondition(NamedTuple):
    """Which namespaces are meant; ``*`` stands for any part."""

    match_type: Literal["prefix", "suffix"]
    path: tuple[str, ...]


class ListNamespacesOp(NamedTuple):
    """Ask which namespaces there are."""

    match_conditions: tuple[MatchCondition, ...] | None = None
    max_depth: int | None = None
    limit: int = 100
    offset: int = 0


Op = GetOp | PutOp | SearchOp | ListNamespacesOp


class BaseStore:
    """A store: whoever makes one writes ``abatch``, and ``batch`` where it can do without a loop."""

    supports_ttl: bool = False
    ttl_config: Mapping[str, Any] | None = None
    """``default_ttl`` in minutes, and whether items that are read stay longer (``refresh_on_read``)."""

    async def abatch(self, ops: Iterable[Op]) -> list[Any]:
        raise NotImplementedError

    def batch(self, ops: Iterable[Op]) -> list[Any]:
        """``abatch`` for programs without an event loop."""
        return wait(self.abatch(list(ops)))

    def get(self, namespace: tuple[str, ...], key: str, *, refresh_ttl: bool | None = None) -> Item | None:
        return self.batch([GetOp(tuple(namespace), str(key), self._refreshed(refresh_ttl))])[0]

    def search(
        self,
        namespace_prefix: tuple[str, ...],
        /,
        *,
        query: str | None = None,
        filter: dict[str, Any] | None = None,
        limit: int = 10,
        offset: int = 0,
        refresh_ttl: bool | None = None,
    ) -> list[SearchItem]:
        refresh = self._refreshed(refresh_ttl)
        return self.batch([SearchOp(tuple(namespace_prefix), filter, limit, offset, query, refresh)])[0]

    def put(
        self,
        namespace: tuple[str, ...],
        key: str,
        value: dict[str, Any],
        index: Literal[False] | list[str] | None = None,
        *,
        ttl: float | EllipsisType | None = ...,
    ) -> None:
        """``ttl``: minutes. Raises: InvalidNamespaceError; NotImplementedError (a ``ttl`` where there is none)."""
        _check(namespace)
        self.batch([PutOp(tuple(namespace), str(key), value, index, self._lasting(ttl))])

    def delete(self, namespace: tuple[str, ...], key: str) -> None:
        self.batch([PutOp(tuple(namespace), str(key), None)])

    def list_namespaces(
        self,
        *,
        prefix: Sequence[str] | None = None,
        suffix: Sequence[str] | None = None,
        max_depth: int | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> list[tuple[str, ...]]:
        return self.batch([ListNamespacesOp(_conditions(prefix, suffix), max_depth, limit, offset)])[0]

    async def aget(self, namespace: tuple[str, ...], key: str, *, refresh_ttl: bool | None = None) -> Item | None:
        return (await self.abatch([GetOp(tuple(namespace), str(key), self._refreshed(refresh_ttl))]))[0]

    async def asearch(
        self,
        namespace_prefix: tuple[str, ...],
        /,
        *,
        query: str | None = None,
        filter: dict[str, Any] | None = None,
        limit: int = 10,
        offset: int = 0,
        refresh_ttl: bool | None = None,
    ) -> list[SearchItem]:
        refresh = self._refreshed(refresh_ttl)
        return (await self.abatch([SearchOp(tuple(namespace_prefix), filter, limit, offset, query, refresh)]))[0]

    async def aput(
        self,
        namespace: tuple[str, ...],
        key: str,
        value: dict[str, Any],
        index: Literal[False] | list[str] | None = None,
        *,
        ttl: float | EllipsisType | None = ...,
    ) -> None:
        """``ttl``: minutes. Raises: InvalidNamespaceError; NotImplementedError (a ``ttl`` where there is none)."""
        _check(namespace)
        await self.abatch([PutOp(tuple(namespace), str(key), value, index, self._lasting(ttl))])

    async def adelete(self, namespace: tuple[str, ...], key: str) -> None:
        await self.abatch([PutOp(tuple(namespace), str(key), None)])

    async def alist_namespaces(
        self,
        *,
        prefix: Sequence[str] | None = None,
        suffix: Sequence[str] | None = None,
        max_depth: int | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> list[tuple[str, ...]]:
        return (await self.abatch([ListNamespacesOp(_conditions(prefix, suffix), max_depth, limit, offset)]))[0]

    def _refreshed(self, given: bool | None) -> bool:
        return bool((self.ttl_config or {}).get("refresh_on_read", True)) if given is None else given

    def _lasting(self, given: float | EllipsisType | None) -> float | None:
        if given is ...:
            return (self.ttl_config or {}).get("default_ttl")
        if given is not None and not self.supports_ttl:
            raise NotImplementedError(f"TTL is not supported by {type(self).__name__}")
        return given


def _conditions(prefix: Sequence[str] | None, suffix: Sequence[str] | None) -> tuple[MatchCondition, ...]:
    found = (("prefix", prefix), ("suffix", suffix))
    return tuple([MatchCondition(kind, tuple(path)) for kind, path in found if path])  # pyright: ignore[reportArgumentType]  # the two that there are


def _check(namespace: tuple[str, ...]) -> None:
    if not namespace:
        raise InvalidNamespaceError("Namespace cannot be empty.")
    for part in namespace:
        if not isinstance(part, str) or not part or "." in part:  # pyright: ignore[reportUnnecessaryIsInstance]  # the user's
            raise InvalidNamespaceError(
                f"Invalid namespace label '{part}' found in {namespace}. Namespace labels must be non-empty strings "
                "without periods."
            )
    if namespace[0] == "langgraph":
        raise InvalidNamespaceError(f'Root label for namespace cannot be "langgraph". Got: {namespace}')
