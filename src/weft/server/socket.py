"""A WebSocket for everything live: subscribe to runs, get their events, send commands. One text frame, one JSON object.

A reader that is slow waits for itself alone: no more is sent before the line takes it, and what a run does meanwhile
is read from the store again. So nothing piles up here.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any, Literal, TypeAlias

import msgspec
from fastapi import WebSocket, WebSocketDisconnect
from msgspec import Raw, Struct

from weft.app import App
from weft.errors import UsageError, WeftError
from weft.events import Envelope, encode
from weft.runtime.control import decode as as_command
from weft.runtime.hub import Sync
from weft.server.errors import HIDDEN, Problem, status_of
from weft.storage.base import Scope

MOST = 100
"""Runs that one connection may follow at once."""


class Subscribe(Struct, frozen=True, tag="subscribe"):
    """Follow a run from the event after this number on."""

    run_id: str
    after: int = 0


class Unsubscribe(Struct, frozen=True, tag="unsubscribe"):
    run_id: str


class Tell(Struct, frozen=True, tag="command"):
    """Send a command to a run, as ``POST /runs/{id}/...`` does: ``{"command": "step", "count": 2}``."""

    run_id: str
    command: Raw
    id: str | None = None
    """Comes back with the answer."""


class Ping(Struct, frozen=True, tag="ping"):
    id: str | None = None


Wish: TypeAlias = Subscribe | Unsubscribe | Tell | Ping
_decode = msgspec.json.Decoder(Wish).decode


class Happened(Struct, frozen=True, tag="event"):
    """Something happened in a run."""

    envelope: Envelope


class Synced(Struct, frozen=True, tag="sync"):
    """Forget what passing events of the run told: what goes on now follows."""

    run_id: str


class Rested(Struct, frozen=True, tag="rest"):
    """The run rests, and all its events were sent; the subscription is over."""

    run_id: str
    status: str


class Done(Struct, frozen=True, tag="done"):
    """The command is on record."""

    id: str | None
    run_id: str
    number: int
    status: str


class Refused(Struct, frozen=True, tag="problem"):
    """It could not be done."""

    id: str | None
    run_id: str | None
    problem: Problem


class Beat(Struct, frozen=True, tag="beat"):
    """Nothing happened for a while, and the line stands."""

    id: str | None = None


class Connection:
    """One client."""

    def __init__(self, socket: WebSocket, app: App, scope: Scope, beat: float) -> None:
        self._socket, self._app, self._scope, self._beat = socket, app, scope, beat
        self._following: dict[str, asyncio.Task[None]] = {}
        self._sending = asyncio.Lock()
        self._spoke = True

    async def serve(self) -> None:
        """Until the client leaves, or this task is cancelled."""
        beating = asyncio.create_task(self._beats())
        try:
            while True:
                await self._do(await self._socket.receive_text())
        except (WebSocketDisconnect, KeyError):  # a frame of bytes has no text
            return
        finally:
            tasks = [beating, *self._following.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _do(self, text: str) -> None:
        id: str | None = None
        run_id: str | None = None
        try:
            wish = _decode(text)
            run_id = None if isinstance(wish, Ping) else wish.run_id
            match wish:
                case Subscribe():
                    await self._subscribe(wish)
                case Unsubscribe():
                    await self._leave(wish.run_id)
                case Ping():
                    await self._send(Beat(wish.id))
                case _:
                    id = wish.id
                    await self._tell(wish)
        except msgspec.DecodeError as error:
            await self._refuse(UsageError(f"that is no message of this socket: {error}"), id, run_id)
        except WeftError as error:
            await self._refuse(error, id, run_id)

    async def _tell(self, wish: Tell) -> None:
        control = await self._app.control(wish.run_id, scope=self._scope, by=self._scope.user or "api")
        sent = await control.send(as_command(bytes(wish.command)))
        await self._send(Done(wish.id, sent.run.id, sent.number, sent.run.status))

    async def _subscribe(self, wish: Subscribe) -> None:
        if len(self._following) >= MOST and wish.run_id not in self._following:
            raise UsageError(f"one connection follows {MOST} runs at most")
        await self._app.store.runs.get(self._scope, wish.run_id)
        await self._leave(wish.run_id)
        self._following[wish.run_id] = asyncio.create_task(self._follow(wish))

    async def _leave(self, run_id: str) -> None:
        task = self._following.pop(run_id, None)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _follow(self, wish: Subscribe) -> None:
        try:
            happenings: AsyncGenerator[Envelope | Sync] = self._app.watch(self._scope, wish.run_id, after=wish.after)
            async with contextlib.aclosing(happenings) as items:
                async for item in items:
                    await self._send(Happened(item) if isinstance(item, Envelope) else Synced(wish.run_id))
            record = await self._app.store.runs.get(self._scope, wish.run_id)
            await self._send(Rested(wish.run_id, record.status))
        except WeftError as error:
            await self._refuse(error, None, wish.run_id)
        finally:
            if self._following.get(wish.run_id) is asyncio.current_task():
                del self._following[wish.run_id]

    async def _refuse(self, error: WeftError, id: str | None, run_id: str | None) -> None:
        status = status_of(error)
        problem = Problem(
            type=error.code, title=type(error).__name__, status=status, detail=HIDDEN if status == 500 else str(error)
        )
        await self._send(Refused(id, run_id, problem))

    async def _send(self, message: Any) -> None:
        async with self._sending:
            self._spoke = True
            with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # it has left: the reader finds out too
                await self._socket.send_text(encode(message).decode())

    async def _beats(self) -> None:
        while True:
            self._spoke = False
            await asyncio.sleep(self._beat)
            if not self._spoke:
                await self._send(Beat())


CLOSING: Literal[1001] = 1001
"""The server goes away: come back to whoever serves next."""
