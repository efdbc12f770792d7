"""The walls that a program can be put behind: bubblewrap's namespaces, or Landlock where there are none."""

import marshal
import os
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

from msgspec import Struct

from weft.security.sandbox import seccomp
from weft.security.sandbox.caps import Caps

Tier: TypeAlias = Literal["bubblewrap", "landlock"]

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/lib32")
"""Where programs and libraries lie: seen by every sandbox, read-only."""
LOOKED_UP = ("/etc/ld.so.cache", "/etc/alternatives", "/etc/ssl", "/etc/localtime", "/etc/mime.types")
NETWORK = ("/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/services")
"""Seen too, where the network is open."""
PATH = "/usr/local/bin:/usr/bin:/bin"
_CONFINED = "import sys; sys.path.insert(0, sys.argv[1]); import confine; sys.exit(confine.main())"
"""As a module, so that it is compiled once."""
_ACCOUNTS = "root:x:0:0::/:/bin/false\nsandbox:x:{uid}:{uid}::/work:/bin/sh\n"


class Place(Struct, frozen=True, kw_only=True):
    """Where a program runs, and what it may see and use."""

    folder: str
    uid: int | None
    """The user that it becomes; ``None`` where we may not choose one."""
    caps: Caps
    network: bool = False
    read: tuple[str, ...] = ()
    """Further files and folders that it may look at, at the place where they are."""
    env: Mapping[str, str] = {}
    bounded: bool = False
    """Whether something holds the limit of the disk. Else no more can be taken of it than is written."""


class Command(Struct, frozen=True):
    """A program with walls around it, ready to be started."""

    argv: tuple[str, ...]
    env: dict[str, str]
    end: signal.Signals
    """What ends it and all that it started. Bubblewrap's first process takes its namespace with it; our own
    reaper is asked to clean up."""
    fds: tuple[int, ...] = ()
    """Files that it inherits; whoever starts it closes them."""
    tells: int | None = None
    """Where to read, as JSON, the ``child-pid`` of the first process inside: all is over once that has ended."""


def families(network: bool, *, own: bool) -> tuple[int, ...]:
    """The kinds of sockets that can be made; ``own``: its network is nobody else's."""
    internet = (seccomp.AF_INET, seccomp.AF_INET6)
    return internet if network else (seccomp.AF_UNIX, *internet) if own else ()


def environment(place: Place, home: str) -> dict[str, str]:
    """What a program finds around it: nothing of ours."""
    return {"PATH": PATH, "HOME": home, "LANG": "C.UTF-8", "TMPDIR": "/tmp", "USER": "sandbox", **place.env}


def bubblewrap(argv: Sequence[str], place: Place) -> Command:
    """Namespaces of its own for files, processes, network, names and messages; its folder is ``/work``."""
    uid = place.uid
    filter = _held(seccomp.program(families(place.network, own=not place.network), allocate=place.bounded))
    accounts = _held(_ACCOUNTS.format(uid=uid or 1000).encode())
    command = ["bwrap", "--die-with-parent", "--new-session", "--clearenv", *_namespaces(place), *_system(place)]
    command += ["--perms", "0444", "--ro-bind-data", str(accounts), "/etc/passwd", *_shown(place.read)]
    command += ["--bind", place.folder, "/work", "--chdir", "/work", "--remount-ro", "/", "--remount-ro", "/dev"]
    for name, value in environment(place, "/work").items():
        command += ["--setenv", name, value]
    tells, told = os.pipe()
    told = high(told)
    command += ["--info-fd", str(told), "--seccomp", str(filter), "--"]
    if uid is not None:
        command += ["setpriv", "--reuid", str(uid), "--regid", str(uid), "--clear-groups"]
        command += ["--inh-caps=-all", "--bounding-set=-all", "--no-new-privs"]
    limits = [f"--{name.lower()}={value}" for name, value in _limits(place.caps).items()]
    command += ["prlimit", *limits, "--", *argv]
    return Command(tuple(command), {"PATH": PATH}, signal.SIGKILL, (filter, accounts, told), tells)


