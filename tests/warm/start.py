"""Stands for a process that the hearth forks: ``start.py DOOR ARGUMENTS...``, in an interpreter that imports nothing.

It sends its files, folder, environment and arguments, hands signals on, and ends as that process ends. SIGUSR2 is
handed on as SIGKILL. When this one is killed, the hearth kills the other, a moment later.
"""

import _signal
import _socket
import marshal
import posix
import select
import sys


def begin(door: "_socket.socket", arguments: "list[str]") -> int:
    """The number of the process."""
    asked = marshal.dumps((arguments, posix.getcwdb(), posix.environ))
    files = b"".join(number.to_bytes(4, sys.byteorder) for number in (0, 1, 2))
    door.sendmsg([len(asked).to_bytes(4, "big")], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, files)])
    door.sendall(asked)
    pid = read(door)
    for number in (0, 1, 2):  # they are the other's now: whoever reads must see it close them
        posix.close(number)
    return pid


def read(door: "_socket.socket") -> int:
    told = door.recv(4)
    if len(told) < 4:
        raise SystemExit("the hearth is out")
    return int.from_bytes(told, "big", signed=True)


def end_as(code: int) -> None:
    if code < 0:
        if code != -_signal.SIGKILL:
            _signal.signal(-code, _signal.SIG_DFL)
        posix.kill(posix.getpid(), -code)
    posix._exit(code)


def handed_on(door: "_socket.socket", heard: int, pid: int) -> int:
    """How it ended. Until then each signal is a byte in a pipe, so that none is missed between two looks."""
    looking = select.poll()
    looking.register(door, select.POLLIN)
    looking.register(heard, select.POLLIN)
    while True:
        if [ready for ready, _ in looking.poll() if ready != heard]:
            return read(door)
        for number in posix.read(heard, 64):
            try:
                posix.kill(pid, _signal.SIGKILL if number == _signal.SIGUSR2 else number)
            except ProcessLookupError:
                continue


if __name__ == "__main__":
    heard, rings = posix.pipe()
    posix.set_blocking(rings, False)
    _signal.set_wakeup_fd(rings)
    for number in (_signal.SIGHUP, _signal.SIGINT, _signal.SIGTERM, _signal.SIGUSR1, _signal.SIGUSR2):
        _signal.signal(number, lambda *_: None)
    door = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    door.connect(sys.argv[1])
    end_as(handed_on(door, heard, begin(door, sys.argv[2:])))
