"""What GitHub answers, as far as tools need it, and what of that a model is told."""

from msgspec import Struct

from weft.messages import Json
from weft.tools.builtin.api import inner


class User(Struct, frozen=True):
    login: str = "?"


class Label(Struct, frozen=True):
    name: str = ""


NOBODY = User()


class Issue(Struct, frozen=True):
    number: int
    title: str
    html_url: str
    state: str
    user: User | None = NOBODY
    labels: list[Label] = []
    comments: int = 0
    created_at: str = ""
    body: str | None = None
    pull_request: Json | None = None


class Comment(Struct, frozen=True):
    html_url: str
    user: User | None = NOBODY
    created_at: str = ""
    body: str | None = None


class Branch(Struct, frozen=True):
    ref: str
    sha: str = ""


class Pull(Struct, frozen=True):
    number: int
    title: str
    html_url: str
    state: str
    head: Branch
    base: Branch
    user: User | None = NOBODY
    merged: bool = False
    draft: bool = False
    body: str | None = None


class Change(Struct, frozen=True):
    filename: str
    status: str
    additions: int = 0
    deletions: int = 0
    patch: str = ""


class Entry(Struct, frozen=True):
    name: str
    type: str
    size: int = 0


class File(Struct, frozen=True):
    path: str
    type: str = "file"
    size: int = 0
    encoding: str = ""
    content: str = ""
    html_url: str | None = None


class Search(Struct, frozen=True):
    total_count: int
    items: list[Json]


def name_of(user: User | None) -> str:
    return user.login if user is not None else "ghost"


def told_issue(issue: Issue) -> Json:
    told = {"number": issue.number, "title": issue.title, "url": issue.html_url, "state": issue.state}
    told |= {"author": name_of(issue.user), "created": issue.created_at, "comments": issue.comments}
    told |= {"labels": [label.name for label in issue.labels]} if issue.labels else {}
    return told | ({"pull_request": True} if issue.pull_request else {})


def told_comment(comment: Comment) -> Json:
    return {"author": name_of(comment.user), "at": comment.created_at, "body": comment.body or ""}


def told_item(kind: str, item: Json) -> Json:
    """What of a search's item says something."""
    told = {name: item.get(name) for name in _TOLD[kind]}
    return told | ({} if kind == "repositories" else {"repository": repository_of(kind, item)})


_TOLD = {
    "issues": ("number", "title", "html_url", "state", "comments", "created_at"),
    "code": ("path", "html_url"),
    "repositories": ("full_name", "description", "html_url", "stargazers_count"),
}


def repository_of(kind: str, item: Json) -> str:
    """``owner/name`` of a search's item."""
    if kind == "issues":
        return str(item.get("repository_url", "")).rpartition("/repos/")[2]
    return str((inner(item, "repository") if kind == "code" else item).get("full_name", ""))
