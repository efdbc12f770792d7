"""``GitHub``: repositories, issues and pull requests over its REST interface, or that of a server which speaks it."""

import os
import re
from base64 import b64decode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import quote

from weft.engine.context import Context
from weft.engine.undone import NotDone
from weft.errors import ToolFailed, ToolRetry
from weft.messages import Json
from weft.tools.base import Approval, Tool
from weft.tools.builtin.api import Api, Token, lookback, mark_of, reads
from weft.tools.builtin.github_answers import (
    Change,
    Comment,
    Entry,
    File,
    Issue,
    Pull,
    Search,
    name_of,
    repository_of,
    told_comment,
    told_issue,
    told_item,
)
from weft.tools.function import tool

if TYPE_CHECKING:
    from weft.tools.web import Page

_REPO = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]*[A-Za-z0-9_-][\w.-]*")
_SCOPED = re.compile(r"\b(repo|user|org|enterprise):", re.IGNORECASE)
_NEXT = re.compile(r'<[^>]*[?&]page=(\d+)[^>]*>;\s*rel="next"')
_LONGEST = 65_536
"""Characters of a text that GitHub takes."""
MARK = "<!-- weft {} -->"
"""Written below a text, where nobody sees it: by that a call is found again of which nobody knows how it ended."""
LATELY = 30 * 86_400
"""Seconds that it is looked back for it at most; a person is asked beyond."""
_PAGES = 20
T = TypeVar("T", Issue, Comment)


