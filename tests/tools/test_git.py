"""Git over real HTTP: git's own server program behind a web server on this machine."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.tools.loopback import call
from weft.engine.context import Context
from weft.errors import ToolFailed, ToolRetry, UsageError
from weft.tools.builtin.git import Git

ME = {"GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.com", "GIT_COMMITTER_NAME": "Ada",
      "GIT_COMMITTER_EMAIL": "ada@example.com", "GIT_AUTHOR_DATE": "2024-03-01T12:00:00Z",
      "GIT_COMMITTER_DATE": "2024-03-01T12:00:00Z", "GIT_CONFIG_GLOBAL": os.devnull}  # fmt: skip


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, env=os.environ | ME, capture_output=True, text=True, check=True)
    return done.stdout


def commit(folder: Path, name: str, text: str, message: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", message)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A repository with three commits, a branch and a tag."""
    folder = tmp_path / "served" / "world"
    folder.mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main")
    commit(folder, "a.txt", "one\ntwo TEA\n", "First words")
    git(folder, "tag", "v1")
    commit(folder, "src/b.py", "print('tea')\n", "A program")
    git(folder, "checkout", "-q", "-b", "topic")
    commit(folder, "c.bin", "\0\1", "Bytes")
    git(folder, "checkout", "-q", "main")
    return folder


class Served:
    """``git http-backend``, as web servers call it."""

    def __init__(self, root: Path) -> None:
        self.root, self.url, self.asked = root, "", list[str]()
        self.token = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.path_qs)
        if request.path.startswith("/away/"):
            raise web.HTTPFound(self.url + request.path_qs.removeprefix("/away"))
        if self.token and request.headers.get("Authorization") != self.token:
            return web.Response(status=401, text="no", headers={"WWW-Authenticate": "Basic"})
        if "slow" in request.path:
            await asyncio.sleep(3)
        env = {"GIT_PROJECT_ROOT": str(self.root), "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": request.path,
               "QUERY_STRING": request.query_string, "REQUEST_METHOD": request.method, "PATH": os.environ["PATH"],
               "CONTENT_TYPE": request.headers.get("Content-Type", ""), "GIT_CONFIG_COUNT": "1",
               "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*",
               "GIT_PROTOCOL": request.headers.get("Git-Protocol", "")}  # fmt: skip
        encoding = request.headers.get("Content-Encoding")
        env |= {"HTTP_CONTENT_ENCODING": encoding} if encoding else {}
        program = await asyncio.create_subprocess_exec(
            "git", "http-backend", env=env, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        out, _ = await program.communicate(await request.read())
        head, _, body = out.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().splitlines() if ": " in line)
        return web.Response(status=int(headers.pop("Status", "200")[:3]), body=body, headers=headers)


@pytest.fixture
async def served(work: Path) -> AsyncIterator[Served]:
    here = Served(work.parent)
    app = web.Application(client_max_size=10**8)
    app.router.add_route("*", "/{path:.*}", here.answer)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    here.url = f"http://127.0.0.1:{server.port}"
    try:
        yield here
    finally:
        await server.close()


async def test_reading(served: Served, work: Path, tmp_path: Path, ctx: Context[Any]) -> None:
    url = f"{served.url}/world/.git"
    tools = Git({"world": url}, tmp_path / "copies")

    async def do(name: str, **arguments: Any) -> str:
        got = (await call(tools, f"git_{name}", ctx, repository="world", **arguments)).content
        head, _, text = got.partition("\n")
        assert head == url
        return text

    lines = (await do("log")).splitlines()
    assert [line.split(" ", 1)[1] for line in lines] == ["2024-03-01 Ada: A program", "2024-03-01 Ada: First words"]
    assert (await do("log", revision="topic", count=1)).endswith("Ada: Bytes")
    assert (await do("log", path="a.txt")).endswith("Ada: First words")
    assert (await do("log", words="PROGRAM")).endswith("Ada: A program")
    assert await do("log", words="nowhere") == "There is nothing."
    shown = await do("show", revision="main")
    assert "A program" in shown
    assert "+print('tea')" in shown
    assert await do("read", path="src/b.py") == "print('tea')"
    assert (await do("read", revision="v1")).endswith("a.txt")
    found = await do("search", words="Tea")
    assert found.splitlines() == ["HEAD:a.txt:2:two TEA", "HEAD:src/b.py:1:print('tea')"]
    assert await do("search", words="Tea", path="src") == "HEAD:src/b.py:1:print('tea')"
    assert await do("search", words="coffee") == "There is no such line."
    asked = len(served.asked)
    assert asked < 5
    commit(work, "d.txt", "new", "Later")
    assert "Later" not in await do("log")
    assert len(served.asked) == asked


