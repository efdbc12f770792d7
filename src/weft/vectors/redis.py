"""Redis: vectors of what does not live long, shared by processes and forgotten by themselves."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from weft.errors import StoreError, UsageError
from weft.vectors.base import distinct, numbers
from weft.vectors.exact import Matrix, loaded

_HOUR = 3600.0
_KEPT = 32
"""Spaces of which a process keeps a copy to search in, the last used ones."""
_PUT = """
local size = redis.call('HGET', KEYS[1], 'size')
if size and size ~= ARGV[1] then return tonumber(size) end
redis.call('HSET', KEYS[1], 'size', ARGV[1], 'mark', ARGV[2])
for i = 4, #ARGV, 2 do redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return 0
"""
_REMOVE = """
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], 'mark', ARGV[1])
for i = 2, #ARGV do redis.call('HDEL', KEYS[2], ARGV[i]) end
return 0
"""
_READ = """
local head = redis.call('HMGET', KEYS[1], 'size', 'mark')
if not head[1] then return {} end
if head[2] == ARGV[1] then return {head[1], head[2]} end
return {head[1], head[2], redis.call('HGETALL', KEYS[2])}
"""


class InRedis:
    """``VectorIndex`` in a Redis of any kind (no module is needed); ``pip install 'weft[redis]'``.

    A process that searches has a copy of the space, and reads it again once somebody wrote: for some ten thousand
    vectors at most. A space is forgotten ``ttl`` seconds after something was last put there.
    """

    def __init__(self, url: str, *, ttl: float = _HOUR, prefix: str = "weft:vectors:") -> None:
        """Raises: UsageError."""
        if ttl <= 0:
            raise UsageError("vectors in Redis live for some seconds: ttl must be greater than 0")
        self._url, self._ttl, self._prefix = url, max(1, round(ttl * 1000)), prefix
        self._client: Any = None
        self._copies: dict[str, tuple[bytes, Matrix]] = {}

    async def put(self, space: str, entries: Sequence[tuple[str, bytes]]) -> None:
        if not entries:
            return
        size = numbers(space, (vector for _, vector in entries))
        given = list(distinct(entries).items())
        for start in range(0, len(given), 1_000):
            flat = [part for pair in given[start : start + 1_000] for part in pair]
            if known := await self._run(_PUT, space, size, uuid4().bytes, self._ttl, *flat):
                numbers(space, [entries[0][1]], int(known))

    async def remove(self, space: str, ids: Sequence[str]) -> None:
        for start in range(0, len(ids), 1_000):
            await self._run(_REMOVE, space, uuid4().bytes, *ids[start : start + 1_000])

    async def search(
        self, space: str, vector: bytes, limit: int, *, only: Sequence[str] | None = None
    ) -> Sequence[tuple[str, float]]:
        held = await self._copy(space)
        if held is None or limit < 1:
            return []
        numbers(space, [vector], held.size)
        return await asyncio.to_thread(held.search, vector, limit, only)

    async def count(self, space: str) -> int:
        return int(await self._asked("hlen", self._keys(space)[1]))

    async def scrub(self, space: str) -> None:
        """Redis keeps nothing of it in memory; its own files it writes anew by itself."""

    async def drop(self, space: str) -> None:
        self._copies.pop(space, None)
        await self._asked("delete", *self._keys(space))

    async def close(self) -> None:
        self._copies.clear()
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _copy(self, space: str) -> Matrix | None:
        """All of the space as it is now."""
        mark, held = self._copies.pop(space, (b"", None))
        told: list[Any] = await self._run(_READ, space, mark)
        if not told:
            return None
        if held is None or len(told) > 2:
            flat: list[bytes] = told[2]
            held = Matrix(int(told[0]))
            entries = {id.decode(): body for id, body in zip(flat[::2], flat[1::2], strict=True)}
            if entries:
                await asyncio.to_thread(held.put, entries)
        self._copies[space] = (told[1], held)
        while len(self._copies) > _KEPT:
            del self._copies[next(iter(self._copies))]
        return held

    def _keys(self, space: str) -> tuple[str, str]:
        """In braces, so that a cluster has them in one place."""
        return f"{self._prefix}{{{space}}}:head", f"{self._prefix}{{{space}}}:rows"

    async def _run(self, script: str, space: str, *arguments: Any) -> Any:
        return await self._asked("eval", script, 2, *self._keys(space), *arguments)

    async def _asked(self, command: str, *words: Any) -> Any:
        library = await _library()
        if self._client is None:
            self._client = library.Redis.from_url(self._url, socket_timeout=30, socket_connect_timeout=5)
        try:
            return await getattr(self._client, command)(*words)
        except (OSError, TimeoutError, library.RedisError) as error:
            raise StoreError(f"vectors in Redis: it does not answer: {error or type(error).__name__}") from error


async def _library() -> Any:
    try:
        await loaded("redis.asyncio")
        import redis.asyncio  # noqa: PLC0415  # an extra
    except ImportError as error:
        raise UsageError(f"vectors in Redis need its package: pip install 'weft[redis]' ({error})") from error
    return redis.asyncio
