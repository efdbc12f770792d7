"""Python processes that need not import first: forked from one, the hearth, that has imported what most of them want.

``python("-m", "weft", "runs", "list")`` stands for ``[sys.executable, "-m", "weft", "runs", "list"]`` wherever a
command is wanted, in tests with the fixture ``warm``. What is started so is a process of its own, with the folder,
environment and files it is given; it hears signals and ends as a fresh one would. What a fresh interpreter does or
does not import is nothing to ask of it.
"""

import fcntl
import os
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).parents[2]
START = Path(__file__).with_name("start.py")
KILL = signal.SIGUSR2
"""To be sent where SIGKILL is meant: when the command has ended, what it stands for is dead as well."""
_hearths: list[socket.socket] = []
"""Held open as long as this process may start others."""


def address() -> Path:
    """Where the hearth of this run of tests listens: one for all its workers."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or str(os.getpid())
    return Path(tempfile.gettempdir()) / f"weft-warm-{run[:32]}" / "door"


def python(*arguments: str | Path) -> list[str]:
    """The command that runs Python with these arguments: a file, ``-m`` and a module, or ``-c`` and a program."""
    return [sys.executable, "-I", "-S", str(START), str(address()), *map(str, arguments)]


def light() -> None:
    """See to it that there is a hearth, as long as this process lives. The first time it takes seconds.

    Raises:
        RuntimeError: it did not get ready; its log says why.
    """
    if _hearths:
        return
    door = address()
    door.parent.mkdir(mode=0o700, exist_ok=True)
    with open(door.parent / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        owner = _reached(door)
        if owner is None:
            _lit(door)
            owner = _reached(door)
    assert owner is not None
    owner.sendall(bytes(4))
    if not owner.recv(1):
        raise RuntimeError((door.parent / "log").read_text())
    _hearths.append(owner)


def _reached(door: Path) -> socket.socket | None:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        made.connect(str(door))
    except OSError:
        made.close()
        return None
    return made


def _lit(door: Path) -> None:
    """Whoever knocks from now on is heard as soon as it has imported everything."""
    with suppress(FileNotFoundError):
        door.unlink()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(str(door))
        listening.listen(100)
        plain = {name: value for name, value in os.environ.items() if not name.startswith(("WEFT_", "LITELLM_"))}
        with open(door.parent / "log", "w") as log:
            subprocess.Popen(
                [sys.executable, "-m", "tests.warm.hearth", str(listening.fileno())],
                cwd=ROOT, env=plain, pass_fds=[listening.fileno()], start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