class GitHub:
    """``github_search``, ``github_file``, ``github_issues``, ``github_issue`` and ``github_pull``; with ``write`` also
    ``github_create_issue`` and ``github_comment``.

    ``token`` is ``secret:NAME``, ``os.environ/NAME`` or a function of the context; else ``GITHUB_TOKEN`` where that is
    set. ``base_url`` is where the interface of a server of yours begins (else ``GITHUB_API_URL``). ``repositories``
    are those that may be asked for, as ``owner/name`` or ``owner/*``; else all that the token may see.
    """

    def __init__(
        self,
        *,
        token: Token | None = None,
        base_url: str | None = None,
        repositories: Sequence[str] = (),
        write: bool = False,
        approval: Approval = False,
        count: int = 20,
        seconds: float = 30.0,
    ) -> None:
        base = base_url or os.environ.get("GITHUB_API_URL") or "https://api.github.com"
        self._api = Api("GitHub", base, token=token, usual="GITHUB_TOKEN", headers=_headers, seconds=seconds)
        self._only = tuple(each.lower() for each in repositories)
        self._write, self._approval, self._count = write, approval, min(count, 100)
        self._made: list[Tool] | None = None

    def __repr__(self) -> str:
        return f"GitHub({self._api.base!r})"

    async def tools(self, ctx: Context[Any]) -> Sequence[Tool]:
        if self._made is None:
            timeout = 3 * self._api.timeout
            self._made = reads(
                timeout, self.github_search, self.github_file, self.github_issues, self.github_issue, self.github_pull
            )
            if self._write:
                told: Any = {"effect": "once", "approval": self._approval, "timeout": timeout}
                made = tool(self.github_create_issue, reconcile=self._created, **told)
                self._made += [made.tool, tool(self.github_comment, reconcile=self._commented, **told).tool]
        return self._made

    async def github_search(
        self, query: str, ctx: Context[Any], kind: Literal["issues", "code", "repositories"] = "issues", page: int = 1
    ) -> Json:
        """Search GitHub for issues and pull requests, code, or repositories.

        Args:
            query: Words and qualifiers, such as: crash repo:owner/name is:open label:bug.
            kind: What to look for.
            page: Of the results.
        """
        if self._only and _SCOPED.search(query):
            raise ToolRetry(f"leave out repo:, user: and org: here; it is looked for in {', '.join(self._only)}")
        asked = {"q": " ".join([query, *self._scope()]), "per_page": self._count, "page": page}
        answer = await self._api.read(f"/search/{kind}", asked, ctx=ctx)
        found = self._api.decoded(answer, Search)
        items = [told_item(kind, item) for item in found.items if self._permitted(repository_of(kind, item))]
        return {"total": found.total_count, "items": items} | _more(answer)

    async def github_file(self, repository: str, ctx: Context[Any], path: str = "", ref: str = "") -> str:
        """Read a file of a repository, or list a folder.

        Args:
            repository: As owner/name.
            path: Of the file or folder; nothing for the folder at the top.
            ref: Branch, tag or commit; nothing for the usual branch.
        """
        place = f"{self._repository(repository)}/contents/{_path(path)}".rstrip("/")
        asked = {"ref": ref} if ref else None
        answer = await self._api.read(place, asked, ctx=ctx)
        if answer.body.lstrip()[:1] == b"[":
            entries = self._api.decoded(answer, list[Entry])
            return "\n".join(f"{each.name}/" if each.type == "dir" else f"{each.name} ({each.size:,} bytes)"
                             for each in entries) or "The folder is empty."  # fmt: skip
        file = self._api.decoded(answer, File)
        if file.type != "file":
            raise ToolRetry(f"{file.path} is a {file.type}")
        if file.encoding == "base64":
            body = b64decode(file.content)
        else:  # of large files the text is not part of the answer
            body = (await self._api.read(place, asked, ctx=ctx, accept="application/vnd.github.raw+json")).body
        if b"\0" in body[:8000]:
            raise ToolFailed(f"{file.path} is no text ({len(body):,} bytes)")
        return f"{file.html_url or file.path}\n{body.decode(errors='replace')}"

    async def github_issues(
        self,
        repository: str,
        ctx: Context[Any],
        state: Literal["open", "closed", "all"] = "open",
        labels: str = "",
        page: int = 1,
    ) -> Json:
        """The issues and pull requests of a repository, the newest first.

        Args:
            repository: As owner/name.
            state: Which of them.
            labels: Only those with all these labels, with commas between them.
            page: Of the list.
        """
        asked: Json = {"state": state, "per_page": self._count, "page": page} | ({"labels": labels} if labels else {})
        answer = await self._api.read(f"{self._repository(repository)}/issues", asked, ctx=ctx)
        return {"items": [told_issue(each) for each in self._api.decoded(answer, list[Issue])]} | _more(answer)

    async def github_issue(self, repository: str, number: int, ctx: Context[Any], page: int = 1) -> Json:
        """An issue or pull request: what was written, with its comments.

        Args:
            repository: As owner/name.
            number: Of the issue.
            page: Of the comments.
        """
        place = f"{self._repository(repository)}/issues/{number}"
        issue = self._api.decoded(await self._api.read(place, ctx=ctx), Issue)
        answer = await self._api.read(f"{place}/comments", {"per_page": self._count, "page": page}, ctx=ctx)
        comments = [told_comment(each) for each in self._api.decoded(answer, list[Comment])]
        return told_issue(issue) | {"body": issue.body or "", "said": comments} | _more(answer)

    async def github_pull(self, repository: str, number: int, ctx: Context[Any], page: int = 1) -> Json:
        """A pull request: what it is for, and what it changes.

        Args:
            repository: As owner/name.
            number: Of the pull request.
            page: Of the files.
        """
        place = f"{self._repository(repository)}/pulls/{number}"
        pull = self._api.decoded(await self._api.read(place, ctx=ctx), Pull)
        answer = await self._api.read(f"{place}/files", {"per_page": self._count, "page": page}, ctx=ctx)
        changes = [
            {"file": each.filename, "status": each.status, "added": each.additions, "removed": each.deletions,
             "patch": each.patch}
            for each in self._api.decoded(answer, list[Change])
        ]  # fmt: skip
        state = "merged" if pull.merged else "draft" if pull.draft else pull.state
        told = {"number": pull.number, "title": pull.title, "url": pull.html_url, "state": state}
        told |= {"author": name_of(pull.user), "from": pull.head.ref, "into": pull.base.ref, "body": pull.body or ""}
        return told | {"files": changes} | _more(answer)

    async def github_create_issue(
        self, repository: str, title: str, body: str, ctx: Context[Any], labels: list[str] | None = None
    ) -> Json:
        """Open an issue.

        Args:
            repository: As owner/name.
            title: One line.
            body: In Markdown.
            labels: Labels that the repository has.
        """
        told: Json = {"title": title, "body": _marked(body, ctx)} | ({"labels": labels} if labels else {})
        return told_issue(await self._api.write(f"{self._repository(repository)}/issues", told, Issue, ctx=ctx))

    async def github_comment(self, repository: str, number: int, body: str, ctx: Context[Any]) -> Json:
        """Write a comment below an issue or pull request.

        Args:
            repository: As owner/name.
            number: Of the issue or pull request.
            body: In Markdown.
        """
        place = f"{self._repository(repository)}/issues/{number}/comments"
        return {"url": (await self._api.write(place, {"body": _marked(body, ctx)}, Comment, ctx=ctx)).html_url}

    async def _created(self, ctx: Context[Any], arguments: Json) -> Any:
        """The issue that a call made of which nobody knows how it ended."""
        found = await self._found(f"{self._repository(arguments['repository'])}/issues", list[Issue], ctx)
        return told_issue(found) if isinstance(found, Issue) else found

    async def _commented(self, ctx: Context[Any], arguments: Json) -> Any:
        place = f"{self._repository(arguments['repository'])}/issues/{int(arguments['number'])}/comments"
        found = await self._found(place, list[Comment], ctx)
        return {"url": found.html_url} if isinstance(found, Comment) else found

    async def _found(self, place: str, type: type[list[T]], ctx: Context[Any]) -> T | NotDone:
        """What bears the mark of this call, of what was written there lately."""
        back = await lookback(ctx, LATELY)
        since = datetime.fromtimestamp(back.since, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        mark, page = MARK.format(mark_of(ctx)), "1"
        for _ in range(_PAGES):
            asked = {"state": "all", "sort": "created", "direction": "desc", "since": since, "per_page": 100}
            answer = await self._api.read(place, asked | {"page": page}, ctx=ctx)
            for each in self._api.decoded(answer, type):
                if mark in (each.body or ""):
                    return each
            if not (page := _next(answer)):
                return back.nothing()
        raise ToolFailed(f"there is more at {place} than can be looked through")

    def _repository(self, name: str) -> str:
        if not _REPO.fullmatch(name):
            raise ToolRetry(f"{name!r} is no repository: they are named owner/name")
        if not self._permitted(name):
            raise ToolFailed(f"{name} may not be asked for; there are {', '.join(self._only)}")
        return f"/repos/{name}"

    def _permitted(self, name: str) -> bool:
        owner = name.lower().partition("/")[0]
        return not self._only or bool({name.lower(), f"{owner}/*"} & set(self._only))

    def _scope(self) -> list[str]:
        """What keeps a search within the repositories that may be asked for."""
        return [f"user:{each[:-2]}" if each.endswith("/*") else f"repo:{each}" for each in self._only]


def _headers(token: str) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {token}", "X-GitHub-Api-Version": "2022-11-28"}


def _path(path: str) -> str:
    parts = [part for part in path.split("/") if part and part != "."]
    if ".." in parts:
        raise ToolRetry(f"{path!r} leads out of the repository")
    return "/".join(quote(part, safe="") for part in parts)


def _marked(body: str, ctx: Context[Any]) -> str:
    made = f"{body}\n\n{MARK.format(mark_of(ctx))}"
    if len(made) > _LONGEST:
        raise ToolRetry(f"the text is longer than GitHub takes ({_LONGEST:,} characters)")
    return made


def _next(answer: "Page") -> str:
    found = _NEXT.search(answer.headers.get("link", ""))
    return found[1] if found else ""


def _more(answer: "Page") -> Json:
    return {"more": f"ask for page {page}"} if (page := _next(answer)) else {}
