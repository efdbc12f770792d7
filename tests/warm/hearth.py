"""The process that has everything imported, and forks others (see ``start``): ``python -m tests.warm.hearth FD``.

It ends when nobody holds a connection that asked for nothing, and takes what it has forked with it.
"""

import atexit
import gc
import importlib
import io
import marshal
import os
import runpy
import selectors
import shutil
import signal
import socket
import struct
import sys
import threading
import traceback
import types
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import pydantic

PRELOADED = (
    *("weft.app", "weft.server.app", "weft.server.listen", "weft.agents.agent", "weft.workflows", "weft.knowledge"),
    *("weft.models.litellm", "weft.models.direct", "weft.models.demo", "weft.models.scripted", "weft.models.router"),
    *("weft.storage.sqlite", "weft.storage.postgres", "weft.tools.mcp.sdk", "weft.protocols.mcp.sdk", "weft.memory"),
    *("typer", "rich.table", "rich.panel", "rich.live", "rich.markdown", "uvicorn", "httpx", "pytest", "openai"),
    *("mcp.server.mcpserver", "mcp.client.stdio", "uvicorn.protocols.http.auto", "uvicorn.lifespan.on", "yaml"),
)
"""What takes long to import, and looks at no terminal and no environment when it is (as ``weft.cli`` does)."""


def preload() -> dict[str, str]:
    """What imports have put into the environment."""
    before = dict(os.environ)
    gc.disable()
    for name in PRELOADED:
        importlib.import_module(name)
    importlib.import_module("weft.models.litellm").load()
    pydantic.create_model("First", n=(int, ...))  # it looks for its plugins now
    gc.enable()
    gc.collect()
    gc.freeze()
    assert threading.active_count() == 1, threading.enumerate()
    return {name: value for name, value in os.environ.items() if name not in before}


class Hearth:
    """Who is connected: owners, and those who wait for the end of a process."""

    def __init__(self, door: socket.socket, made: dict[str, str]) -> None:
        self._door, self._made = door, made
        self._woken, waker = socket.socketpair()
        self._files = [door, self._woken, waker]
        waker.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        self._waiting: dict[socket.socket, int] = {}
        """The process for which each waits; 0 for an owner."""
        self._looking = selectors.DefaultSelector()
        self._looking.register(door, selectors.EVENT_READ)
        self._looking.register(self._woken, selectors.EVENT_READ)

    def burn(self) -> None:
        """Until the last owner is gone."""
        owned = False
        while not owned or 0 in self._waiting.values():
            for key, _ in self._looking.select():
                match key.fileobj:
                    case self._door:
                        self._knocked()
                    case self._woken:
                        self._woken.recv(4096)
                        self._bury()
                    case _:
                        self._left(key.fileobj)
            owned = owned or 0 in self._waiting.values()
        for pid in filter(None, self._waiting.values()):
            os.kill(pid, signal.SIGKILL)

    def _knocked(self) -> None:
        guest, _ = self._door.accept()
        head, files, _, _ = socket.recv_fds(guest, 4, 3)
        if len(head) < 4:
            guest.close()
            return
        pid = 0
        if (length := int.from_bytes(head, "big")) > 0:
            asked = marshal.loads(_exactly(guest, length))
            if (pid := os.fork()) == 0:
                self._forget(guest)
                become(*asked, files, self._made)
            for file in files:
                os.close(file)
        self._waiting[guest] = pid
        self._looking.register(guest, selectors.EVENT_READ)
        with suppress(OSError):
            guest.sendall(struct.pack(">i", pid) if pid else b"+")

    def _bury(self) -> None:
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                for guest in [guest for guest, pid in self._waiting.items() if pid == ended[0]]:
                    with suppress(OSError):
                        guest.sendall(struct.pack(">i", os.waitstatus_to_exitcode(ended[1])))
                    self._close(guest)

    def _left(self, guest: Any) -> None:
        """It was killed, or is an owner that has ended."""
        pid = self._waiting.get(guest)
        if pid is None:  # its process was buried just now
            return
        if pid:
            os.kill(pid, signal.SIGKILL)
        self._close(guest)

    def _close(self, guest: socket.socket) -> None:
        del self._waiting[guest]
        self._looking.unregister(guest)
        guest.close()

    def _forget(self, guest: socket.socket) -> None:
        """In a forked process: nothing of this is its own."""
        signal.set_wakeup_fd(-1)
        self._looking.close()
        for one in (*self._files, *self._waiting, guest):
            one.close()


def _exactly(guest: socket.socket, length: int) -> bytes:
    got = b""
    while len(got) < length:
        more = guest.recv(length - len(got))
        if not more:
            raise ConnectionError("it left in the middle of its words")
        got += more
    return got


def become(
    arguments: list[str], folder: bytes, environment: dict[bytes, bytes], files: list[int], made: dict[str, str]
) -> None:
    """Be the process that was asked for, to its end."""
    os.setsid()
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update({**made, **{os.fsdecode(name): os.fsdecode(value) for name, value in environment.items()}})
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    open_streams()
    for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
        del sys.modules[name]
    importlib.invalidate_caches()
    code = outcome(arguments)
    with suppress(BaseException):
        threading._shutdown()  # pyright: ignore  # waits for threads, as the end of an interpreter does
    with suppress(BaseException):
        atexit._run_exitfuncs()  # pyright: ignore
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code & 0xFF)


def open_streams() -> None:
    """As a new interpreter opens them."""
    at_once = bool(os.environ.get("PYTHONUNBUFFERED"))
    given, out, err = (io.FileIO(number, mode, closefd=False) for number, mode in ((0, "rb"), (1, "wb"), (2, "wb")))
    sys.stdin = io.TextIOWrapper(io.BufferedReader(given), "utf-8")
    held: Any = out if at_once else io.BufferedWriter(out)
    sys.stdout = io.TextIOWrapper(held, "utf-8", line_buffering=os.isatty(1), write_through=at_once)
    sys.stderr = io.TextIOWrapper(cast(Any, err), "utf-8", "backslashreplace", write_through=True)


def outcome(arguments: list[str]) -> int:
    """The exit code of the program; minus the signal that an interpreter ends itself with."""
    try:
        run(arguments)
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        traceback.print_exc()
        return -signal.SIGINT
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def run(arguments: list[str]) -> None:
    match arguments:
        case ["-m", module, *more]:
            sys.argv, sys.path[0] = [module, *more], os.getcwd()
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        case ["-c", program, *more]:
            sys.argv, sys.path[0] = ["-c", *more], ""
            main = sys.modules["__main__"] = types.ModuleType("__main__")
            exec(compile(program, "<string>", "exec"), main.__dict__)
        case [path, *more]:
            sys.argv, sys.path[0] = [path, *more], str(Path(path).resolve().parent)
            runpy.run_path(path, run_name="__main__")
        case _:
            raise SystemExit(f"nothing to run: {arguments}")


if __name__ == "__main__":
    listening = socket.socket(fileno=int(sys.argv[1]))
    here = Path(listening.getsockname()).parent
    Hearth(listening, preload()).burn()
    shutil.rmtree(here, ignore_errors=True)
