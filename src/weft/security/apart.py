"""Work on content that nobody trusts, in a process of its own: it may be slow, huge or broken, and only that ends.

Where Linux has Landlock and seccomp, that process can read programs, libraries and what it was given, and has no
network; everywhere it has limits of time, memory and output.
"""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from weakref import WeakKeyDictionary

from msgspec import Struct

from weft.errors import Unreadable
from weft.security.streams import drained, feed

MB = 1_000_000
MANY = 4
"""Such processes at the same time, of one event loop."""
_INSIDE = Path(__file__).with_name("apart_inside.py")
_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


class Bounds(Struct, frozen=True, kw_only=True):
    """The most that the work may use."""

    seconds: float = 60.0
    """Of the clock, and of the processor."""
    memory: int = 1000 * MB
    """Bytes of addresses, beside those of Python itself."""
    output: int = 100 * MB
    """Bytes of its answer."""


async def apart(work: str, request: bytes, *, bounds: Bounds | None = None, files: Sequence[int] = ()) -> bytes:
    """What ``module:function`` of Weft answers to a request, both as bytes.

    ``files`` are open files that it inherits under the same numbers; whoever opened them closes them.

    Raises:
        Unreadable: it said so itself, broke, or used more than it may: the message says which.
    """
    bounds = bounds or Bounds()
    loop = asyncio.get_running_loop()
    turn = _turns.setdefault(loop, asyncio.Semaphore(MANY))
    with tempfile.TemporaryDirectory(prefix="weft-apart-") as scratch:
        async with turn:
            code, answer = await _run(work, request, bounds, files, scratch)
    if answer is None:
        raise Unreadable(f"it takes more than {bounds.seconds:g} s")
    if len(answer) > bounds.output:
        raise Unreadable(f"it makes more than {bounds.output:,} bytes")
    if code == 0 and answer[:1] == b"+":
        return answer[1:]
    if code == 0 and answer[:1] == b"!":
        raise Unreadable(answer[1:].decode(errors="replace"))
    if code == 0 and answer[:1] == b"m":
        raise Unreadable(f"it takes more than {bounds.memory:,} bytes of memory")
    raise Unreadable("it is broken, or takes more memory than there is for it: its reader died of it")


async def _run(
    work: str, request: bytes, bounds: Bounds, files: Sequence[int], scratch: str
) -> tuple[int, bytes | None]:
    told = {
        "work": work,
        "path": [entry for entry in sys.path if entry],
        "memory": bounds.memory,
        "seconds": bounds.seconds,
        "scratch": scratch,
        "files": [_path(fd) for fd in files],
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-I", "-S", str(_INSIDE), json.dumps(told)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={"LANG": "C.UTF-8", "HOME": scratch, "TMPDIR": scratch},
        cwd=scratch,
        pass_fds=tuple(files),
    )
    assert process.stdin is not None
    assert process.stdout is not None
    feeding = asyncio.create_task(feed(process.stdin, request))
    answer: bytes | None = None
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(bounds.seconds):
                answer = await _collect(process.stdout, bounds.output)
                if len(answer) <= bounds.output:
                    await process.wait()
    finally:
        feeding.cancel()
        with suppress(ProcessLookupError):
            process.kill()
        ends = (drained(process.stdout), process.wait(), feeding)
        await asyncio.shield(asyncio.gather(*ends, return_exceptions=True))
    return process.returncode or 0, answer


def _path(fd: int) -> str:
    return os.path.realpath(f"/proc/self/fd/{fd}")


async def _collect(stream: asyncio.StreamReader, most: int) -> bytes:
    content = bytearray()
    while len(content) <= most and (piece := await stream.read(65536)):
        content += piece
    return bytes(content)
