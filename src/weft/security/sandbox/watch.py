"""What a program and all that it started use right now."""

import os
from contextlib import suppress
from pathlib import Path

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


def memory(pid: int) -> int:
    """Bytes that they hold in memory; what is shared counts for each."""
    total = 0
    for one in tree(pid):
        with suppress(OSError, IndexError, ValueError):
            total += int(Path(f"/proc/{one}/statm").read_text().split()[1]) * _PAGE
    return total
