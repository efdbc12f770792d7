"""Wikipedia over real HTTP: the answers are those that its Action API documents."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.tools.loopback import Asked, Loopback, call, loopback, refused
from weft.engine.context import Context
from weft.errors import ToolFailed, ToolRetry, UsageError
from weft.tools.builtin.wikipedia import Wikipedia

GENERAL = {"server": "//en.wikipedia.org", "articlepath": "/wiki/$1", "sitename": "Wikipedia"}
HITS = [
    {"ns": 0, "title": "Ada Lovelace", "pageid": 974, "wordcount": 8000,
     "snippet": '<span class="searchmatch">Ada</span> &amp; the engine'},
    {"ns": 0, "title": "C++ (what?)", "pageid": 975, "wordcount": 2, "snippet": ""},
]  # fmt: skip
ADA = {
    "pageid": 974, "ns": 0, "title": "Ada Lovelace", "fullurl": "https://en.wikipedia.org/wiki/Ada_Lovelace",
    "extract": "Ada was a mathematician.\n\n\n== Life ==\nShe was born in London.\n\n\n=== Work ===\nNotes.",
}  # fmt: skip


def article(query: dict[str, str]) -> Any:
    if query.get("srsearch"):
        return {"batchcomplete": True, "query": {"general": GENERAL, "search": HITS}}
    page = ADA | ({"extract": "Ada was a mathematician."} if "exintro" in query else {})
    return {"batchcomplete": True, "query": {"redirects": [{"from": "Ada", "to": "x"}], "pages": [page]}}


def plain(query: dict[str, str]) -> Any:
    """A wiki without TextExtracts."""
    if query["action"] == "parse":
        return {"parse": {"title": "Plain", "text": f"<p>Some <b>words</b>{query.get('section', '')}</p>"}}
    unknown = {"query": {"warnings": 'Unrecognized value for parameter "prop": extracts'}}
    page = {"ns": 0, "title": "Plain", "fullurl": "https://wiki.example/Plain"}
    return {"warnings": unknown, "query": {"pages": [page]}}


SEVERAL = {**ADA, "title": "Mercury", "pageprops": {"disambiguation": ""}, "extract": "Planet or metal."}
INVALID = {"title": "<>", "invalid": True, "invalidreason": 'contains invalid characters: "<"'}
LATE = {"error": {"code": "maxlag", "info": "Waiting for 10.64.48.35: 5.5 seconds lagged.", "lag": 5.5}}
ANSWERS: dict[str, Any] = {
    "Ada": article,
    "Plain": plain,
    "Mercury": lambda _: {"query": {"pages": [SEVERAL]}},
    "Nobody": lambda _: {"query": {"pages": [{"ns": 0, "title": "Nobody", "missing": True}]}},
    "<>": lambda _: {"query": {"pages": [INVALID]}},
    "busy": lambda _: refused(200, LATE, Retry_After="5"),
    "broken": lambda _: "<html>",
    "odd": lambda _: {"query": {"pages": [], "search": [{"title": 3}]}},
    "": lambda _: {"error": {"code": "missingparam", "info": 'The "titles" parameter must be set.'}},
}


def api(asked: Asked) -> Any:
    query = asked.query
    return ANSWERS[query.get("titles") or query.get("page") or query.get("srsearch") or ""](query)


@pytest.fixture
async def here() -> AsyncIterator[Loopback]:
    async with loopback({"GET /w/api.php": api}) as running:
        yield running


async def test_search(here: Loopback, ctx: Context[Any]) -> None:
    wiki = Wikipedia(base_url=f"{here.url}/w", contact="ada@example.com", count=2)
    found = json.loads((await call(wiki, "wikipedia_search", ctx, query="Ada")).content)
    assert found == [
        {"title": "Ada Lovelace", "url": "https://en.wikipedia.org/wiki/Ada_Lovelace", "snippet": "Ada & the engine",
         "words": 8000},
        {"title": "C++ (what?)", "url": "https://en.wikipedia.org/wiki/C%2B%2B_(what%3F)", "snippet": "", "words": 2},
    ]  # fmt: skip
    (asked,) = here.asked
    assert asked.headers["User-Agent"] == "weft/0.1 (ada@example.com)"
    assert (asked.query["srlimit"], asked.query["formatversion"]) == ("2", "2")


async def test_articles(here: Loopback, ctx: Context[Any]) -> None:
    wiki = Wikipedia(base_url=f"{here.url}/w")
    head = "https://en.wikipedia.org/wiki/Ada_Lovelace\nAda Lovelace\n\nAda was a mathematician."
    assert (await call(wiki, "wikipedia_summary", ctx, title="Ada")).content == head
    whole = (await call(wiki, "wikipedia_page", ctx, title="Ada")).content
    assert whole == f"{head}\n\n## Life\nShe was born in London.\n\n### Work\nNotes."
    assert "several meanings" in (await call(wiki, "wikipedia_summary", ctx, title="Mercury")).content
    assert (await call(wiki, "wikipedia_page", ctx, title="Plain")).content == (
        "https://wiki.example/Plain\nPlain\n\nSome words"
    )
    assert (await call(wiki, "wikipedia_summary", ctx, title="Plain")).content.endswith("Some words0")
    assert all(each.effect == "read" and not each.trusted for each in await wiki.tools(ctx))


@pytest.mark.parametrize(
    ("title", "error", "words"),
    [
        ("Nobody", ToolRetry, "no article 'Nobody': search for its title"),
        ("<>", ToolRetry, "contains invalid characters"),
        ("busy", ToolFailed, "maxlag: Waiting for"),
        ("broken", ToolFailed, "cannot be read: JSON is malformed"),
        ("odd", ToolFailed, "cannot be read"),
        ("", ToolRetry, "missingparam"),
    ],
)
async def test_what_goes_wrong(title: str, error: Any, words: str, here: Loopback, ctx: Context[Any]) -> None:
    with pytest.raises(error, match=words) as caught:
        await call(Wikipedia(base_url=f"{here.url}/w"), "wikipedia_page", ctx, title=title)
    assert type(caught.value) is error


async def test_languages(here: Loopback, ctx: Context[Any]) -> None:
    wiki = Wikipedia(base_url=f"{here.url}/{{language}}", language="de")
    with pytest.raises(ToolRetry, match="404"):
        await call(wiki, "wikipedia_search", ctx, query="Ada")
    with pytest.raises(ToolRetry, match="404"):
        await call(wiki, "wikipedia_search", ctx, query="Ada", language="zh-yue")
    assert [asked.path for asked in here.asked] == ["/de/api.php", "/zh-yue/api.php"]
    for bad in ("evil.example/", "DE", "de@evil", "../x"):
        with pytest.raises(ToolRetry, match="no language"):
            await call(wiki, "wikipedia_search", ctx, query="Ada", language=bad)
        with pytest.raises(UsageError):
            Wikipedia(language=bad)
    with pytest.raises(ToolRetry, match="leave it out"):
        await call(Wikipedia(base_url=f"{here.url}/w"), "wikipedia_search", ctx, query="Ada", language="de")
    assert len(here.asked) == 2
