"""``Sandbox``: run programs that nobody trusts, in a folder of their own."""

import asyncio
import errno
import os
import secrets
import stat
import sys
import tempfile
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, TypeVar

from msgspec.structs import replace

from weft.errors import SandboxUnavailable, UsageError
from weft.security.sandbox import folder as contents
from weft.security.sandbox import program, watch
from weft.security.sandbox.caps import Caps, Done
from weft.security.sandbox.layer import Layer, NoLayer
from weft.security.sandbox.walls import Place, Tier, bubblewrap, landlock, missing

T = TypeVar("T")
_WALLS = {"bubblewrap": bubblewrap, "landlock": landlock}
_TIERS: tuple[Tier, ...] = ("bubblewrap", "landlock")
_FIRST_UID, _UIDS = 200_000, 60_000
_known: dict[Tier, str | None] = {}
"""Why a tier does not work on this machine; ``None`` where it does."""
_layers = {"bubblewrap": True, "landlock": False}
"""Whether a tier can put a layer over a folder here."""
_taken: set[int] = set()


class Sandbox:
    """A folder, and walls around every program that runs in it.

    Without a ``folder`` it has a temporary one, which goes with it. ``network`` opens the network as this
    machine sees it. ``read`` are further files and folders that may be looked at. ``tier`` forces one kind
    of wall; else it is the strongest that works here. There is no kind without walls.

    As root every sandbox is a user of its own, to whom its folder belongs while it is open.

    Behind bubblewrap a program writes into a layer over the folder, whose size the kernel holds (``bounded``); the
    folder changes when the program has ended. Elsewhere it writes into the folder, and is stopped soon after it has
    written too much.

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
        self.bounded = False
        """Whether the kernel holds ``caps.disk``; else the folder is watched, and more may be written for moments."""
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
        self.bounded = _layers[self._tier]
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
            await asyncio.to_thread(_removed, folder)
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
            if self.bounded:
                try:
                    return await self._over(argv, replace(place, bounded=True), stdin)
                except NoLayer:  # of this folder's file system
                    self.bounded = False
            return await self._within(argv, place, stdin)

    async def _over(self, argv: Sequence[str], place: Place, stdin: bytes) -> Done:
        """In a layer over the folder. Raises: NoLayer."""
        layer = Layer(place.folder, place.uid, place.caps.disk)
        try:
            command = layer.over(_WALLS[self.tier](argv, place))
            code, out, err, stopped, seconds = await program.run(command, place, layer, stdin)
            if stopped is None and layer.full():
                stopped = "disk"
            changed = None if stopped == "disk" else await _whole(asyncio.to_thread(_brought, layer))
        finally:
            layer.close()
        if changed is None:
            stopped, changed = "disk", ()
        return Done(exit=code, stdout=out, stderr=err, seconds=seconds, stopped=stopped, files=changed)

    async def _within(self, argv: Sequence[str], place: Place, stdin: bytes) -> Done:
        """In the folder itself."""
        before = await asyncio.to_thread(contents.state, place.folder)
        disk = await asyncio.to_thread(watch.Disk, place.folder, place.caps.disk)
        code, out, err, stopped, seconds = await program.run(_WALLS[self.tier](argv, place), place, disk, stdin)
        if stopped is None and await asyncio.to_thread(disk.full):
            stopped = "disk"  # faster than anybody looked
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
    """Why it does not work here, found out by running something in it."""
    if sys.platform != "linux":
        return "needs Linux"
    if (lack := missing(tier)) is not None:
        return lack
    uid = _new_uid() if os.getuid() == 0 else None
    try:
        if _layers[tier] and await _layered(tier, uid):
            return None
        _layers[tier] = False
        with tempfile.TemporaryDirectory(prefix="weft-") as folder:
            place = await asyncio.to_thread(_place, folder, uid)
            command, disk = _WALLS[tier](("true",), place), watch.Disk(folder, place.caps.disk)
            code, _, err, _, _ = await program.run(command, place, disk, b"")
            return None if code == 0 else err.decode(errors="replace").strip() or f"exit code {code}"
    except Exception as error:  # whatever it is, the tier does not work here, and the message says why
        return f"{type(error).__name__}: {error}"
    finally:
        _taken.discard(uid or 0)


async def _layered(tier: Tier, uid: int | None) -> bool:
    """Whether a layer over a folder does what it should: files and folders come, go, and come again."""
    with tempfile.TemporaryDirectory(prefix="weft-") as folder:
        os.mkdir(f"{folder}/a")
        contents.write(folder, "a/old", b"", None)
        place = await asyncio.to_thread(_place, folder, uid)
        layer = Layer(folder, uid, place.caps.disk)
        try:
            command = layer.over(_WALLS[tier](("sh", "-c", "rm -r a && mkdir a && echo new > a/new"), place))
            code = (await program.run(command, place, layer, b""))[0]
            return code == 0 and layer.bring() == ("a/new",) and os.listdir(f"{folder}/a") == ["new"]
        except (NoLayer, OSError):
            return False
        finally:
            layer.close()


def _place(folder: str, uid: int | None) -> Place:
    """Where something is tried."""
    if uid is not None:
        contents.give(folder, uid)
    return Place(folder=folder, uid=uid, caps=Caps(seconds=10))


async def _whole(work: Coroutine[Any, Any, T]) -> T:
    """What it gives; who leaves meanwhile waits for its end too."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def _brought(layer: Layer) -> tuple[str, ...] | None:
    """What came out of a layer; ``None`` where it was too much, for the limit or for the disk. Raises: UsageError."""
    try:
        return layer.bring()
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return None
        raise UsageError(f"what the program wrote cannot be put into its folder: {error}") from error


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


def _removed(folder: str) -> None:
    with suppress(OSError):
        contents.remove(folder)


def _take_back(folder: str, before: contents.State, after: contents.State) -> None:
    """Remove what a program left that filled its folder."""
    for path in contents.changed(before, after):
        with suppress(OSError):
            os.unlink(os.path.join(folder, path))
    for path, info in list(contents.entries(folder, sys.maxsize)):
        if stat.S_ISDIR(info.st_mode) and len(path) > contents.DEEPEST - 300:
            _removed(os.path.join(folder, path))  # too deep to see what it holds
