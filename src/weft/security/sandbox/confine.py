"""Runs a program behind Landlock and seccomp, and leaves no process of it behind. Standard library only.

Given is the number of an open file with ``argv``, ``folder``, ``read``, ``network``, ``limits``, ``uid`` and
``filter`` (the seccomp program), as ``marshal`` writes them. It imports little, as each of its starts is waited for.
It stays outside as the reaper of everything that the program starts: on SIGTERM, on the death of whoever started it,
and at the end it kills what is left.
"""

import ctypes
import marshal
import os
import resource
import struct
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from typing import Any
else:
    import _signal as signal  # the same without its enumerations, which take as long as all the rest

_libc = ctypes.CDLL(None, use_errno=True)
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_SET_PDEATHSIG, _SET_SECCOMP, _SET_SUBREAPER, _SET_NO_NEW_PRIVS = 1, 22, 36, 38
_FILTER = 2

_EXECUTE, _WRITE, _READ, _READ_DIR = 1, 2, 4, 8
_EVERYTHING = 0xFFFF  # of files: up to and with ioctl of devices
_LOOK = _EXECUTE | _READ | _READ_DIR
_DEVICES, _LINKS = 64 | 2048, 8192
_TCP, _SCOPES = 3, 3  # bind and connect; abstract sockets and signals


def _check(result: int, what: str) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")
    return result


def _prctl(option: int, *arguments: int) -> None:
    _check(_libc.prctl(option, *[ctypes.c_ulong(value) for value in (*arguments, 0, 0, 0, 0)][:4]), f"prctl {option}")


def landlock(folder: str, read: "list[str]", network: bool) -> None:
    """From now on: ``folder`` may be written, ``read`` looked at, and nothing else."""
    attributes = struct.pack("=QQQ", _EVERYTHING, 0 if network else _TCP, _SCOPES)
    rules = _check(_libc.syscall(_CREATE_RULESET, attributes, len(attributes), 0), "landlock")
    _allow(rules, folder, _EVERYTHING & ~_DEVICES)
    for path in read:
        _allow(rules, path, _LOOK)
    for device in ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom", "/dev/full"):
        _allow(rules, device, _READ | _WRITE)
    _prctl(_SET_NO_NEW_PRIVS, 1)
    _check(_libc.syscall(_RESTRICT_SELF, rules, 0), "landlock")
    os.close(rules)


def _allow(rules: int, path: str, access: int) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    if not os.path.isdir(path):
        access &= _EXECUTE | _WRITE | _READ | 16384 | 32768
    try:
        rule = struct.pack("=Qi", access, opened)
        _check(_libc.syscall(_ADD_RULE, rules, 1, rule, 0), f"landlock {path}")
    finally:
        os.close(opened)


def close_calls(code: bytes) -> None:
    """From now on the kernel refuses what the filter names."""
    held = ctypes.create_string_buffer(code, len(code))
    filter = struct.pack("@HP", len(code) // 8, ctypes.addressof(held))
    _check(_libc.prctl(_SET_SECCOMP, _FILTER, ctypes.c_char_p(filter), 0, 0), "seccomp")


def _inside(given: "dict[str, Any]") -> None:
    """In the child: put everything on, and become the program."""
    os.setsid()
    _prctl(_SET_PDEATHSIG, signal.SIGKILL)
    for name, value in given["limits"].items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (value, value))
    if given["uid"] is not None:
        os.setgroups([])
        os.setresgid(given["uid"], given["uid"], given["uid"])
        os.setresuid(given["uid"], given["uid"], given["uid"])
    os.chdir(given["folder"])
    landlock(given["folder"], given["read"], given["network"])
    close_calls(given["filter"])
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    _become(given["argv"])


def _become(argv: "list[str]") -> None:
    """As ``os.execvp`` does; that imports something first, and nothing of Python's can be read any more."""
    name, missing = argv[0], FileNotFoundError(2, "not found", argv[0])
    for folder in ("",) if "/" in name else os.environ["PATH"].split(":"):
        try:
            os.execve(os.path.join(folder, name), argv, os.environ)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except PermissionError as error:
            missing = error
    raise missing


def _below(pid: int) -> "list[int]":
    found: list[int] = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as children:
                found += [int(child) for child in children.read().split()]
    except OSError:
        pass  # it has ended
    return found


def _kill_all() -> None:
    """Until nobody is left: whoever loses its parent becomes our child."""
    while True:
        todo = _below(os.getpid())
        while todo:
            pid = todo.pop()
            todo += _below(pid)
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def main() -> int:
    """Start the program, wait for it, clean up after it; its exit code."""
    with open(int(sys.argv[-1]), "rb") as told:
        given = marshal.load(told)
    watched = {signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
    signal.pthread_sigmask(signal.SIG_BLOCK, watched)
    parent = os.getppid()
    _prctl(_SET_SUBREAPER, 1)
    _prctl(_SET_PDEATHSIG, signal.SIGTERM)
    child = os.fork()
    if child == 0:
        try:
            _inside(given)
        except BaseException as error:
            os.write(2, f"sandbox: {error}\n".encode())
        os._exit(126)
    code = 128 + signal.SIGKILL
    while os.getppid() == parent and signal.sigwait(watched) == signal.SIGCHLD:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            code = 128 - code if code < 0 else code
            break
        _reap(child)
    _kill_all()
    return code


def _reap(but: int) -> None:
    """Orphans of the program that have ended."""
    for pid in _below(os.getpid()):
        if pid != but:
            try:
                os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                continue
