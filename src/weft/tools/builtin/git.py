"""``Git``: the history and files of repositories that you name, read from a copy that is kept fresh."""

import asyncio
import base64
import os
import re
import shutil
import signal
import time
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from weft.engine.context import Context
from weft.errors import ToolFailed, ToolRetry, UsageError
from weft.security.streams import drained
from weft.tools.base import Tool
from weft.tools.builtin.api import clean, reads
from weft.tools.secrets import VARIABLE, variable

FRESH = 60.0
"""Seconds after which a copy is brought up to date before it is read."""
_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./^~-]*")
_FIXED = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "credential.helper=",
          "-c", "http.followRedirects=false", "-c", "protocol.allow=never", "-c", "protocol.https.allow=always",
          "-c", "protocol.http.allow=always", "-c", "gc.auto=0")  # fmt: skip
"""A repository is somebody else's: nothing in it is run, and it leads nowhere else."""


class Git:
    """``git_log``, ``git_show``, ``git_read`` and ``git_search``.

    ``repositories`` are addresses (``https://...``) by the names that a model calls them; copies are kept below
    ``root``. ``token`` is ``os.environ/NAME`` (as the copies are everybody's), and goes to all of them. ``seconds`` are
    for each program, ``most`` is in bytes of what one says.

    Raises:
        UsageError: an address is none of HTTP, or names a user; or a token was given as it is.
    """

    def __init__(
        self,
        repositories: dict[str, str],
        root: str | os.PathLike[str] = "weft-git",
        *,
        token: str | None = None,
        seconds: float = 120.0,
        most: int = 1_000_000,
    ) -> None:
        for url in repositories.values():
            parts = urlsplit(url)
            if parts.scheme not in ("https", "http") or not parts.hostname or "@" in parts.netloc:
                raise UsageError(f"{url!r} is no address of a repository: https://host/path, without a user")
        if token is not None and not token.startswith(VARIABLE):
            raise UsageError("the token of repositories is given as os.environ/NAME")
        self._known, self._root, self._token = dict(repositories), Path(root).absolute(), token
        self._seconds, self._most = seconds, most
        self._fetched: dict[str, float] = {}
        self._locks: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, asyncio.Lock]] = WeakKeyDictionary()
        self._made: list[Tool] | None = None

    def __repr__(self) -> str:
        return f"Git({', '.join(self._known)})"

    async def tools(self, ctx: Context[Any]) -> Sequence[Tool]:
        if self._made is None:
            methods = (self.git_log, self.git_show, self.git_read, self.git_search)
            self._made = reads(3 * self._seconds, *methods)
        return self._made

    async def git_log(
        self, repository: str, revision: str = "HEAD", path: str = "", words: str = "", count: int = 20
    ) -> str:
        """The last commits of a repository.

        Args:
            repository: Its name.
            revision: Branch, tag or commit to begin with.
            path: Only commits that changed this file or folder.
            words: Only commits with these words in their message.
            count: How many at most.
        """
        told = ["--format=%h %ad %an: %s", "--date=short", f"--max-count={max(1, min(count, 500))}", "-i", "-F"]
        told += [f"--grep={words}"] if words else []
        return await self._read(repository, ["log", *told, "--end-of-options", _revision(revision), *_path(path)])

    async def git_show(self, repository: str, revision: str) -> str:
        """A commit: its message, and what it changed.

        Args:
            repository: Its name.
            revision: The commit, a branch or a tag.
        """
        told = ["--stat", "--patch", "--no-color", "--no-textconv", "--no-ext-diff", "--date=iso"]
        return await self._read(repository, ["show", *told, "--end-of-options", f"{_revision(revision)}^{{commit}}"])

    async def git_read(self, repository: str, path: str = "", revision: str = "HEAD") -> str:
        """A file of a repository, or what is in a folder.

        Args:
            repository: Its name.
            path: Of the file or folder; nothing for the folder at the top.
            revision: Branch, tag or commit.
        """
        place = "/".join(part for part in path.split("/") if part not in ("", "."))
        words = ["show", "--no-textconv", "--end-of-options", f"{_revision(revision)}:{place}"]
        told = await self._read(repository, words)
        if "\0" in told[:8000]:
            raise ToolFailed(f"{path} is no text")
        return told

    async def git_search(self, repository: str, words: str, revision: str = "HEAD", path: str = "") -> str:
        """The lines of a repository's files that have some words in them.

        Args:
            repository: Its name.
            words: As they stand there; capitals do not count.
            revision: Branch, tag or commit.
            path: Only in this file or folder.
        """
        told = ["grep", "-n", "-I", "-i", "-F", "--no-color", "--no-textconv", "-e", words, _revision(revision)]
        return await self._read(repository, [*told, *_path(path)], nothing="There is no such line.")

    async def _read(self, repository: str, words: list[str], nothing: str = "There is nothing.") -> str:
        if (url := self._known.get(repository)) is None:
            raise ToolRetry(f"there is no repository {repository!r}; there are {', '.join(self._known)}")
        folder = self._root / f"{sha256(url.encode()).hexdigest()[:24]}.git"
        locks = self._locks.setdefault(asyncio.get_running_loop(), {})
        async with locks.setdefault(url, asyncio.Lock()):
            if time.monotonic() - self._fetched.get(url, float("-inf")) > FRESH:
                await self._fetch(url, folder)
                self._fetched[url] = time.monotonic()
        code, out, error = await self._run(["--git-dir", str(folder), *words])
        if code not in (0, 1) or (code == 1 and error):
            raise ToolRetry(f"git says: {error[:500] or code}")
        return f"{url}\n{out.rstrip() or nothing}"

    async def _fetch(self, url: str, folder: Path) -> None:
        """Make the copy, or bring it up to date."""
        if await asyncio.to_thread(folder.is_dir):
            words = ["--git-dir", str(folder), "fetch", "--prune", "--force", "--no-recurse-submodules", "--tags"]
            code, _, error = await self._run([*words, "origin", "+refs/heads/*:refs/heads/*"], asks=True)
        else:
            made = folder.with_suffix(f".{os.getpid()}")
            await asyncio.to_thread(self._root.mkdir, parents=True, exist_ok=True)
            words = ["clone", "--bare", "--no-recurse-submodules", "--template=", "--", url, str(made)]
            code, error = 1, ""
            try:
                code, _, error = await self._run(words, asks=True)
            finally:
                await asyncio.to_thread(_kept, made, folder, code == 0)
        if code:
            raise ToolFailed(f"{url} cannot be read: {error[-500:] or code}")

    async def _run(self, words: list[str], *, asks: bool = False) -> tuple[int, str, str]:
        """Exit code, what it said, and its complaint, without the token."""
        token = self._secret() if asks else ""
        ready = asyncio.create_subprocess_exec(
            "git", *_FIXED, *words,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            env=_environment(self._root, token),
        )  # fmt: skip
        try:
            program = await ready
        except FileNotFoundError:
            raise ToolFailed("there is no git on this machine") from None
        assert program.stdout is not None
        assert program.stderr is not None
        try:
            async with asyncio.timeout(self._seconds):
                out, error = await asyncio.gather(_taken(program.stdout, self._most), _taken(program.stderr, 10_000))
                code = await program.wait()
        except TimeoutError:
            raise ToolFailed(f"git took longer than {self._seconds:g} s") from None
        finally:
            if program.returncode is None:
                os.killpg(program.pid, signal.SIGKILL)  # it has programs of its own
                await asyncio.gather(drained(program.stdout), drained(program.stderr), program.wait())
        return code, out, clean(error, token)

    def _secret(self) -> str:
        if self._token is None:
            return ""
        return variable(self._token.removeprefix(VARIABLE))


