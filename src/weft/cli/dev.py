"""Serve a file while it is being written: each change starts the server anew, on the same socket."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from weft.cli.console import say
from weft.cli.loading import split
from weft.cli.options import Browser, Host, Port, Store
from weft.errors import NotFound
from weft.server.listen import bind
from weft.settings import Settings

command = typer.Typer(add_completion=False)

PAUSE = 0.3
"""Seconds between two looks at the files."""

_WATCHED = {".py", ".env", ".toml", ".yaml", ".yml", ".md"}
_MOST = 5_000
"""Files that are watched at most."""


@command.command()
def dev(
    target: Annotated[str, typer.Argument(help="FILE.py, or FILE.py:name.")],
    host: Host = None,
    port: Port = None,
    store: Store = None,
    browser: Browser = True,
) -> None:
    """Serve a file, and start again whenever something in its folder changes."""
    path, _ = split(target)
    if not path.is_file():
        raise NotFound(f"there is no file {str(path)!r}")
    settings = Settings()
    with bind(host or settings.host, settings.port if port is None else port, tries=20) as sock:
        os.set_inheritable(sock.fileno(), True)
        options = ["--fd", str(sock.fileno()), "--grace", "0.5", *(["--store", store] if store else [])]
        first = [] if browser else ["--no-browser"]
        _supervise(path.resolve().parent, target, options, first, sock.fileno())


def _supervise(folder: Path, target: str, options: list[str], first: list[str], fd: int) -> None:
    signal.signal(signal.SIGTERM, _leave)  # or the server would outlive this process
    extra = first
    while True:
        before = dict(_stamps(folder))
        child = subprocess.Popen(
            [sys.executable, "-m", "weft", "serve", target, *options, *extra], pass_fds=[fd], close_fds=True
        )
        try:
            changed = _until_change(folder, before)
            say(f"[dim]{changed} changed: starting again[/]")
        finally:
            _end(child)
        extra = ["--no-browser"]


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _until_change(folder: Path, before: dict[str, int]) -> str:
    while True:
        time.sleep(PAUSE)
        now = dict(_stamps(folder))
        if now != before:
            changed = sorted(set(now.items()) ^ set(before.items()))
            return os.path.relpath(changed[0][0], folder)


def _stamps(folder: Path) -> Iterator[tuple[str, int]]:
    """Every watched file and when it was written, in nanoseconds."""
    seen = 0
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if _watched(os.path.join(root, name), name)]
        for name in names:
            if os.path.splitext(name)[1] not in _WATCHED and name != ".env":
                continue
            path = os.path.join(root, name)
            try:
                yield path, os.stat(path).st_mtime_ns
            except FileNotFoundError:
                continue
            seen += 1
            if seen == _MOST:
                return


def _watched(path: str, name: str) -> bool:
    hidden = name.startswith(".") or name in ("node_modules", "__pycache__")
    return not hidden and not os.path.exists(os.path.join(path, "pyvenv.cfg"))


def _end(child: subprocess.Popen[bytes]) -> None:
    """Let the server drain; it has twice its own time before it is killed."""
    if child.poll() is None:
        child.send_signal(signal.SIGTERM)
    try:
        child.wait(20)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
