"""GitHub over real HTTP: a server on this machine that answers in the shapes of its REST documentation."""

import asyncio
import json
import time
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.tools.loopback import Asked, Loopback, call, loopback, refused
from weft import Agent, App
from weft.engine.context import Context
from weft.errors import ToolFailed, ToolRetry, UsageError
from weft.models.scripted import Scripted
from weft.models.scripted import call as asks
from weft.tools.builtin.github import GitHub
from weft.tools.run import Broke

REPO = "/api/v3/repos/octo/world"
ISSUE: dict[str, Any] = {
    "number": 7, "title": "Found a bug", "html_url": "https://git.example/octo/world/issues/7", "state": "open",
    "user": {"login": "octocat", "id": 1}, "labels": [{"id": 2, "name": "bug"}], "comments": 1,
    "created_at": "2011-04-22T13:33:48Z", "body": "I'm having a problem with this.",
    "repository_url": "https://api.git.example/repos/octo/world", "node_id": "MDU6SXNzdWUx",
}  # fmt: skip
COMMENT = {
    "html_url": "https://git.example/octo/world/issues/7#c1", "user": None, "created_at": "2011-04-14T16:00:49Z",
    "body": "Me too",
}  # fmt: skip
PULL = {
    **ISSUE, "number": 8, "html_url": "https://git.example/octo/world/pull/8", "merged": True, "draft": False,
    "head": {"ref": "topic", "sha": "6dcb09b"}, "base": {"ref": "main", "sha": "7dcb09b"}, "body": None,
}  # fmt: skip
CHANGE = {"filename": "a.txt", "status": "added", "additions": 1, "deletions": 0, "patch": "@@ -0,0 +1 @@\n+a"}


class Server:
    """Issues and comments that stay, and trouble on demand."""

    def __init__(self) -> None:
        self.issues: list[dict[str, Any]] = [ISSUE]
        self.comments: list[dict[str, Any]] = [COMMENT]
        self.trouble: list[str] = []

    def answers(self) -> dict[str, Any]:
        return {
            f"GET {REPO}/issues": self.listed,
            f"POST {REPO}/issues": self.opened,
            f"GET {REPO}/issues/7": ISSUE,
            f"GET {REPO}/issues/7/comments": lambda _: self.comments,
            f"POST {REPO}/issues/7/comments": self.said,
            f"GET {REPO}/pulls/8": PULL,
            f"GET {REPO}/pulls/8/files": [CHANGE],
            f"GET {REPO}/contents": [{"name": "src", "type": "dir"}, {"name": "a.txt", "type": "file", "size": 1234}],
            f"GET {REPO}/contents/a b.txt": file("a b.txt", "Grüße"),
            f"GET {REPO}/contents/logo.png": file("logo.png", "\0PNG"),
            f"GET {REPO}/contents/link": file("link", "x") | {"type": "submodule"},
            f"GET {REPO}/contents/large.txt": large,
            "GET /api/v3/search/issues": {"total_count": 2, "incomplete_results": False, "items": [ISSUE, OTHER]},
            "GET /api/v3/search/code": {"total_count": 1, "items": [CODE]},
        }

    def listed(self, asked: Asked) -> web.Response:
        more = f'<{REPO}?page=3&per_page=20>; rel="next", <{REPO}?page=9>; rel="last"'
        return web.json_response(self.issues[::-1], headers={"Link": more} if asked.query.get("page") == "2" else {})

    async def opened(self, asked: Asked) -> Any:
        made = ISSUE | asked.json | {"number": len(self.issues) + 7, "labels": []}
        return await self._done(self.issues, made)

    async def said(self, asked: Asked) -> Any:
        return await self._done(self.comments, COMMENT | asked.json)

    async def _done(self, kept: list[dict[str, Any]], made: dict[str, Any]) -> Any:
        trouble = self.trouble.pop(0) if self.trouble else ""
        if trouble != "lost":
            kept.append(made)
        match trouble:
            case "late":
                await asyncio.sleep(2)
            case "lost" | "502":
                return refused(502, "<html>Bad gateway</html>")
            case "garbled":
                return web.Response(status=201, text="{")
        return web.json_response(made, status=201)


def file(path: str, text: str) -> dict[str, Any]:
    content = b64encode(text.encode()).decode()
    told = {"type": "file", "encoding": "base64", "size": len(text), "path": path}
    return told | {"content": f"{content[:4]}\n{content[4:]}", "html_url": f"https://git.example/{path}"}


def large(asked: Asked) -> Any:
    if "raw" in asked.headers["Accept"]:
        return web.Response(text="all of it", content_type="application/vnd.github.raw+json")
    return {"type": "file", "encoding": "none", "size": 2_000_000, "path": "large.txt", "content": ""}


OTHER = ISSUE | {"number": 1, "repository_url": "https://api.git.example/repos/octo/secret"}
CODE = {"path": "a.py", "html_url": "https://git.example/a.py", "repository": {"full_name": "octo/world"}, "score": 1.0}


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
async def here(server: Server, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Loopback]:
    monkeypatch.setenv("MY_TOKEN", "t0ken-of-mine")
    async with loopback(server.answers()) as running:
        yield running