def _namespaces(place: Place) -> list[str]:
    own = ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--hostname", "sandbox"]
    if not place.network:
        own.append("--unshare-net")
    own += ["--cap-drop", "ALL"]
    if place.uid is None:
        return [*own, "--unshare-user", "--uid", "1000", "--gid", "1000"]
    # What it takes to enter the folder and to become the user; setpriv gives it away for good.
    for name in ("SETUID", "SETGID", "SETPCAP", "DAC_READ_SEARCH"):
        own += ["--cap-add", f"CAP_{name}"]
    return own


def _system(place: Place) -> list[str]:
    """Programs and libraries, devices, and scratch folders of a bounded size."""
    shown: list[str] = []
    for path in SYSTEM:
        shown += ["--symlink", os.readlink(path), path] if os.path.islink(path) else ["--ro-bind-try", path, path]
    shown += ["--proc", "/proc", "--dev", "/dev", "--perms", "0755", "--dir", "/etc"]
    scratch = str(max(place.caps.memory // 4, 1_000_000))
    for path in ("/dev/shm", "/tmp"):
        shown += ["--perms", "1777", "--size", scratch, "--tmpfs", path]
    for path in (*LOOKED_UP, *(NETWORK if place.network else ())):
        shown += ["--ro-bind-try", path, path]
    return shown


def _shown(read: Sequence[str]) -> list[str]:
    """Further paths where they are; the folders above them can be entered and not more."""
    shown: list[str] = []
    made: set[str] = set()
    for path in read:
        for parent in map(str, reversed(Path(path).parents[:-1])):
            if parent not in made and not parent.startswith(SYSTEM):
                made.add(parent)
                shown += ["--perms", "0755", "--dir", parent]
        shown += ["--ro-bind", path, path]
    return shown


def landlock(argv: Sequence[str], place: Place) -> Command:
    """The same files and processes as ours, but only some of them can be reached."""
    limits = _limits(place.caps)
    if place.uid is None:
        limits["NPROC"] += _processes_of(os.getuid())
    given = {
        "argv": list(argv),
        "folder": place.folder,
        "read": [*SYSTEM, *LOOKED_UP, *(NETWORK if place.network else ()), *place.read],
        "network": place.network,
        "limits": limits,
        "uid": place.uid,
        "filter": seccomp.program(
            families(place.network, own=False), by_path=place.uid is not None, allocate=place.bounded
        ),
    }
    env = environment(place, place.folder) | {"TMPDIR": place.folder}
    told = _held(marshal.dumps(given))
    return Command(
        (sys.executable, "-I", "-S", "-c", _CONFINED, os.path.dirname(__file__), str(told)),
        env,
        signal.SIGTERM,
        (told,),
    )


def missing(tier: Tier) -> str | None:
    """Why this tier cannot even be tried here."""
    needed = {"bubblewrap": ("bwrap", "prlimit", "setpriv"), "landlock": ()}[tier]
    lacks = [name for name in needed if shutil.which(name, path=PATH) is None]
    return f"{', '.join(lacks)} not installed" if lacks else None


def _limits(caps: Caps) -> dict[str, int]:
    return {
        "AS": caps.memory,
        "CPU": max(int(caps.cpu), 1),
        "FSIZE": caps.disk,
        "NOFILE": caps.files,
        "NPROC": caps.processes,
        "CORE": 0,
    }


def _held(content: bytes) -> int:
    """A file in memory, read from its beginning."""
    fd = os.memfd_create("weft", 0)
    os.write(fd, content)
    os.lseek(fd, 0, os.SEEK_SET)
    return high(fd)


def high(fd: int) -> int:
    """The same open file under a number that no shell uses for its own."""
    import fcntl  # noqa: PLC0415  # not everywhere

    made = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 20)
    os.close(fd)
    return made


def _processes_of(uid: int) -> int:
    """Processes and threads that this user has: the kernel counts them together."""
    count = 0
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                if entry.stat().st_uid == uid:
                    count += len(os.listdir(f"/proc/{entry.name}/task"))
            except OSError:
                continue
    return count
