"""Which system calls are closed inside a sandbox: a seccomp filter, assembled here.

What a program needs stays open; closed is what reaches beyond it: other processes' memory, mounts and
namespaces, modules, keys, clocks, and the parts of the kernel with a history of holes (bpf, io_uring, userfaultfd).
"""

import errno
import platform
import struct
from collections.abc import Iterable

X86_64, AARCH64 = "x86_64", "aarch64"
_AUDIT = {X86_64: 0xC000003E, AARCH64: 0xC00000B7}
_COLUMN = {X86_64: 0, AARCH64: 1}

CLOSED: dict[str, tuple[int, int]] = {
    # name: (number on x86_64, on aarch64); -1 where there is none
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "move_mount": (429, 429),
    "open_tree": (428, 428),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "setns": (308, 268),
    "unshare": (272, 97),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "fanotify_init": (300, 262),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "syslog": (103, 116),
    "personality": (135, 92),
    "iopl": (172, -1),
    "ioperm": (173, -1),
    "modify_ldt": (154, -1),
    "memfd_create": (319, 279),  # memory that no process seems to hold
    "memfd_secret": (447, 447),
    "move_pages": (279, 239),
    "migrate_pages": (256, 238),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
}
ASKED: dict[str, tuple[int, int]] = {
    # decided by their arguments
    "clone": (56, 220),
    "clone3": (435, 435),
    "socket": (41, 198),
    "ioctl": (16, 29),
}

BY_PATH: dict[str, tuple[int, int]] = {
    # change what a path leads to, which Landlock does not see: closed where the owner is not changed
    "chmod": (90, -1),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, -1),
    "lchown": (94, -1),
    "fchownat": (260, 54),
    "utime": (132, -1),
    "utimes": (235, -1),
    "futimesat": (261, -1),
    "utimensat": (280, 88),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
}
ALLOCATE: dict[str, tuple[int, int]] = {
    # takes any part of a disk at once, before anybody could look: libraries write instead where there is no such thing
    "fallocate": (285, 47),
}

AF_UNIX, AF_INET, AF_INET6 = 1, 2, 10
_NEW_NAMESPACES = 0x7E020080  # CLONE_NEW*: a namespace of one's own opens much of the kernel
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C  # typing on somebody else's terminal

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER, _ARCH, _FIRST, _SECOND = 0, 4, 16, 24  # offsets in struct seccomp_data, little endian

_Step = tuple[int, int, int, int]


class UnknownMachine(Exception):
    """There is no table of system calls for this processor."""


def program(
    families: Iterable[int], *, by_path: bool = True, allocate: bool = True, machine: str | None = None
) -> bytes:
    """The filter, as an array of ``struct sock_filter``. Of sockets, only those of ``families`` can be made.

    Without ``by_path``, modes, owners, times and attributes cannot be changed through a path; without ``allocate``,
    space on a disk cannot be had without writing.

    Raises:
        UnknownMachine: the processor is neither x86_64 nor aarch64.
    """
    machine = platform.machine() if machine is None else machine
    if machine not in _COLUMN:
        raise UnknownMachine(f"no system call table for {machine}")
    column = _COLUMN[machine]
    steps: list[_Step] = [(_LOAD, 0, 0, _ARCH), (_EQUAL, 1, 0, _AUDIT[machine]), (_RETURN, 0, 0, _KILL)]
    steps.append((_LOAD, 0, 0, _NUMBER))
    if machine == X86_64:  # the x32 interface has the same calls under other numbers
        steps += [(_AT_LEAST, 0, 1, 0x40000000), (_RETURN, 0, 0, _KILL)]
    for numbers in (CLOSED if by_path else CLOSED | BY_PATH).values():
        if numbers[column] >= 0:
            steps += _if_number(numbers[column], [_refuse(errno.EPERM)])
    for numbers in () if allocate else ALLOCATE.values():
        steps += _if_number(numbers[column], [_refuse(errno.EOPNOTSUPP)])
    asked = {name: numbers[column] for name, numbers in ASKED.items()}
    steps += _if_number(asked["clone3"], [_refuse(errno.ENOSYS)])  # libraries fall back to clone, which can be read
    steps += _if_number(asked["clone"], _unless(_FIRST, [(_ANY_BIT, _NEW_NAMESPACES)], errno.EPERM))
    steps += _if_number(asked["ioctl"], _unless(_SECOND, [(_EQUAL, _TIOCSTI), (_EQUAL, _TIOCLINUX)], errno.EPERM))
    steps += _if_number(asked["socket"], _only(_FIRST, list(families), errno.EACCES))
    steps.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def _refuse(error: int) -> _Step:
    return (_RETURN, 0, 0, _ERRNO | error)


def _if_number(number: int, then: list[_Step]) -> list[_Step]:
    """``then`` ends in a return; other calls go past it."""
    return [(_EQUAL, 0, len(then), number), *then]


def _unless(argument: int, refused: list[tuple[int, int]], error: int) -> list[_Step]:
    """Allow, but where the argument passes one of these tests."""
    steps: list[_Step] = [(_LOAD, 0, 0, argument)]
    for test, value in refused:
        steps += [(test, 0, 1, value), _refuse(error)]
    return [*steps, (_RETURN, 0, 0, _ALLOW)]


def _only(argument: int, allowed: list[int], error: int) -> list[_Step]:
    """Refuse, but where the argument is one of these."""
    steps: list[_Step] = [(_LOAD, 0, 0, argument)]
    for value in allowed:
        steps += [(_EQUAL, 0, 1, value), (_RETURN, 0, 0, _ALLOW)]
    return [*steps, _refuse(error)]
