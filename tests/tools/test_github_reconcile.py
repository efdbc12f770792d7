"""Writing to GitHub whose answer is lost: what was written is looked for, in lists that come as GitHub's do."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.tools.loopback import Asked, Loopback, loopback, refused
from weft import Agent, App
from weft.models.scripted import Scripted, call
from weft.tools.builtin.github import GitHub

ISSUES, COMMENTS = "/repos/octo/world/issues", "/repos/octo/world/issues/7/comments"


def made(number: int, at: str, body: str, **more: Any) -> dict[str, Any]:
    return {
        "number": number, "title": f"t{number}", "html_url": f"https://git.example/{number}", "state": "open",
        "user": {"login": "octocat"}, "created_at": at, "updated_at": at, "body": body, **more,
    }  # fmt: skip


class Lists:
    """Issues and comments: filtered by ``since``, in pages, the issues newest first and the comments oldest first.

    After https://docs.github.com/en/rest/issues: of an issue's comments the order cannot be chosen.
    """

    def __init__(self) -> None:
        self.kept: dict[str, list[dict[str, Any]]] = {ISSUES: [], COMMENTS: []}
        self.lost, self.others, self.broken = False, 0, False

    def listed(self, asked: Asked) -> web.Response:
        if self.broken:
            return refused(500, "<html>down</html>")
        found = [each for each in self.kept[asked.path] if each["updated_at"] >= asked.query["since"]]
        if asked.path == ISSUES:
            assert (asked.query["state"], asked.query["sort"], asked.query["direction"]) == ("all", "created", "desc")
            found.reverse()
        page, size = int(asked.query["page"]), min(int(asked.query["per_page"]), 100)
        last = -(-len(found) // size)
        there = {"prev": page - 1, "next": page + 1, "last": last, "first": 1}
        links = [
            f'<https://api.git.example/repositories/1/issues?state=all&per_page={size}&page={number}>; rel="{name}"'
            for name, number in there.items()
            if 1 <= number <= last and not (name == "last" and page == last)
        ]
        headers = {"Link": ", ".join(links)} if links else {}
        return web.json_response(found[(page - 1) * size : page * size], headers=headers)

    def posted(self, asked: Asked) -> web.Response:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        kept = self.kept[asked.path]
        if not self.lost:
            kept.append(made(1000, now, asked.json["body"]))
        kept += [made(1001 + n, now, "somebody else's") for n in range(self.others)]
        return refused(502, "<html>Bad gateway</html>")


@pytest.fixture
def lists() -> Lists:
    return Lists()


@pytest.fixture
async def here(lists: Lists) -> AsyncIterator[Loopback]:
    answers = {f"{method} {path}": answer for path in (ISSUES, COMMENTS)
               for method, answer in (("GET", lists.listed), ("POST", lists.posted))}  # fmt: skip
    async with loopback(answers) as running:
        yield running


WRITES = {
    ISSUES: call("github_create_issue", repository="octo/world", title="New", body="It breaks."),
    COMMENTS: call("github_comment", repository="octo/world", number=7, body="It breaks."),
}


async def run(here: Loopback, place: str, path: Path) -> Any:
    tools = GitHub(base_url=here.url, write=True)
    agent = Agent("desk", model=Scripted([WRITES[place], "Done."], order="turn"), tools=[tools])
    async with App(agents=[agent], store=f"sqlite:///{path}/weft.db") as app:
        return await app.run(agent, "Tell them")


def result(run: Any) -> Any:
    (found,) = [part for message in run.messages for part in message.tool_results]
    return found


@pytest.mark.parametrize("place", [ISSUES, COMMENTS])
@pytest.mark.parametrize("others", [0, 99, 250])
async def test_it_is_found_among_what_others_wrote(
    place: str, others: int, lists: Lists, here: Loopback, tmp_path: Path
) -> None:
    """Page after page, but only of what is as old as the run; what others wrote before is not sent at all."""
    lists.others = others
    lists.kept[place] = [made(n, "2020-01-01T00:00:00Z", "It breaks.") for n in range(500)]
    ended = await run(here, place, tmp_path)
    assert (ended.output, result(ended).failed) == ("Done.", False)
    assert json.loads(result(ended).content)["url"] == "https://git.example/1000"
    assert [asked.method for asked in here.asked].count("POST") == 1
    assert sum("It breaks." in each["body"] for each in lists.kept[place]) == 501
    looked = [asked.query["page"] for asked in here.asked if asked.method == "GET"]
    assert looked == [str(n + 1) for n in range(others // 100 + 1 if place == ISSUES else 1)]


@pytest.mark.parametrize("place", [ISSUES, COMMENTS])
async def test_it_is_not_there(place: str, lists: Lists, here: Loopback, tmp_path: Path) -> None:
    """All pages were seen, so it was not written; the model is told, and may write it again."""
    lists.lost, lists.others = True, 250
    ended = await run(here, place, tmp_path)
    assert (ended.output, result(ended).failed) == ("Done.", True)
    assert "502" in result(ended).content
    assert len([asked for asked in here.asked if asked.method == "GET"]) == 3


@pytest.mark.parametrize("place", [ISSUES, COMMENTS])
@pytest.mark.parametrize("why", ["too much", "down"])
async def test_where_it_cannot_be_known_a_person_says(
    place: str, why: str, lists: Lists, here: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weft.tools.builtin.github._PAGES", 2)
    lists.lost, lists.others, lists.broken = True, 250, why == "down"
    ended = await run(here, place, tmp_path)
    (question,) = ended.questions
    assert (question.kind, question.payload["tool"]) == ("outcome", WRITES[place].name)
    assert ("than can be looked through" if why == "too much" else "answered 500") in question.payload["question"]
    assert [asked.method for asked in here.asked].count("POST") == 1
