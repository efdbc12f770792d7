"""Tells other processes that runs have something new: PostgreSQL's NOTIFY, a few times a second at most.

A doorbell in the data's own transaction would make all commits of the server wait for each other, so it
rings beside it, for all runs of the last moments at once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress

from weft.ids import new_id
from weft.storage.postgres_errors import is_lost
from weft.storage.postgres_url import Connection

_QUIET = 0.01
"""Seconds to gather runs before the bell rings."""
_APART = 0.1
"""Seconds from one ring to the next at least: who is busy is heard often enough."""
_ROOM = 7_900
"""Bytes of a notification."""


class Doorbell:
    """Rings for the runs of this process, and hears of those of others."""

    def __init__(
        self,
        connect: Callable[[], Awaitable[Connection]],
        schema: str,
        execute: Callable[..., Awaitable[None]],
    ) -> None:
        self._connect, self._execute = connect, execute
        self._channel = f"weft_{schema}"
        self._me = new_id("bell")
        self._waiting: set[str] = set()
        self._next = 0.0
        """When it may ring again, by the loop's clock."""
        self._timer: asyncio.TimerHandle | None = None
        self._ringing: asyncio.Task[None] | None = None
        self._hearing: asyncio.Task[None] | None = None
        self._rings: list[Callable[[str], None]] = []

    def rang(self, runs: Iterable[str]) -> None:
        """These runs have something new."""
        self._waiting.update(runs)
        if self._timer is None and self._waiting:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(max(loop.time() + _QUIET, self._next), self._begin)

    def listen(self, ring: Callable[[str], None]) -> Callable[[], None]:
        """Call ``ring`` for runs of other processes until the returned function is called."""
        self._rings.append(ring)
        if self._hearing is None or self._hearing.done():
            self._hearing = asyncio.get_running_loop().create_task(self._hear())

        def stop() -> None:
            with suppress(ValueError):
                self._rings.remove(ring)
            if not self._rings and self._hearing is not None:
                self._hearing.cancel()

        return stop

    async def close(self) -> None:
        """Ring a last time, and hear no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._begin()
        if self._ringing is not None:
            await asyncio.wait([self._ringing])
        if self._hearing is not None:
            self._hearing.cancel()
            await asyncio.wait([self._hearing])

    def _begin(self) -> None:
        self._timer = None
        self._next = asyncio.get_running_loop().time() + _APART
        runs, self._waiting = self._waiting, set()
        self._ringing = asyncio.get_running_loop().create_task(self._ring(runs, self._ringing))

    async def _ring(self, runs: Iterable[str], before: "asyncio.Task[None] | None") -> None:
        if before is not None:
            await asyncio.wait([before])
        payloads = [self._me]
        for run in runs:
            if len(payloads[-1].encode()) + len(run.encode()) + 1 > _ROOM:
                payloads.append(self._me)
            payloads[-1] += f"\n{run}"
        with suppress(Exception):  # only a hint: who missed it asks again by and by
            for payload in payloads:
                await self._execute("SELECT pg_notify($1, $2)", self._channel, payload)

    async def _hear(self) -> None:
        """Keep a connection that listens, through restarts of the database."""
        pause = 0.05
        while True:
            connection = None
            try:
                connection = await self._connect()
                await self._hear_on(connection)
                pause = 0.05
            except Exception as error:
                if not is_lost(error):
                    raise
            finally:
                if connection is not None:
                    connection.terminate()
            await asyncio.sleep(pause)
            pause = min(1.0, pause * 2)

    async def _hear_on(self, connection: Connection) -> None:
        """Until it is closed."""
        gone = asyncio.Event()

        def closed(_: Connection) -> None:
            gone.set()

        connection.add_termination_listener(closed)
        await connection.add_listener(self._channel, self._heard)
        await gone.wait()

    def _heard(self, _connection: object, _process: int, _channel: str, payload: str) -> None:
        sender, *runs = payload.split("\n")
        if sender != self._me:
            for ring in list(self._rings):
                for run in runs:
                    ring(run)
