"""arXiv over real HTTP: the feeds are those that its manual documents."""

import asyncio
import json
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest
from aiohttp import web

from tests.tools.loopback import Asked, Loopback, call, loopback, refused
from weft.engine.context import Context
from weft.errors import ToolFailed, ToolRetry
from weft.tools.builtin.arxiv import Arxiv

FEED = """<?xml version="1.0" encoding="UTF-8"?>
<feed xmlns="http://www.w3.org/2005/Atom">
  <title type="html">ArXiv Query: search_query=all:x</title>
  <opensearch:totalResults xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/">{total}</opensearch:totalResults>
  {entries}
</feed>"""
ENTRY = """<entry>
    <id>http://arxiv.org/abs/hep-ex/0307015v1</id>
    <updated>2003-07-07T13:46:39-04:00</updated><published>2003-07-07T13:46:39-04:00</published>
    <title>Multi-Electron Production
      at High Transverse Momenta</title>
    <summary>  Multi-electron production is &lt;studied&gt;. </summary>
    <author><name>H1 Collaboration</name></author><author><name>A. Person</name></author>
    <arxiv:comment xmlns:arxiv="http://arxiv.org/schemas/atom">23 pages</arxiv:comment>
    <arxiv:journal_ref xmlns:arxiv="http://arxiv.org/schemas/atom">Eur.Phys.J. C31 (2003) 17-29</arxiv:journal_ref>
    <arxiv:doi xmlns:arxiv="http://arxiv.org/schemas/atom">10.1140/epjc/s2003-01326-x</arxiv:doi>
    <link href="http://arxiv.org/abs/hep-ex/0307015v1" rel="alternate" type="text/html"/>
    <link title="pdf" href="http://arxiv.org/pdf/hep-ex/0307015v1" rel="related" type="application/pdf"/>
    <arxiv:primary_category xmlns:arxiv="http://arxiv.org/schemas/atom" term="hep-ex"/>
    <category term="hep-ex" scheme="http://arxiv.org/schemas/atom"/></entry>"""
ERROR = """<entry><id>http://arxiv.org/api/errors#incorrect_id_format_for_1234</id><title>Error</title>
    <summary>incorrect id format for 1234</summary></entry>"""


def query(asked: Asked) -> Any:
    match asked.query.get("id_list") or asked.query["search_query"]:
        case "2305.10601":
            return FEED.format(total=0, entries="")
        case "hep-ex/0307015v1" | "all:electron" | 'all:"many electrons" AND all:beams' | "au:Person AND ti:x":
            return FEED.format(total=21, entries=ENTRY)
        case "all:bad":
            return web.Response(status=400, text=FEED.format(total=1, entries=ERROR))
        case "all:worse":
            return FEED.format(total=1, entries=ERROR)
        case "all:bomb":
            return '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><feed>&b;</feed>'
        case "all:html":
            return "<html><body/></html>"
        case "all:cut":
            return FEED[:80]
        case "all:later":
            return refused(503, "Rate exceeded.", Retry_After="300")
        case _:
            raise AssertionError(asked.query)


@pytest.fixture
async def here() -> AsyncIterator[Loopback]:
    async with loopback({"GET /api/query": query}) as running:
        yield running


def arxiv(here: Loopback, pause: float = 0.0) -> Arxiv:
    return Arxiv(base_url=f"{here.url}/api", count=1, pause=pause)


async def test_a_paper(here: Loopback, ctx: Context[Any]) -> None:
    for id in ("hep-ex/0307015v1", "https://arxiv.org/abs/hep-ex/0307015v1", "arXiv:hep-ex/0307015v1"):
        found = json.loads((await call(arxiv(here), "arxiv_paper", ctx, id=id)).content)
        assert found == {
            "id": "hep-ex/0307015v1",
            "title": "Multi-Electron Production at High Transverse Momenta",
            "authors": ["H1 Collaboration", "A. Person"],
            "url": "https://arxiv.org/abs/hep-ex/0307015v1",
            "pdf": "https://arxiv.org/pdf/hep-ex/0307015v1",
            "published": "2003-07-07T13:46:39-04:00",
            "updated": "2003-07-07T13:46:39-04:00",
            "categories": ["hep-ex"],
            "summary": "Multi-electron production is <studied>.",
            "comment": "23 pages",
            "journal": "Eur.Phys.J. C31 (2003) 17-29",
            "doi": "10.1140/epjc/s2003-01326-x",
        }
    with pytest.raises(ToolRetry, match=r"has no paper 2305\.10601"):
        await call(arxiv(here), "arxiv_paper", ctx, id="2305.10601")
    with pytest.raises(ToolRetry, match="is no id of arXiv"):
        await call(arxiv(here), "arxiv_paper", ctx, id="2305.10601&max_results=9")


async def test_search(here: Loopback, ctx: Context[Any]) -> None:
    found = json.loads((await call(arxiv(here), "arxiv_search", ctx, query="electron", start=4)).content)
    assert (found["total"], found["more"]) == (21, "ask with start=5 for more")
    assert here.asked[-1].query["start"] == "4"
    assert here.asked[-1].query["sortBy"] == "relevance"
    await call(arxiv(here), "arxiv_search", ctx, query='"many electrons" AND (beams)', newest=True)
    assert here.asked[-1].query["sortBy"] == "submittedDate"
    await call(arxiv(here), "arxiv_search", ctx, query="au:Person AND ti:x")


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        ("bad", ToolRetry, "incorrect id format for 1234"),
        ("worse", ToolRetry, "incorrect id format for 1234"),
        ("bomb", ToolFailed, "has a DOCTYPE"),
        ("html", ToolFailed, "no Atom feed"),
        ("cut", ToolFailed, "cannot be read"),
        ("later", ToolFailed, "wants no more requests for 300 s: Rate exceeded"),
        (" ", ToolRetry, "say what to look for"),
    ],
)
async def test_what_goes_wrong(words: str, error: Any, said: str, here: Loopback, ctx: Context[Any]) -> None:
    with pytest.raises(error, match=said):
        await call(arxiv(here), "arxiv_search", ctx, query=words)


async def test_one_after_the_other(here: Loopback, ctx: Context[Any]) -> None:
    """However many ask at once: their requests keep the distance that arXiv asks for."""
    polite = arxiv(here, pause=0.15)
    await asyncio.gather(*(call(polite, "arxiv_search", ctx, query="electron") for _ in range(3)))
    times = [asked.at for asked in here.asked]
    assert all(later - earlier >= 0.14 for earlier, later in pairwise(times))
