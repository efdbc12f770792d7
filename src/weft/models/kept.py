"""Answers of models that are kept to be given again: what makes two requests the same, and where answers lie meanwhile.

Only requests that are alike to the last letter have the same answer; ids of messages and calls are no part of what is
asked. A workspace never sees the answers of another.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import msgspec
from msgspec import Struct

from weft.errors import UsageError
from weft.messages import Json
from weft.models.base import Answer, Model, Piece, Request

_REFERENCE = "os.environ/"


@dataclass(frozen=True, slots=True)
class AnswerCache:
    """How an agent's answers are kept: a request that was made before, letter by letter, is not made again.

    >>> AnswerCache(ttl=600, keep="store")
    AnswerCache(ttl=600, keep='store')

    Raises:
        UsageError: it cannot be kept so, or there.
    """

    ttl: float | None = 3600.0
    """Seconds for which an answer is given again; ``None`` is for good."""
    keep: str = "memory"
    """``memory`` of this process, the app's ``store``, a Redis (``redis://HOST:6379/0``), or ``os.environ/NAME`` of its
    address. A run without a store keeps in memory what was to be kept there."""

    def __post_init__(self) -> None:
        if self.ttl is not None and not 0 < self.ttl < 1e10:
            raise UsageError("AnswerCache: ttl is more than 0 seconds, or None")
        places = ("redis://", "rediss://", "unix://", _REFERENCE)
        if self.keep not in ("memory", "store") and not self.keep.startswith(places):
            raise UsageError(f"AnswerCache: keep is 'memory', 'store', or an address of Redis, not {self.keep!r}")
        if "@" in self.keep:
            raise UsageError("AnswerCache: an address with a password is named by its variable: keep='os.environ/NAME'")


class Kept(Struct, frozen=True):
    """An answer and the pieces that it came in."""

    pieces: tuple[tuple[str, str], ...]
    answer: Answer

    def stream(self) -> Sequence[Piece | Answer]:
        """As the model said it."""
        return [*[Piece(text, kind) for kind, text in self.pieces], self.answer]  # pyright: ignore[reportArgumentType]  # a Piece's own kind


class Place(Protocol):
    """Where answers lie. What cannot be read counts as not there; what cannot be written is not kept."""

    async def find(self, workspace: str, digest: str) -> bytes | None: ...

    async def keep(
        self, workspace: str, digest: str, body: bytes, *, ttl: float | None, user: str, thread_id: str
    ) -> None: ...


@runtime_checkable
class _Placed(Protocol):
    """A model at an address of its own."""

    @property
    def base_url(self) -> str | None: ...


@runtime_checkable
class _Tagged(Protocol):
    """A group of which only some deployments may answer."""

    @property
    def tags(self) -> tuple[str, ...]: ...


def digest(model: Model, request: Request) -> str:
    """The name of what is asked, and of whom."""
    told: Json = msgspec.to_builtins(msgspec.structs.replace(request, settings=dict(request.settings)))
    ids: dict[str, str] = {}
    for message in told["messages"]:
        message.pop("id", None)
        for part in message["parts"]:
            for name in ("id", "call_id"):
                if name in part and part["type"] in ("tool_call", "tool_result"):
                    part[name] = ids.setdefault(part[name], str(len(ids)))
    at = model.base_url if isinstance(model, _Placed) else None
    tags = model.tags if isinstance(model, _Tagged) else ()
    asked = msgspec.json.encode([model.name, at, tags, told], order="deterministic")
    return hashlib.sha256(asked).hexdigest()


encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(Kept).decode


class InMemory:
    """The answers that were used last, up to so many bytes of them."""

    def __init__(self, most: int = 64 * 2**20, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock, self._size = most, clock, 0
        self._kept: OrderedDict[tuple[str, str], tuple[bytes, float | None]] = OrderedDict()

    async def find(self, workspace: str, digest: str) -> bytes | None:
        key = workspace, digest
        found = self._kept.get(key)
        if found is None:
            return None
        body, until = found
        if until is not None and self._clock() >= until:
            self._drop(key)
            return None
        self._kept.move_to_end(key)
        return body

    async def keep(
        self, workspace: str, digest: str, body: bytes, *, ttl: float | None, user: str, thread_id: str
    ) -> None:
        key = workspace, digest
        self._drop(key)
        self._kept[key] = body, None if ttl is None else self._clock() + ttl
        self._size += len(body)
        while self._size > self._most:
            self._drop(next(iter(self._kept)))

    def clear(self) -> None:
        """Forget all of it."""
        self._kept.clear()
        self._size = 0

    def _drop(self, key: tuple[str, str]) -> None:
        if (gone := self._kept.pop(key, None)) is not None:
            self._size -= len(gone[0])


MEMORY = InMemory()
"""Of this process."""


def place_of(cache: AnswerCache, stored: Any) -> Place:
    """Where the answers lie; ``stored`` is the store's place, ``None`` where there is no store.

    Raises:
        UsageError: no such variable, or the package that talks to Redis is missing.
    """
    if cache.keep == "memory" or (cache.keep == "store" and stored is None):
        return MEMORY
    if cache.keep == "store":
        return stored
    from weft.models.redis_cache import redis_at  # noqa: PLC0415  # only who uses Redis

    return redis_at(cache.keep)
