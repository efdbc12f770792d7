"""What a program and all that it started use right now."""

import os
import stat
import sys
import time
from contextlib import suppress
from pathlib import Path

from weft.security.sandbox import folder as contents

FAST = 4e9
"""Bytes a second that a program can write, into memory at first."""
SHORTEST = 0.004
"""Seconds between two glances at the disk."""
_PAGE = os.sysconf("SC_PAGE_SIZE")


def tree(pid: int) -> list[int]:
    """The process and all below it."""
    found, todo = list[int](), [pid]
    while todo:
        found.append(pid := todo.pop())
        with suppress(OSError):
            for task in os.listdir(f"/proc/{pid}/task"):
                todo += [int(child) for child in Path(f"/proc/{pid}/task/{task}/children").read_text().split()]
    return found


def unlinked(pid: int, device: int) -> int:
    """Bytes on the disk of files without a name that they hold open or mapped: those of this device."""
    found: dict[int, int] = {}
    for one in tree(pid):
        with suppress(OSError):
            for fd in os.listdir(f"/proc/{one}/fd"):
                with suppress(OSError):
                    info = os.stat(f"/proc/{one}/fd/{fd}")
                    if info.st_dev == device and info.st_nlink == 0 and stat.S_ISREG(info.st_mode):
                        found[info.st_ino] = info.st_blocks * 512
        with suppress(OSError, ValueError):
            for line in Path(f"/proc/{one}/maps").read_bytes().splitlines():
                if line.endswith(b"(deleted)"):
                    place, _, _, where, inode, *_ = line.split()
                    start, _, end = place.partition(b"-")
                    major, _, minor = where.partition(b":")
                    if os.makedev(int(major, 16), int(minor, 16)) == device:
                        found.setdefault(int(inode), int(end, 16) - int(start, 16))
    return sum(found.values())


def memory(pid: int) -> int:
    """Bytes that they hold in memory; what is shared counts for each."""
    total = 0
    for one in tree(pid):
        with suppress(OSError, IndexError, ValueError):
            total += int(Path(f"/proc/{one}/statm").read_text().split()[1]) * _PAGE
    return total


class Disk:
    """How much its folder may hold by the end of a program, where nobody but us sees to that."""

    def __init__(self, folder: str, cap: int) -> None:
        """``cap`` is in bytes."""
        self._folder, self._cap = folder, cap
        self._first = contents.used(folder, sys.maxsize)
        self._device = os.stat(folder).st_dev
        self._left, self._free = self._cap, _free(folder)
        self._took = 0.0

    async def begin(self, pid: int) -> None:
        """Nothing: the program runs already."""

    def pause(self) -> float:
        """Seconds that the fastest program needs to fill what is left; and no less than it takes to look."""
        return max(SHORTEST, self._left / FAST, self._took)

    def grows(self) -> bool:
        """Whether its file system has so much less to give than when it was last looked at that it could soon be full.

        A glance: others write there too."""
        return self._free - _free(self._folder) > self._left / 4

    def full(self, pid: int | None = None) -> bool:
        """Whether that is reached, with the files without a name that this process and those below it have."""
        most = self._first.entries + contents.MANY
        self._free, began = _free(self._folder), time.monotonic()
        now = contents.used(self._folder, most)
        if now.entries > most or (now.hidden and not self._first.hidden):
            return True
        nameless = 0 if pid is None else unlinked(pid, self._device)
        self._left = self._cap - (now.bytes + nameless - self._first.bytes)
        self._took = time.monotonic() - began
        return self._left < 0


def _free(folder: str) -> int:
    """Bytes that its file system has left."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize
