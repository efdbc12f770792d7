"""A sandbox's folder seen from outside: whatever was put into it, looking at it is safe."""

import os
import secrets
import stat
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import PurePosixPath
from typing import NamedTuple

from weft.errors import NotFound, UsageError

State = dict[str, tuple[int, int, int]]
"""Of each regular file by its relative path: size, time of change (ns), inode."""

MANY = 10_000
"""Entries that are looked at; a program that makes more fills its folder."""
DEEPEST = 3_500
"""Characters of a path: beyond some more the system takes none, and what lies there is not seen."""


def entries(folder: str, most: int = MANY) -> Iterator[tuple[str, os.stat_result]]:
    """Every file below, by its relative path, but no more than ``most``. Links are not followed."""
    todo, seen, start = [folder], 0, len(os.path.join(folder, ""))
    while todo:
        try:
            with os.scandir(todo.pop()) as found:
                for entry in found:
                    with suppress(OSError):
                        info = entry.stat(follow_symlinks=False)
                        if stat.S_ISDIR(info.st_mode):
                            todo.append(entry.path)
                        yield entry.path[start:], info
                    seen += 1
                    if seen > most:
                        return
        except OSError:
            continue


class Used(NamedTuple):
    """What a folder holds."""

    bytes: int
    """On the disk; each entry counts for at least 4 kB, so that many empty files are not free."""
    entries: int
    hidden: bool
    """Whether there may be more than could be seen: folders too deep to look into, or closed to us."""


def used(folder: str, most: int = MANY) -> Used:
    """What there is, of no more than ``most`` entries."""
    total = count = 0
    hidden = False
    for path, info in entries(folder, most):
        total += max(info.st_blocks * 512, 4096)
        count += 1
        if stat.S_ISDIR(info.st_mode):
            hidden = hidden or len(path) > DEEPEST or not os.access(f"{folder}/{path}", os.R_OK | os.X_OK)
    return Used(total, count, hidden)


def state(folder: str) -> State:
    """All that there is now: what is not in it counts as new later, and may be removed for that."""
    return {
        path: (info.st_size, info.st_mtime_ns, info.st_ino)
        for path, info in entries(folder, sys.maxsize)
        if stat.S_ISREG(info.st_mode)
    }


def changed(before: State, after: State) -> tuple[str, ...]:
    """What is new or other."""
    return tuple(sorted(path for path, what in after.items() if before.get(path) != what))


def opened(folder: str, path: str) -> int:
    """A regular file below ``folder``, open for reading, through no link; who asked for it closes it.

    Raises:
        NotFound: there is no such file.
        UsageError: the path leads out, or it is no regular file.
    """
    with _Walk(folder, path) as (parent, name):
        try:
            fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=parent)
        except FileNotFoundError:
            raise NotFound(f"there is no file {path!r} in the sandbox") from None
        except OSError as error:
            raise UsageError(f"{path!r} in the sandbox cannot be read: {error.strerror}") from None
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise UsageError(f"{path!r} in the sandbox is no regular file")
    return fd


def read(folder: str, path: str, most: int) -> bytes:
    """The content of a regular file below ``folder``, through no link.

    Raises:
        NotFound: there is no such file.
        UsageError: the path leads out, the file is larger than ``most`` bytes, or it is no regular file.
    """
    with os.fdopen(opened(folder, path), "rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise UsageError(f"{path!r} in the sandbox is larger than {most} bytes")
    return content


def write(folder: str, path: str, content: bytes, owner: int | None) -> None:
    """Put a regular file there, with the folders above it; what had the name is replaced, never written through.

    Raises:
        UsageError: the path leads out, or through something that is no folder.
    """
    with _Walk(folder, path, make=owner) as (parent, name):
        try:
            os.unlink(name, dir_fd=parent)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise UsageError(f"{path!r} in the sandbox cannot be written: {error.strerror}") from None
        fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644, dir_fd=parent)
        with os.fdopen(fd, "wb") as file:
            file.write(content)
            if owner is not None:
                os.fchown(fd, owner, owner)


def give(folder: str, uid: int) -> None:
    """Make a folder and all in it somebody's own; links are changed, not what they lead to."""
    os.chown(folder, uid, uid)
    for path, _ in entries(folder, sys.maxsize):
        with suppress(OSError):  # gone, or too deep to be reached: then it stays whose it is
            os.chown(os.path.join(folder, path), uid, uid, follow_symlinks=False)


def remove(folder: str) -> None:
    """Remove a folder that nobody uses any more, with all in it, however deep it is and whatever was closed in it.

    What lies in a folder of it comes up beside that first, so that no path is ever longer than two names.

    Raises:
        OSError: it cannot be removed.
    """
    with suppress(FileNotFoundError):
        while below := _emptied(folder, folder):
            for name in below:
                path = os.path.join(folder, name)
                _emptied(path, folder)
                os.rmdir(path)
        os.rmdir(folder)


def _emptied(folder: str, into: str) -> list[str]:
    """The folders that are left in ``into`` when all else in ``folder`` is gone, and what was one in it is there."""
    os.chmod(folder, 0o700)
    left: list[str] = []
    with os.scandir(folder) as found:
        entries = list(found)
    for entry in entries:
        if not entry.is_dir(follow_symlinks=False):
            os.unlink(entry.path)
        elif folder == into:
            left.append(entry.name)
        else:
            os.chmod(entry.path, 0o700)
            os.rename(entry.path, os.path.join(into, secrets.token_hex(16)))
    return left


_ANYBODY = -1


class _Walk:
    """From a folder down to the parent of a path, one step at a time and through no link."""

    def __init__(self, folder: str, path: str, *, make: int | None = _ANYBODY) -> None:
        parts = PurePosixPath(path).parts
        if not parts or parts[0] == "/" or ".." in parts or "\0" in path:
            raise UsageError(f"{path!r} is no path inside of the sandbox: give a relative one, without '..'")
        self._folder, self._path, self._parts, self._make = folder, path, parts, make

    def __enter__(self) -> tuple[int, str]:
        at = os.open(self._folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for part in self._parts[:-1]:
                at = self._step(at, part)
        except BaseException:
            os.close(at)
            raise
        self._at = at
        return at, self._parts[-1]

    def __exit__(self, *_: object) -> None:
        os.close(self._at)

    def _step(self, at: int, part: str) -> int:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            if self._make != _ANYBODY:
                with suppress(FileExistsError):
                    os.mkdir(part, 0o755, dir_fd=at)
                    if self._make is not None:
                        os.chown(part, self._make, self._make, dir_fd=at, follow_symlinks=False)
            below = os.open(part, flags, dir_fd=at)
        except FileNotFoundError:
            raise NotFound(f"there is no file {self._path!r} in the sandbox") from None
        except OSError as error:
            raise UsageError(f"{self._path!r} in the sandbox leads through {part!r}: {error.strerror}") from None
        os.close(at)
        return below
