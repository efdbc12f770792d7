"""A layer of a bounded size over a sandbox's folder: programs write into it, and what they wrote is brought back.

The layer is an overlay whose upper half lies in memory (a tmpfs with a size), in a namespace of mounts of its own: the
kernel holds the limit, whatever a program does. The folder below is only read until all of the program has ended.
"""

import asyncio
import os
import secrets
import stat
from contextlib import suppress
from typing import NamedTuple

from msgspec.structs import replace

from weft.security.sandbox import folder as contents
from weft.security.sandbox.walls import Command, high

ROOM = 512 * 1024
"""Bytes beyond the limit, by which a layer that is full is known from one that is nearly so."""
NAMES = 50_000
"""Files, folders and marks of what was removed that a layer holds at most."""

SOON = 20.0
"""Seconds in which it is there, or will not be."""

SCRIPT = """
set -e
cd "$1"
exec 8<.
mount -t tmpfs -o "size=$2,nr_inodes=$3,mode=0700" weft "$1"
cd "$1"
exec 9<.
mkdir -m "$4" upper work
if [ -n "$5" ]; then chown "$5:$5" upper; fi
mount -t overlay -o lowerdir=/proc/self/fd/8,upperdir=upper,workdir=work,userxattr weft "$1"
echo > "/proc/self/fd/$6"
read -r go < "/proc/self/fd/$7"
shift 7
cd /
exec 8<&- 9<&-
exec "$@"
"""
"""Puts the layer over a folder, says so, waits until somebody outside holds it too, and becomes the program.

The folder below stays in reach as 8, the memory above as 9."""


class NoLayer(Exception):
    """There cannot be one over this folder; the message may say why."""