def github(here: Loopback, **options: Any) -> GitHub:
    return GitHub(base_url=f"{here.url}/api/v3", token="os.environ/MY_TOKEN", **options)


async def told(here: Loopback, ctx: Context[Any], name: str, **arguments: Any) -> Any:
    return json.loads((await call(github(here, write=True), name, ctx, **arguments)).content)


async def test_reading(here: Loopback, ctx: Context[Any]) -> None:
    found = await told(here, ctx, "github_issues", repository="octo/world", page=2, labels="bug")
    assert found["items"] == [
        {"number": 7, "title": "Found a bug", "url": "https://git.example/octo/world/issues/7", "state": "open",
         "author": "octocat", "created": "2011-04-22T13:33:48Z", "comments": 1, "labels": ["bug"]}
    ]  # fmt: skip
    assert found["more"] == "ask for page 3"
    (asked,) = here.asked
    assert asked.headers["Authorization"] == "Bearer t0ken-of-mine"
    assert asked.headers["X-GitHub-Api-Version"] == "2022-11-28"
    assert asked.query == {"state": "open", "per_page": "20", "page": "2", "labels": "bug"}
    issue = await told(here, ctx, "github_issue", repository="octo/world", number=7)
    assert issue["body"] == "I'm having a problem with this."
    assert issue["said"] == [{"author": "ghost", "at": "2011-04-14T16:00:49Z", "body": "Me too"}]
    pull = await told(here, ctx, "github_pull", repository="octo/world", number=8)
    assert (pull["state"], pull["from"], pull["into"], pull["body"]) == ("merged", "topic", "main", "")
    assert pull["files"][0]["patch"].endswith("+a")


async def test_files(here: Loopback, ctx: Context[Any]) -> None:
    async def read(path: str) -> str:
        return (await call(github(here), "github_file", ctx, repository="octo/world", path=path, ref="v1")).content

    assert await read("") == "src/\na.txt (1,234 bytes)"
    assert await read("/a b.txt") == "https://git.example/a b.txt\nGrüße"
    assert (await read("large.txt")).endswith("all of it")
    assert {asked.query["ref"] for asked in here.asked} == {"v1"}
    for path, error, words in (
        ("logo.png", ToolFailed, r"is no text \(4 bytes\)"),
        ("link", ToolRetry, "is a submodule"),
        ("none", ToolRetry, "404: Not Found"),
        ("../../../user", ToolRetry, "leads out"),
    ):
        with pytest.raises(error, match=words):
            await read(path)
    with pytest.raises(ToolRetry, match="named owner/name"):
        await call(github(here), "github_file", ctx, repository="octo/world/../../user")


async def test_only_some_repositories(here: Loopback, ctx: Context[Any]) -> None:
    found = await told(here, ctx, "github_search", query="bug")
    assert [item["repository"] for item in found["items"]] == ["octo/world", "octo/secret"]
    some = github(here, repositories=["octo/world", "mine/*"])
    searched = json.loads((await call(some, "github_search", ctx, query="bug")).content)
    assert [item["number"] for item in searched["items"]] == [7]
    assert here.asked[-1].query["q"] == "bug repo:octo/world user:mine"
    with pytest.raises(ToolRetry, match="leave out repo:"):
        await call(some, "github_search", ctx, query="x repo:octo/secret")
    with pytest.raises(ToolFailed, match="may not be asked for"):
        await call(some, "github_issues", ctx, repository="octo/secret")
    code = await told(here, ctx, "github_search", query="x", kind="code")
    assert code["items"] == [{"path": "a.py", "html_url": "https://git.example/a.py", "repository": "octo/world"}]


