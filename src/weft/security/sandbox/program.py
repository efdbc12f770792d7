"""One program behind walls, from its start until nothing of it is left."""

import asyncio
import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple, Protocol, TypeAlias

from weft.security.sandbox import watch
from weft.security.sandbox.caps import Stopped
from weft.security.sandbox.walls import Command, Place
from weft.security.streams import feed

OFTEN = 0.1
"""Seconds after which a program is looked at in any case."""
_Stop: TypeAlias = Callable[[Stopped], None]


class Limit(Protocol):
    """What holds the disk's limit, or looks at it."""

    async def begin(self, pid: int) -> None:
        """The first process is there. Raises: NoLayer."""
        ...

    def pause(self) -> float:
        """Seconds until it may be full."""
        ...

    def grows(self) -> bool:
        """Whether it is worth a look before it is time."""
        ...

    def full(self, pid: int | None = None) -> bool:
        """Whether there is more than there may be, with what this process and those below it hold open."""
        ...


class Ended(NamedTuple):
    """How it went."""

    code: int
    out: bytes
    err: bytes
    stopped: Stopped | None
    seconds: float


async def run(command: Command, place: Place, disk: Limit, stdin: bytes) -> Ended:
    """Start it, feed it, and stop it where it uses too much. Raises: NoLayer."""
    began = time.monotonic()
    limit = place.caps.output
    try:
        process = await asyncio.create_subprocess_exec(
            *command.argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=command.env,
            cwd="/",
            pass_fds=command.fds,
        )
    finally:
        for fd in command.fds:
            os.close(fd)
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    stopped: list[Stopped] = []

    def end() -> None:
        with suppress(ProcessLookupError):
            process.send_signal(command.end)

    def stop(why: Stopped) -> None:
        if not stopped:
            stopped.append(why)
            end()

    readers = [
        asyncio.create_task(_collect(stream, limit, stop)) for stream in (process.stdout, process.stderr)
    ]  # fmt: skip
    over = asyncio.create_task(_over(command.tells))
    others: list[asyncio.Task[None]] = []
    try:
        await disk.begin(process.pid)
        others.append(asyncio.create_task(_watch(process.pid, place, disk, stop)))
        others.append(asyncio.create_task(feed(process.stdin, stdin)))
        code = await process.wait()
        await over
        out, err = await asyncio.gather(*readers)
    finally:
        for task in others:
            task.cancel()
        end()
        await asyncio.shield(asyncio.gather(process.wait(), over, *readers, *others, return_exceptions=True))
    code = 128 - code if code < 0 else code
    return Ended(code, out, err, stopped[0] if stopped else None, time.monotonic() - began)


async def _collect(stream: asyncio.StreamReader, limit: int, stop: _Stop) -> bytes:
    content = bytearray()
    while piece := await stream.read(65536):
        room = limit - len(content)
        content += piece[:room]
        if len(piece) > room:
            stop("output")
    return bytes(content)


async def _over(tells: int | None) -> None:
    """Until the first process inside has ended, and with it all others: the kernel sees to that."""
    if tells is None:
        return
    with os.fdopen(tells, "rb") as told:
        said = await asyncio.to_thread(told.read)
    try:
        first = os.pidfd_open(json.loads(said)["child-pid"])
    except (ValueError, ProcessLookupError):
        return  # it never began, or has ended
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(first, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(first)
        os.close(first)


async def _watch(pid: int, place: Place, disk: Limit, stop: _Stop) -> None:
    """Stop it when its time is over, or when it holds too much."""
    caps, began, looked = place.caps, time.monotonic(), 0.0
    while (left := caps.seconds - (time.monotonic() - began)) > 0:
        await asyncio.sleep(min(disk.pause(), OFTEN, left))
        if time.monotonic() - looked < OFTEN and not disk.grows():
            continue
        if watch.memory(pid) > caps.memory:
            return stop("memory")
        if await asyncio.to_thread(disk.full, pid):
            return stop("disk")
        looked = time.monotonic()
    return stop("time")
