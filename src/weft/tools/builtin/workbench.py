"""``Workbench``: a shell, Python and files for an agent, in a folder of its own behind the sandbox's walls."""

import asyncio
import mimetypes
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias
from weakref import WeakValueDictionary

from weft.engine.context import Context
from weft.errors import ToolFailed
from weft.messages import Media
from weft.security.sandbox import Caps, Done, Sandbox, Tier
from weft.tools.base import Approval, Returned, Tool
from weft.tools.builtin.files import Folder
from weft.tools.builtin.keeping import keep
from weft.tools.builtin.place import ROOT
from weft.tools.function import tool
from weft.tools.rooms import folder_of, made

Part: TypeAlias = Literal["shell", "python", "files"]
PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")
MOST_FILE = 20_000_000
"""Bytes of a file that comes back."""
MANY_FILES = 20
_locks: WeakValueDictionary[tuple[int, str], asyncio.Lock] = WeakValueDictionary()
"""One program at a time in a folder, by event loop: while a sandbox is open the folder is its user's."""


class Workbench:
    """A folder per thread below ``root``, and tools that work in it.

    ``parts`` are the tools to offer. ``network`` opens the network to shell and Python; what they do then may have
    effects that must not happen twice, and counts as such. ``read`` are further folders that programs may look at.
    Files that a program makes come back: pictures to the model, all of them to the store (event ``tool.file``).
    The folder goes with its thread (``tools/rooms.py``).
    """

    def __init__(
        self,
        root: str | os.PathLike[str] = ROOT,
        *,
        parts: Sequence[Part] = ("shell", "python", "files"),
        caps: Caps | None = None,
        network: bool = False,
        read: Sequence[str] = (),
        approval: Approval = False,
        tier: Tier | None = None,
    ) -> None:
        self._root, self._parts, self._approval = Path(root), tuple(parts), approval
        self._caps, self._network = caps or Caps(), network
        self._tier: Tier | None = tier
        self._python, own = python_of()
        self._read = (*read, *own)
        self._made: list[Tool] | None = None

    def __repr__(self) -> str:
        return f"Workbench({str(self._root)!r})"

    async def tools(self, ctx: Context[Any]) -> Sequence[Tool]:
        if self._made is None:
            self._made = self._tools()
        return self._made

    def folder(self, workspace: str, thread_id: str) -> Path:
        """Where the files of a thread lie."""
        return folder_of(self._root, workspace, thread_id)

    def _tools(self) -> list[Tool]:
        async def shell(command: str, ctx: Context[Any]) -> Returned:
            """Run a shell command in your folder. Nothing outside of it can be changed; files stay for later calls.

            Args:
                command: For bash; several lines are fine.
            """
            return await self._run(ctx, "bash" if shutil.which("bash", path="/usr/bin:/bin") else "sh", "-c", command)

        async def python(code: str, ctx: Context[Any]) -> Returned:
            """Run a Python program in your folder; only what it prints comes back, and the files that it makes.

            Args:
                code: The whole program: nothing is remembered from earlier calls but files.
            """
            return await self._run(ctx, self._python, "-", stdin=code)

        effect = "once" if self._network else "idempotent"
        timeout = self._caps.seconds + 30
        made: list[Tool] = []
        if "shell" in self._parts:
            made.append(tool(shell, effect=effect, approval=self._approval, timeout=timeout).tool)
        if "python" in self._parts:
            made.append(tool(python, effect=effect, approval=self._approval, timeout=timeout).tool)
        if "files" in self._parts:
            made.extend(Folder(self._of).all())
        return made

    def _of(self, ctx: Context[Any]) -> Path:
        return made(self._root, ctx.run.workspace, ctx.run.thread_id, ctx.run.store)

    async def _run(self, ctx: Context[Any], *argv: str, stdin: str = "") -> Returned:
        folder = self._of(ctx)
        return await in_sandbox(
            ctx, folder, argv, stdin, caps=self._caps, network=self._network, read=self._read, tier=self._tier
        )


async def in_sandbox(
    ctx: Context[Any],
    folder: Path,
    argv: Sequence[str],
    stdin: str = "",
    *,
    caps: Caps,
    network: bool = False,
    read: Sequence[str] = (),
    tier: Tier | None = None,
) -> Returned:
    """Run a program in a folder, behind walls, and bring back what it said and made.

    Raises:
        ToolFailed: it failed or was stopped; the words are those that it said.
    """
    key = (id(asyncio.get_running_loop()), str(folder))
    lock = _locks.setdefault(key, asyncio.Lock())
    async with lock, Sandbox(folder, caps=caps, network=network, read=read, tier=tier) as box:
        done = await box.run(*argv, stdin=stdin.encode(errors="replace"))
        words = _words(done, caps)
        media: list[Media] = []
        for path in done.files[:MANY_FILES]:
            words += await _brought(ctx, box, path, media)
        if (more := len(done.files) - MANY_FILES) > 0:
            words += f"\n[{more} more files]"
    if not done.ok:
        raise ToolFailed(words)
    return Returned(content=words or "(it said nothing)", media=tuple(media))


async def _brought(ctx: Context[Any], box: Sandbox, path: str, media: list[Media]) -> str:
    mime = mimetypes.guess_type(path)[0] or "application/octet-stream"
    try:
        content = await asyncio.to_thread(box.read, path, MOST_FILE)
    except Exception as error:  # whatever a program made of it: it is named, and left where it is
        return f"\n[file {path}: {error}]"
    told = await keep(ctx, path, content, mime)
    if mime in PICTURES and len(media) < 4 and len(content) <= 4_000_000:
        media.append(Media(mime=mime, data=content, name=path))
    return told


def _words(done: Done, caps: Caps) -> str:
    text = done.text.rstrip()
    if done.stopped is not None:
        most = {"time": f"{caps.seconds:g} s", "memory": f"{caps.memory:,} bytes of memory",
                "disk": f"{caps.disk:,} bytes of files", "output": f"{caps.output:,} bytes of output"}  # fmt: skip
        return f"{text}\n[stopped: it used more than {most[done.stopped]}]".lstrip()
    return text if done.exit == 0 else f"{text}\n[exit code {done.exit}]".lstrip()


def python_of() -> tuple[str, tuple[str, ...]]:
    """The Python of sandboxes, and what they must be able to read for it."""
    if found := shutil.which("python3", path="/usr/bin:/usr/local/bin"):
        return found, ()
    return os.path.realpath(sys.executable), (sys.base_prefix,)