async def test_tokens(here: Loopback, ctx: Context[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"given as secret:NAME or os\.environ") as caught:
        GitHub(token="s3cret")
    assert "s3cret" not in str(caught.value)
    monkeypatch.delenv("MY_TOKEN")
    with pytest.raises(ToolFailed, match="MY_TOKEN is not set"):
        await call(github(here), "github_issues", ctx, repository="octo/world")
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    base = f"{here.url}/api/v3"
    await call(GitHub(base_url=base), "github_issues", ctx, repository="octo/world")
    assert "Authorization" not in here.asked[-1].headers

    async def vault(ctx: Context[Any]) -> str:
        return f"of-{ctx.run.user_id}"

    await call(GitHub(base_url=base, token=vault), "github_issues", ctx, repository="octo/world")
    assert here.asked[-1].headers["Authorization"] == "Bearer of-u1"
    here.answers[f"GET {REPO}/issues"] = lambda asked: refused(
        401, f"Bad credentials: {asked.headers['Authorization']}"
    )
    with pytest.raises(ToolFailed, match=r"Bad credentials: Bearer \[token\]"):
        await call(GitHub(base_url=base, token=vault), "github_issues", ctx, repository="octo/world")
    away = f"http://localhost:{here.port}/elsewhere"
    here.answers[f"GET {REPO}/issues"] = lambda _: refused(302, Location=away)
    with pytest.raises(ToolFailed, match="may not be reached"):
        await call(GitHub(base_url=base, token=vault), "github_issues", ctx, repository="octo/world")


async def test_limits(here: Loopback, ctx: Context[Any]) -> None:
    spent = {"x_ratelimit_remaining": "0", "x_ratelimit_reset": str(int(time.time()) + 1000)}
    answers = [refused(429, Retry_After="0"), refused(403, {"message": "secondary rate limit"}, Retry_After="1")]
    here.answers[f"GET {REPO}/issues"] = lambda _: answers.pop(0) if answers else web.json_response([])
    assert await told(here, ctx, "github_issues", repository="octo/world") == {"items": []}
    assert len(here.asked) == 3
    assert here.asked[2].at - here.asked[1].at > 0.9
    for refusal, words in (
        (refused(403, {"message": "API rate limit exceeded"}, **spent), r"no more requests for \d+ s: API rate"),
        (refused(403, {"message": "Resource not accessible"}), "answered 403: Resource not accessible"),
        (refused(500, "<html>x</html>", Content_Type="text/html"), "answered 500: a page for browsers"),
        (web.Response(text='[{"number": "x"}]'), "cannot be read: Expected `int`"),
        (web.Response(text="[" + " " * 5_000_001), "answered more than 5,000,000 bytes"),
    ):
        here.answers[f"GET {REPO}/issues"] = lambda _, made=refusal: made
        with pytest.raises(ToolFailed, match=words):
            await call(github(here), "github_issues", ctx, repository="octo/world")


async def written(here: Loopback, path: Path, **options: Any) -> tuple[Any, Any]:
    """What a run says after it was told to open an issue and to comment."""
    lines = [
        asks("github_create_issue", repository="octo/world", title="New", body="It *breaks*."),
        asks("github_comment", repository="octo/world", number=7, body="Same here."),
        "Done.",
    ]
    agent = Agent("desk", model=Scripted(lines, order="turn"), tools=[github(here, write=True, **options)])
    async with App(agents=[agent], store=f"sqlite:///{path}/weft.db") as app:
        run = await app.run(agent, "Tell them")
    return run, [part for message in run.messages for part in message.tool_results]


@pytest.mark.parametrize("trouble", ["", "late", "502", "garbled"])
async def test_writing_happens_once(trouble: str, server: Server, here: Loopback, tmp_path: Path) -> None:
    """Whatever becomes of the answer, what was written is found by its mark."""
    server.trouble = [trouble, trouble]
    run, (issue, comment) = await written(here, tmp_path, seconds=1)
    assert (run.output, issue.failed, comment.failed) == ("Done.", False, False)
    assert json.loads(issue.content)["number"] == 8
    assert [each["title"] for each in server.issues] == ["Found a bug", "New"]
    assert [each["body"].partition("\n")[0] for each in server.comments] == ["Me too", "Same here."]
    assert server.issues[1]["body"].startswith("It *breaks*.\n\n<!-- weft ")
    assert not issue.trusted


async def test_writing_that_is_lost(server: Server, here: Loopback, tmp_path: Path) -> None:
    """Where nothing bears the mark, it is known that nothing was written, and nobody is asked."""
    server.trouble = ["lost", "lost"]
    run, (issue, comment) = await written(here, tmp_path)
    assert run.output == "Done."
    assert issue.content == comment.content == "GitHub answered 502: <html>Bad gateway</html>"
    assert (len(server.issues), len(server.comments)) == (1, 1)


async def test_writing_that_is_refused(server: Server, here: Loopback, ctx: Context[Any]) -> None:
    assert {each.name for each in await github(here).tools(ctx) if each.effect != "read"} == set()
    here.answers[f"POST {REPO}/issues"] = lambda _: refused(422, {"message": "Validation Failed"})
    arguments = {"repository": "octo/world", "title": "x", "body": "y"}
    with pytest.raises(ToolRetry, match="422: Validation Failed"):
        await told(here, ctx, "github_create_issue", **arguments)
    here.answers[f"POST {REPO}/issues"] = lambda _: refused(429, Retry_After="1")
    with pytest.raises(ToolFailed, match="wants no more requests for 1 s") as caught:
        await told(here, ctx, "github_create_issue", **arguments)
    assert not isinstance(caught.value, Broke)
    assert len(here.asked) == 2
    with pytest.raises(ToolRetry, match="longer than GitHub takes"):
        await told(here, ctx, "github_create_issue", **arguments | {"body": "y" * 70_000})
    gone = GitHub(base_url="http://127.0.0.1:9/api", token="os.environ/MY_TOKEN", write=True)
    with pytest.raises(ToolFailed, match="cannot be read") as caught:
        await call(gone, "github_create_issue", ctx, **arguments)
    assert not isinstance(caught.value, Broke)  # nothing was sent
