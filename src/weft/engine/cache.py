"""Caches of nodes: the same input need not be worked out twice."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias

import msgspec

KeyFn: TypeAlias = Callable[[Any, Any], str | None]
"""The key of a state and a payload; ``None`` is not cached."""


class Kept(Protocol):
    """Where results of nodes are kept. A key holds the names of graph and node; a value is an ``Update``."""

    async def get(self, key: str) -> Any:
        """What is kept, or ``None``."""
        ...

    async def put(self, key: str, value: Any, ttl: float | None) -> None:
        """Keep it, for ``ttl`` seconds."""
        ...


class InMemory:
    """The last ``most`` results, in this process."""

    def __init__(self, most: int = 1000, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock = most, clock
        self._kept: OrderedDict[str, tuple[Any, float | None]] = OrderedDict()

    async def get(self, key: str) -> Any:
        found = self._kept.get(key)
        if found is None:
            return None
        value, until = found
        if until is not None and self._clock() >= until:
            del self._kept[key]
            return None
        self._kept.move_to_end(key)
        return value

    async def put(self, key: str, value: Any, ttl: float | None) -> None:
        self._kept[key] = (value, None if ttl is None else self._clock() + ttl)
        self._kept.move_to_end(key)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)


class Cache:
    """How a node's results are cached: ``key`` says what its input is known by, ``ttl`` for how many seconds.

    Without a ``key`` the whole input counts. ``kept`` is where; by default in memory, for this node.
    """

    __slots__ = ("kept", "key", "ttl")

    def __init__(self, key: KeyFn | None = None, *, ttl: float | None = None, kept: Kept | None = None) -> None:
        self.key: KeyFn = key or whole
        self.ttl = ttl
        self.kept: Kept = kept or InMemory()


def whole(state: Any, payload: Any) -> str:
    """A digest of everything in the input."""
    seen = dict[Any, Any](state) if isinstance(state, Mapping) else state  # pyright: ignore[reportUnknownArgumentType]  # as users type it
    body = msgspec.json.encode((seen, payload), enc_hook=_plain, order="sorted")
    return hashlib.sha256(body).hexdigest()


def _plain(value: Any) -> Any:
    """What is not JSON, in its own words; Pydantic models by their fields."""
    fields = getattr(value, "__dict__", None)
    return {**fields, "": type(value).__name__} if fields else repr(value)
