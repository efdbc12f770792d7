"""The one door to Redis: answers of models that several processes share, and lose when they are too old."""

import asyncio
import os
from typing import Any
from weakref import WeakKeyDictionary

from weft.errors import StoreError, UsageError
from weft.models.sessions import at_end_of_loop

PATIENCE = 2.0
"""Seconds that a run waits for Redis before it goes on without."""
_clients: "WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Any]]" = WeakKeyDictionary()


class InRedis:
    """``kept.Place`` in Redis. It forgets by itself; a deleted thread's answers stay until then."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def find(self, workspace: str, digest: str) -> bytes | None:
        return await self._asked("get", _key(workspace, digest))

    async def keep(
        self, workspace: str, digest: str, body: bytes, *, ttl: float | None, user: str, thread_id: str
    ) -> None:
        await self._asked("set", _key(workspace, digest), body, px=None if ttl is None else max(1, round(ttl * 1000)))

    async def forget(self, workspace: str) -> None:
        """All answers of a workspace: which user's they are, nobody knows."""
        cursor: Any = 0
        while True:
            cursor, keys = await self._asked("scan", cursor, match=_key(_literally(workspace), "*"), count=1000)
            if keys:
                await self._asked("delete", *keys)
            if not int(cursor):
                return

    async def _asked(self, command: str, *words: Any, **options: Any) -> Any:
        client = await _client(self._url)
        try:
            async with asyncio.timeout(PATIENCE):
                return await getattr(client, command)(*words, **options)
        except (OSError, TimeoutError, _library().RedisError) as error:
            raise StoreError(f"Redis does not answer: {type(error).__name__}") from error


def _key(workspace: str, digest: str) -> str:
    return f"weft:answers:{workspace}:{digest}"


def _literally(text: str) -> str:
    """In a pattern of Redis."""
    return "".join([f"\\{one}" if one in "*?[]^-\\" else one for one in text])


def redis_at(address: str) -> InRedis:
    """The Redis at this address, or at the one in the variable that it names.

    Raises:
        UsageError: the variable is not set, or the package is missing.
    """
    variable = address.removeprefix("os.environ/")
    url = address if variable == address else os.environ.get(variable, "")
    if not url:
        raise UsageError(f"AnswerCache: {variable} is not set in the environment")
    return InRedis(url)


def _library() -> Any:
    try:
        import redis.asyncio  # noqa: PLC0415  # an extra

        return redis.asyncio
    except ImportError as error:
        raise UsageError("answers in Redis need its package: pip install 'weft[redis]'") from error


async def _client(url: str) -> Any:
    """The client of the running loop, closed with it."""
    loop = asyncio.get_running_loop()
    known = _clients.setdefault(loop, {})
    if url not in known:
        library: Any = await asyncio.to_thread(_library)
        if url not in known:
            known[url] = library.Redis.from_url(url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE)
        await at_end_of_loop(close_redis)
    return known[url]


async def close_redis() -> None:
    """Closes the running loop's connections to Redis."""
    for client in _clients.pop(asyncio.get_running_loop(), {}).values():
        await client.aclose()