class Layer:
    """What a program has written, seen from outside; whoever made it closes it."""

    def __init__(self, folder: str, uid: int | None, cap: int) -> None:
        """``cap`` is in bytes; ``uid`` is whose it is, where we may choose that."""
        self._folder, self._uid, self._cap = folder, uid, cap
        self._fds: set[int] = set()
        self._ready, self._go, self._fd = -1, -1, -1

    def over(self, command: Command) -> Command:
        """The same program, with the layer over its folder. Its first process is to be told to ``begin``."""
        (self._ready, ready), (go, self._go) = os.pipe(), os.pipe()
        self._fds |= {self._ready, self._go}
        ready, go = high(ready), high(go)
        mode = f"{os.stat(self._folder).st_mode & 0o777:o}"
        size, owner = str((self._cap + ROOM) & ~4095), "" if self._uid is None else str(self._uid)
        own = ("unshare", "--mount", *(("--user", "--map-root-user") if self._uid is None else ()), "--")
        script = ("sh", "-c", SCRIPT, "sh", self._folder, size, str(NAMES), mode, owner, str(ready), str(go))
        return replace(command, argv=(*own, *script, *command.argv), fds=(*command.fds, ready, go))

    async def begin(self, pid: int) -> None:
        """Hold the layer of this process, and let it go on. Raises: NoLayer."""
        loop, said = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._ready, said.set)
        try:
            async with asyncio.timeout(SOON):
                await said.wait()
        except TimeoutError:
            raise NoLayer("it takes too long") from None
        finally:
            loop.remove_reader(self._ready)
        try:
            if not os.read(self._ready, 1):
                raise NoLayer
            self._fd = os.open(f"/proc/{pid}/fd/9", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            self._fds.add(self._fd)
            os.write(self._go, b"go\n")
        except OSError as error:
            raise NoLayer(str(error)) from None
        self._upper = f"/proc/self/fd/{self._fd}/upper"

    def close(self) -> None:
        """Let it go, with all that was not brought back."""
        while self._fds:
            os.close(self._fds.pop())

    def pause(self) -> float:
        """Seconds until it is worth a look: the kernel looks all the time."""
        return 1.0

    def grows(self) -> bool:
        """Nothing outside grows."""
        return False

    def full(self, pid: int | None = None) -> bool:
        """Whether there is more in it than there may be, or no further name fits in."""
        now = os.fstatvfs(self._fd)
        return (now.f_blocks - now.f_bfree) * now.f_frsize > self._cap or now.f_favail < 8

    def bring(self) -> tuple[str, ...] | None:
        """Make the folder what the program saw; the regular files that are new or changed. Nothing of it runs any more.

        ``None``, and nothing is changed, where it is more than it may be, names in vast numbers or out of sight.
        Files, folders and links come; other things do not, nor rights beyond those of reading, writing and running.

        Raises:
            OSError: the folder takes no more.
        """
        found = self._found()
        if found is None:
            return None
        with _Below(self._folder, self._uid) as below:
            for each in found:
                below.put(each, f"{self._upper}/{each.path}")
        return tuple(sorted(each.path for each in found if stat.S_ISREG(each.info.st_mode)))

    def _found(self) -> "list[_Entry] | None":
        """All that is in it, every folder before what it holds; ``None`` where that is too much."""
        found: list[_Entry] = []
        total = names = 0
        todo = [""]
        while todo:
            path = todo.pop()
            os.chmod(f"{self._upper}/{path}", 0o700)  # a program may have closed it to us
            with os.scandir(f"{self._upper}/{path}") as entries:
                for entry in entries:
                    info = entry.stat(follow_symlinks=False)
                    each = _Entry(f"{path}/{entry.name}".lstrip("/"), info, _opaque(entry.path, info))
                    found.append(each)
                    if each.removed:
                        continue
                    names += 1
                    total += max(info.st_blocks * 512, 4096)
                    if names > contents.MANY or len(each.path) > contents.DEEPEST:
                        return None
                    if stat.S_ISDIR(info.st_mode):
                        todo.append(each.path)
        found.sort(key=lambda each: each.path.split("/"))
        return found if total <= self._cap + ROOM else None


class _Entry(NamedTuple):
    """Something in a layer."""

    path: str
    info: os.stat_result
    opaque: bool
    """Whether nothing of a folder that was there before is in it."""

    @property
    def removed(self) -> bool:
        """Whether it stands for what is not there any more."""
        return stat.S_ISCHR(self.info.st_mode)


def _opaque(path: str, info: os.stat_result) -> bool:
    if not stat.S_ISDIR(info.st_mode):
        return False
    try:
        return os.getxattr(path, "user.overlay.opaque", follow_symlinks=False) == b"y"
    except OSError:
        return False


class _Below:
    """The folder, changed step by step and through no link."""

    def __init__(self, folder: str, owner: int | None) -> None:
        self._folder, self._owner = folder, owner
        self._at: str = ""
        """Which folder of it is open as ``_fd``."""
        self._fd = -1

    def __enter__(self) -> "_Below":
        self._fd = os.open(self._folder, _FOLDER)
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    def put(self, each: _Entry, source: str) -> None:
        """Make it so."""
        parent, _, name = each.path.rpartition("/")
        self._enter(parent)
        if each.removed or each.opaque:
            self._remove(name)
        if stat.S_ISDIR(each.info.st_mode):
            self._make(name, each.info)
        elif stat.S_ISREG(each.info.st_mode):
            self._copy(source, name, each.info)
        elif stat.S_ISLNK(each.info.st_mode):
            self._remove(name)
            os.symlink(os.readlink(source), name, dir_fd=self._fd)
            self._own(name)

    def _enter(self, path: str) -> None:
        if path == self._at:
            return
        parts = path.split("/") if path else []
        known = self._at.split("/") if self._at else []
        if known == parts[: len(known)]:
            fd, parts = os.dup(self._fd), parts[len(known) :]
        else:
            fd = os.open(self._folder, _FOLDER)
        for part in parts:
            try:
                deeper = os.open(part, _FOLDER, dir_fd=fd)
            finally:
                os.close(fd)
            fd = deeper
        os.close(self._fd)
        self._at, self._fd = path, fd

    def _make(self, name: str, info: os.stat_result) -> None:
        if not stat.S_ISDIR(self._mode(name)):
            self._remove(name)
            os.mkdir(name, dir_fd=self._fd)
        fd = os.open(name, _FOLDER, dir_fd=self._fd)
        try:
            os.fchmod(fd, info.st_mode & 0o777 | 0o700)
            if self._owner is not None:
                os.fchown(fd, self._owner, self._owner)
        finally:
            os.close(fd)

    def _copy(self, source: str, name: str, info: os.stat_result) -> None:
        """Under another name first: whoever looks sees the old or the new one."""
        os.chmod(source, 0o600)
        draft = f".weft-{secrets.token_hex(8)}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as old:
            try:
                with os.fdopen(os.open(draft, flags, 0o600, dir_fd=self._fd), "wb") as new:
                    _poured(old.fileno(), new.fileno(), info.st_size)
                    os.fchmod(new.fileno(), info.st_mode & 0o777 | 0o600)
                    if self._owner is not None:
                        os.fchown(new.fileno(), self._owner, self._owner)
                    os.utime(new.fileno(), ns=(info.st_atime_ns, info.st_mtime_ns))
                if stat.S_ISDIR(self._mode(name)):
                    self._remove(name)
                os.replace(draft, name, src_dir_fd=self._fd, dst_dir_fd=self._fd)
            except BaseException:
                with suppress(OSError):
                    os.unlink(draft, dir_fd=self._fd)
                raise

    def _own(self, name: str) -> None:
        if self._owner is not None:
            os.chown(name, self._owner, self._owner, dir_fd=self._fd, follow_symlinks=False)

    def _mode(self, name: str) -> int:
        try:
            return os.stat(name, dir_fd=self._fd, follow_symlinks=False).st_mode
        except FileNotFoundError:
            return 0

    def _remove(self, name: str) -> None:
        mode = self._mode(name)
        if stat.S_ISDIR(mode):
            contents.remove(f"/proc/self/fd/{self._fd}/{name}")
        elif mode:
            os.unlink(name, dir_fd=self._fd)


_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def _poured(old: int, new: int, size: int) -> None:
    """The bytes of a file, without those that were never written: a file may be said to be of any size."""
    at = 0
    while at < size:
        try:
            at = os.lseek(old, at, os.SEEK_DATA)
        except OSError:
            break  # only holes from here on
        end = os.lseek(old, at, os.SEEK_HOLE)
        os.lseek(new, at, os.SEEK_SET)
        while at < end and (sent := os.sendfile(new, old, at, end - at)):
            at += sent
        if at < end:
            break  # it ends before it should
    os.truncate(new, size)
