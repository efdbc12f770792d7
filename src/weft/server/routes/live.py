"""The route of the WebSocket."""

import asyncio
from contextlib import suppress

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from weft.errors import WeftError
from weft.server.deps import Served
from weft.server.socket import CLOSING, Connection

router = APIRouter()


@router.websocket("/ws")
async def live(socket: WebSocket) -> None:
    """Events of any runs, and commands to them, on one line."""
    served: Served = socket.app.state.weft
    try:
        scope = await served.admit(socket)
    except WeftError:
        await socket.close(1008)
        return
    await socket.accept()
    task = asyncio.create_task(Connection(socket, served.app, scope, served.beat).serve())
    served.streams.add(task)
    try:
        await asyncio.wait([task])
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        with suppress(RuntimeError, WebSocketDisconnect):  # the client has left already
            await socket.close(CLOSING)
