"""``Sandbox``: run programs that nobody trusts, in a folder of their own."""

import asyncio
import json
import os
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import TypeAlias

from weft.errors import SandboxUnavailable, UsageError
from weft.security.sandbox import folder as contents
from weft.security.sandbox import watch
from weft.security.sandbox.caps import Caps, Done, Stopped
from weft.security.sandbox.walls import Command, Place, Tier, bubblewrap, landlock, missing

_WALLS = {"bubblewrap": bubblewrap, "landlock": landlock}
_TIERS: tuple[Tier, ...] = ("bubblewrap", "landlock")
_FIRST_UID, _UIDS = 200_000, 60_000
Stop: TypeAlias = Callable[[Stopped], None]
_known: dict[Tier, str | None] = {}
"""Why a tier does not work on this machine; ``None`` where it does."""
_taken: set[int] = set()


class Sandbox:
    """A folder, and walls around every program that runs in it.

    Without a ``folder`` it has a temporary one, which goes with it. ``network`` opens the network as this
    machine sees it. ``read`` are further files and folders that may be looked at. ``tier`` forces one kind
    of wall; else it is the strongest that works here. There is no kind without walls.

    As root every sandbox is a user of its own, to whom its folder belongs while it is open.

    Raises:
        UsageError: the folder is not there.
        SandboxUnavailable: on ``open``: no kind of wall works here; the message says what each lacks.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str] | None = None,
        *,
        caps: Caps | None = None,
        network: bool = False,
        read: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        tier: Tier | None = None,
    ) -> None:
        self.caps = caps or Caps()
        self.network = network
        self._read = tuple(os.path.realpath(path) for path in read)
        self._env = dict(env or {})
        self._wanted: Tier | None = tier
        self._given = None if folder is None else _there(os.path.realpath(folder))
        self._tier: Tier | None = None
        self._uid: int | None = None
        self._owner = 0
        self._folder: str | None = None
        self._running = asyncio.Lock()

    @property
    def tier(self) -> Tier:
        """Raises: UsageError, where it is not open."""
        if self._tier is None:
            raise UsageError("the sandbox is not open: use `async with Sandbox() as box:`")
        return self._tier

    @property
    def folder(self) -> str:
        """Where its files lie, seen from outside. Programs see it as their working directory."""
        if self._folder is None:
            raise UsageError("the sandbox is not open: use `async with Sandbox() as box:`")
        return self._folder

    async def open(self) -> "Sandbox":
        """Raises: SandboxUnavailable."""
        self._tier = await _choose(self._wanted)
        self._folder = self._given or tempfile.mkdtemp(prefix="weft-")
        if os.getuid() == 0:
            self._uid = _new_uid()
            self._owner = os.stat(self._folder).st_uid
            await asyncio.to_thread(contents.give, self._folder, self._uid)
        return self

    async def close(self) -> None:
        """Give the folder back, or remove it where it was temporary."""
        folder, self._folder = self._folder, None
        if folder is None:
            return
        if self._given is None:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        elif self._uid is not None:
            await asyncio.to_thread(contents.give, folder, self._owner)
        if self._uid is not None:
            _taken.discard(self._uid)

    async def __aenter__(self) -> "Sandbox":
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def run(self, *argv: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> Done:
        """Run a program to its end, or until it uses more than it may. One at a time.

        Nothing that it started is left when this returns, or when the caller is cancelled.

        Raises:
            UsageError: there is no program, or the sandbox is not open.
        """
        if not argv or any("\0" in part for part in argv):
            raise UsageError("a sandbox runs a program: give its name and arguments, without NUL characters")
        place = Place(
            folder=self.folder,
            uid=self._uid,
            caps=self.caps,
            network=self.network,
            read=self._read,
            env={**self._env, **(env or {})},
        )
        async with self._running:
            before = await asyncio.to_thread(contents.state, place.folder)
            began = time.monotonic()
            code, out, err, stopped = await _run(_WALLS[self.tier](argv, place), place, stdin)
            seconds = time.monotonic() - began
            after = await asyncio.to_thread(contents.state, place.folder)
            if stopped == "disk":
                await asyncio.to_thread(_take_back, place.folder, before, after)
                after = before
        changed = contents.changed(before, after)
        return Done(exit=code, stdout=out, stderr=err, seconds=seconds, stopped=stopped, files=changed)

    def read(self, path: str, most: int = 50_000_000) -> bytes:
        """A file of the folder, whatever the program made of it: links are not followed.

        Raises:
            NotFound: there is none.
            UsageError: it is outside, not a regular file, or has more than ``most`` bytes.
        """
        return contents.read(self.folder, path, most)

    def write(self, path: str, content: bytes) -> None:
        """Put a file into the folder. Raises: UsageError, where the path leads out."""
        contents.write(self.folder, path, content, self._uid)


async def _run(command: Command, place: Place, stdin: bytes) -> tuple[int, bytes, bytes, Stopped | None]:
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
    watching = asyncio.create_task(_watch(process.pid, place, stop))
    feeding = asyncio.create_task(_feed(process.stdin, stdin))
    over = asyncio.create_task(_over(command.tells))
    try:
        code = await process.wait()
        await over
        out, err = await asyncio.gather(*readers)
    finally:
        for task in (watching, feeding):
            task.cancel()
        end()
        await asyncio.shield(asyncio.gather(process.wait(), over, *readers, watching, feeding, return_exceptions=True))
    return (128 - code if code < 0 else code), out, err, stopped[0] if stopped else None


async def _collect(stream: asyncio.StreamReader, limit: int, stop: Stop) -> bytes:
    content = bytearray()
    while piece := await stream.read(65536):
        room = limit - len(content)
        content += piece[:room]
        if len(piece) > room:
            stop("output")
    return bytes(content)


async def _feed(stream: asyncio.StreamWriter, content: bytes) -> None:
    with suppress(ConnectionError):
        stream.write(content)
        await stream.drain()
        stream.close()


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


async def _watch(pid: int, place: Place, stop: Stop) -> None:
    """Stop it when its time is over, or when it holds too much."""
    caps, began, pause = place.caps, time.monotonic(), 0.02
    full = await asyncio.to_thread(contents.used, place.folder) + caps.disk
    while (left := caps.seconds - (time.monotonic() - began)) > 0:
        await asyncio.sleep(min(pause, left))
        pause = min(pause * 1.5, 0.1)
        if watch.memory(pid) > caps.memory:
            return stop("memory")
        if await asyncio.to_thread(contents.used, place.folder) > full:
            return stop("disk")
    return stop("time")


async def _choose(wanted: Tier | None) -> Tier:
    tiers = _TIERS if wanted is None else (wanted,)
    for tier in tiers:
        if tier not in _known:
            _known[tier] = await _trial(tier)
        if _known[tier] is None:
            return tier
    reasons = "; ".join(f"{tier}: {_known[tier]}" for tier in tiers)
    raise SandboxUnavailable(
        f"no sandbox works on this machine ({reasons}); install bubblewrap, or allow Landlock (Linux 6.12 or newer)"
    )


async def _trial(tier: Tier) -> str | None:
    """Why it does not work here, found out by running ``true`` in it."""
    if sys.platform != "linux":
        return "needs Linux"
    if (lack := missing(tier)) is not None:
        return lack
    with tempfile.TemporaryDirectory(prefix="weft-") as folder:
        uid = _new_uid() if os.getuid() == 0 else None
        if uid is not None:
            os.chown(folder, uid, uid)
        place = Place(folder=folder, uid=uid, caps=Caps(seconds=10))
        try:
            code, _, err, _ = await _run(_WALLS[tier](("true",), place), place, b"")
        except Exception as error:  # whatever it is, the tier does not work here, and the message says why
            return f"{type(error).__name__}: {error}"
        finally:
            _taken.discard(uid or 0)
    return None if code == 0 else err.decode(errors="replace").strip() or f"exit code {code}"


def _there(folder: str) -> str:
    if not os.path.isdir(folder):
        raise UsageError(f"the folder of a sandbox must be there: {folder}")
    return folder


def _new_uid() -> int:
    """A user that nobody else is, as far as this process knows."""
    while (uid := _FIRST_UID + secrets.randbelow(_UIDS)) in _taken:
        continue
    _taken.add(uid)
    return uid


def _take_back(folder: str, before: contents.State, after: contents.State) -> None:
    """Remove what a program left that filled its folder."""
    for path in contents.changed(before, after):
        with suppress(OSError):
            os.unlink(os.path.join(folder, path))