async def test_it_is_brought_up_to_date(
    served: Served, work: Path, tmp_path: Path, ctx: Context[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weft.tools.builtin.git.FRESH", 0.0)
    tools = Git({"world": f"{served.url}/world/.git"}, tmp_path / "copies")
    await call(tools, "git_log", ctx, repository="world")
    commit(work, "d.txt", "new", "Later")
    git(work, "branch", "-q", "-D", "topic")
    assert "Later" in (await call(tools, "git_log", ctx, repository="world")).content
    with pytest.raises(ToolRetry, match="git says"):
        await call(tools, "git_log", ctx, repository="world", revision="topic")


async def test_what_is_refused(served: Served, tmp_path: Path, ctx: Context[Any]) -> None:
    tools = Git(
        {"world": f"{served.url}/world/.git", "none": f"{served.url}/none", "away": f"{served.url}/away/world/.git",
         "slow": f"{served.url}/slow/world/.git"},
        tmp_path / "copies", seconds=2,
    )  # fmt: skip
    for revision in ("--output=/tmp/x", "-n1", "main..topic", "main;ls", "HEAD:a.txt", "", "@{u}"):
        with pytest.raises(ToolRetry, match="is no branch"):
            await call(tools, "git_log", ctx, repository="world", revision=revision)
    with pytest.raises(ToolRetry, match="there is no repository '/etc'; there are world, none"):
        await call(tools, "git_log", ctx, repository="/etc")
    with pytest.raises(ToolRetry, match="git says"):
        await call(tools, "git_read", ctx, repository="world", path="../../etc/passwd")
    with pytest.raises(ToolFailed, match="is no text"):
        await call(tools, "git_read", ctx, repository="world", path="c.bin", revision="topic")
    for name, words in (("none", "cannot be read"), ("away", "cannot be read"), ("slow", "took longer than 2 s")):
        with pytest.raises(ToolFailed, match=words):
            await call(tools, "git_log", ctx, repository=name)
    assert len(list((tmp_path / "copies").iterdir())) == 1
    for url in ("file:///etc", "/etc", "ext::sh -c id", "ssh://host/x", "https://me:pw@host/x", "git://host/x"):
        with pytest.raises(UsageError, match="is no address"):
            Git({"x": url})
    with pytest.raises(UsageError, match="given as"):
        Git({}, token="t0ken")


async def test_tokens(served: Served, tmp_path: Path, ctx: Context[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    served.token = "Basic eC1hY2Nlc3MtdG9rZW46dDBrZW4="
    url = f"{served.url}/world/.git"
    with pytest.raises(ToolFailed, match="cannot be read"):
        await call(Git({"world": url}, tmp_path / "one"), "git_log", ctx, repository="world")
    tools = Git({"world": url}, tmp_path / "two", token="os.environ/GIT_T")
    with pytest.raises(ToolFailed, match="GIT_T is not set"):
        await call(tools, "git_log", ctx, repository="world")
    monkeypatch.setenv("GIT_T", "t0ken")
    assert "First words" in (await call(tools, "git_log", ctx, repository="world")).content
    kept = [path.read_bytes() for path in (tmp_path / "two").rglob("*") if path.is_file()]
    assert not any(b"t0ken" in body or b"eC1hY2" in body for body in kept)
