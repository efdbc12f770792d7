"""The other side of ``apart``: started by its path, it puts limits and walls on, does the work, and answers.

``python -I -S apart_inside.py '<json>'``. The request comes in by standard input. The answer begins with ``+``
(done), ``!`` (words on why not) or ``m`` (more memory than it may).
"""

import json
import os
import sys
from contextlib import suppress
from importlib import import_module
from mimetypes import knownfiles
from typing import Any


def main() -> None:
    """Do it."""
    given = json.loads(sys.argv[1])
    sys.path[:] = given["path"]
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is not the answer
    request = sys.stdin.buffer.read()
    module, _, name = given["work"].partition(":")
    work = getattr(import_module(module), name)
    _walls(given)
    _limits(given)
    answer = _answer(work, request)
    out.write(answer)
    out.flush()
    os._exit(0)  # there is nothing to tidy up, and libraries take their time over it


def _answer(work: Any, request: bytes) -> bytes:
    from weft.errors import Unreadable  # noqa: PLC0415  # known only once the path is

    try:
        return b"+" + work(request)
    except Unreadable as error:
        return b"!" + str(error).encode(errors="replace")
    except MemoryError:
        return b"m"
    except RecursionError:
        return b"!it is nested too deep"
    except Exception as error:  # the libraries raise whatever a broken file leads them to
        if "memory" in str(error).lower():
            return b"m"
        return b"!" + f"it is broken: {type(error).__name__}: {error}".encode(errors="replace")[:2000]


def _limits(given: "dict[str, Any]") -> None:
    import resource  # noqa: PLC0415  # where there is such a thing

    seconds = int(given["seconds"]) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        with open("/proc/self/statm") as own:
            now = int(own.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + given["memory"],) * 2)


def _walls(given: "dict[str, Any]") -> None:
    """As far as the kernel has them."""
    if sys.platform != "linux":
        return
    from weft.security.sandbox import confine, seccomp  # noqa: PLC0415  # Linux only

    seen = [
        "/usr",
        "/lib",
        "/lib64",
        "/etc/localtime",
        "/proc/self",
        "/proc/meminfo",
        "/proc/cpuinfo",
        "/sys/fs/cgroup",
    ]
    seen += ["/etc/ld.so.cache", *map(str, knownfiles), sys.prefix, sys.base_prefix, *given["path"], *given["files"]]
    with suppress(OSError):
        confine.landlock(given["scratch"], seen, network=False)
    with suppress(OSError, seccomp.UnknownMachine):
        confine.close_calls(seccomp.program((), by_path=False))


if __name__ == "__main__":
    main()
