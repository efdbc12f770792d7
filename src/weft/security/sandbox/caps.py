"""How much a sandbox may use, and what came of a program in it."""

from typing import Literal, TypeAlias

from msgspec import Struct

Stopped: TypeAlias = Literal["time", "memory", "disk", "output"]

MB = 1_000_000


class Caps(Struct, frozen=True, kw_only=True):
    """The most that one program may use."""

    seconds: float = 60.0
    """Wall time."""
    cpu: float = 60.0
    """Seconds of processor time of each process."""
    memory: int = 512 * MB
    """Bytes, of all its processes together. One process may not even ask for more."""
    disk: int = 256 * MB
    """Bytes that it may write into its folder; a file that was there counts whole once it is changed. Behind bubblewrap
    they are memory until it has ended. Beside it there is a temporary folder, a quarter of ``memory``."""
    processes: int = 64
    """Processes and threads at the same time."""
    files: int = 256
    """Open files of each process."""
    output: int = 1 * MB
    """Bytes of standard output and of standard error, each."""


class Done(Struct, frozen=True, kw_only=True):
    """A program has ended."""

    exit: int
    """Its exit code; 128 + n where signal n ended it."""
    stdout: bytes
    stderr: bytes
    seconds: float
    stopped: Stopped | None = None
    """Which cap it ran into, where it was stopped for that."""
    files: tuple[str, ...] = ()
    """What is new or changed in its folder: regular files, as relative paths."""

    @property
    def ok(self) -> bool:
        return self.exit == 0 and self.stopped is None

    @property
    def text(self) -> str:
        """What it said, as a person at a terminal would have seen it."""
        return (self.stdout + self.stderr).decode(errors="replace")
