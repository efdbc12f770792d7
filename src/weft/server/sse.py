"""A run's events as server-sent events: numbered, so that ``Last-Event-ID`` goes on where the line broke."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator

from fastapi import Response
from starlette.types import Receive, Scope, Send

from weft.events import Envelope, encode
from weft.runtime.hub import Sync

BEAT = 15.0
"""Seconds of silence after which a comment keeps proxies from closing the line."""

_SYNC = b"event: sync\ndata: {}\n\n"
_COMMENT = b": still here\n\n"
_RETRY = b"retry: 1000\n\n"

_log = logging.getLogger("weft.server")


def frame(item: Envelope | Sync) -> bytes:
    """One event of the stream. Only what is stored has an id: nobody can go on from a passing event."""
    if isinstance(item, Sync):
        return _SYNC
    kind = type(item.event).__struct_config__.tag
    head = f"id: {item.seq}\nevent: {kind}\n" if item.durable else f"event: {kind}\n"
    return b"%sdata: %s\n\n" % (head.encode(), encode(item))


class Streams:
    """The streams that are open, so that a server which stops can end them."""

    def __init__(self) -> None:
        self._open: set[asyncio.Task[None]] = set()

    def add(self, stream: asyncio.Task[None]) -> None:
        self._open.add(stream)
        stream.add_done_callback(self._open.discard)

    def close(self) -> None:
        """End them all; clients come back to whoever serves next, with the id of the last event they saw."""
        for stream in self._open:
            stream.cancel()


class EventStream(Response):
    """The answer that goes on until the run rests, the client leaves or the server stops."""

    media_type = "text/event-stream"

    def __init__(self, items: AsyncGenerator[Envelope | Sync], streams: Streams, *, beat: float = BEAT) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._items, self._streams, self._beat = items, streams, beat
        self._spoke = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        pump = asyncio.create_task(self._pump(send))
        gone = asyncio.create_task(_gone(receive))
        self._streams.add(pump)
        try:
            while not pump.done() and not gone.done():
                self._spoke = False
                await asyncio.wait({pump, gone}, timeout=self._beat, return_when=asyncio.FIRST_COMPLETED)
                if not (self._spoke or pump.done() or gone.done()):
                    await send({"type": "http.response.body", "body": _COMMENT, "more_body": True})
        finally:
            pump.cancel()
            gone.cancel()
            await asyncio.gather(pump, gone, return_exceptions=True)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _pump(self, send: Send) -> None:
        try:
            await send({"type": "http.response.body", "body": _RETRY, "more_body": True})
            async with contextlib.aclosing(self._items) as items:
                async for item in items:
                    self._spoke = True
                    await send({"type": "http.response.body", "body": frame(item), "more_body": True})
        except Exception:
            _log.exception("a stream of events broke; the client will come back")


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