def _kept(made: Path, folder: Path, whole: bool) -> None:
    """A copy is there as a whole, or not at all."""
    if whole and not folder.is_dir():
        made.rename(folder)
    shutil.rmtree(made, ignore_errors=True)


async def _taken(stream: asyncio.StreamReader, most: int) -> str:
    """The beginning of what it says; the rest is read and forgotten."""
    taken, left = bytearray(), 0
    while piece := await stream.read(65536):
        taken += piece[: most - len(taken)]
        left += len(piece)
    cut = f"\n[only the first {most:,} of {left:,} bytes]" if left > most else ""
    return taken.decode(errors="replace") + cut


def _environment(home: Path, token: str) -> dict[str, str]:
    told = {"PATH": os.environ.get("PATH", ""), "HOME": str(home), "LC_ALL": "C.UTF-8"}
    told |= {"GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "true", "GIT_CONFIG_NOSYSTEM": "1"}
    told |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_PAGER": "cat", "GIT_OPTIONAL_LOCKS": "0"}
    if token:  # not on the command line, which every user of the machine can read
        basic = base64.b64encode(f"x-access-token:{token}".encode()).decode()
        told |= {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "http.extraHeader"}
        told["GIT_CONFIG_VALUE_0"] = f"Authorization: Basic {basic}"
    return told


def _revision(text: str) -> str:
    if not _REVISION.fullmatch(text) or ".." in text:
        raise ToolRetry(f"{text!r} is no branch, tag or commit")
    return text


def _path(path: str) -> list[str]:
    return ["--", f":(top,literal){path}"] if path else []
