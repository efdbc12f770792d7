"""``Arxiv``: find papers, and read what arXiv knows of them, by its query interface."""

import re
from collections.abc import Sequence
from typing import Any
from xml.etree.ElementTree import Element

from msgspec import Struct

from weft.engine.context import Context
from weft.errors import ToolFailed, ToolRetry
from weft.tools.base import Tool
from weft.tools.builtin.api import Api, reads

_ATOM, _ARXIV = "{http://www.w3.org/2005/Atom}", "{http://arxiv.org/schemas/atom}"
_TOTAL = "{http://a9.com/-/spec/opensearch/1.1/}totalResults"
_FIELD = re.compile(r"\b(ti|au|abs|co|jr|cat|rn|id|all):")
_WORDS = re.compile(r'"([^"]+)"|(\S+)')
_ID = re.compile(r"(\d{4}\.\d{4,5}|[a-z-]+(\.[A-Z]{2})?/\d{7})(v\d+)?")

PAUSE = 3.0
"""Seconds between two requests, as arXiv's terms of use for its interfaces ask for."""


class Paper(Struct, frozen=True, omit_defaults=True):
    """What arXiv knows of a paper."""

    id: str
    title: str
    authors: list[str]
    url: str
    pdf: str
    published: str
    updated: str
    categories: list[str]
    summary: str
    comment: str = ""
    journal: str = ""
    doi: str = ""


class Papers(Struct, frozen=True, omit_defaults=True):
    """Some of what was found."""

    total: int
    papers: list[Paper]
    more: str = ""


class Arxiv:
    """``arxiv_search`` and ``arxiv_paper``; ``base_url`` is another place with the same interface."""

    def __init__(
        self,
        *,
        base_url: str = "https://export.arxiv.org/api",
        count: int = 10,
        seconds: float = 30.0,
        pause: float = PAUSE,
    ) -> None:
        self._count = count
        self._api = Api("arXiv", base_url, seconds=seconds, pause=pause, said=lambda page: _error(page.text))
        self._made: list[Tool] | None = None

    def __repr__(self) -> str:
        return f"Arxiv({self._api.base!r})"

    async def tools(self, ctx: Context[Any]) -> Sequence[Tool]:
        if self._made is None:
            self._made = reads(self._api.timeout, self.arxiv_search, self.arxiv_paper)
        return self._made

    async def arxiv_search(self, query: str, ctx: Context[Any], newest: bool = False, start: int = 0) -> Papers:
        """Search arXiv for scientific papers.

        Args:
            query: Words that must all be there, or fields such as: ti:"quantum walk" AND au:Kempe AND cat:quant-ph.
            newest: The newest first, not those that fit best.
            start: How many to leave out, to see more of what was found.
        """
        if not (asked := _asked(query)):
            raise ToolRetry("say what to look for")
        order = {"sortBy": "submittedDate" if newest else "relevance", "sortOrder": "descending"}
        page = {"search_query": asked, "start": max(0, start), "max_results": self._count}
        return await self._papers({**page, **order}, ctx, start=max(0, start))

    async def arxiv_paper(self, id: str, ctx: Context[Any]) -> Paper:
        """What arXiv knows of one paper: authors, abstract, links.

        Args:
            id: Such as "2305.10601", "2305.10601v2" or "quant-ph/0303081"; its address is fine too.
        """
        wanted = re.sub(
            r"^(https?://(www\.|export\.)?arxiv\.org/(abs|pdf|html)/|arxiv:)|\.pdf$", "", id.strip(), flags=re.I
        )
        if not _ID.fullmatch(wanted):
            raise ToolRetry(f"{id!r} is no id of arXiv; they are like 2305.10601 or quant-ph/0303081")
        found = await self._papers({"id_list": wanted, "max_results": 1}, ctx)
        if not found.papers:
            raise ToolRetry(f"arXiv has no paper {wanted}")
        return found.papers[0]

    async def _papers(self, asked: dict[str, Any], ctx: Context[Any], start: int = 0) -> Papers:
        feed = self._api.xml(await self._api.read("/query", asked, ctx=ctx, accept="application/atom+xml"))
        if feed.tag != f"{_ATOM}feed":
            raise ToolFailed("the answer of arXiv cannot be read: it is no Atom feed")
        entries = feed.findall(f"{_ATOM}entry")
        for entry in entries:
            if "/api/errors" in _text(entry, f"{_ATOM}id"):
                raise ToolRetry(f"arXiv answered: {_text(entry, f'{_ATOM}summary')}")
        papers = [_paper(entry) for entry in entries if entry.find(f"{_ATOM}title") is not None]
        told = _text(feed, _TOTAL)
        total, seen = int(told) if told.isdigit() else len(papers), start + len(papers)
        return Papers(total, papers, f"ask with start={seen} for more" if papers and seen < total else "")


def _paper(entry: Element) -> Paper:
    url = _text(entry, f"{_ATOM}id").replace("http://", "https://", 1)
    links = {link.get("title", link.get("rel", "")): link.get("href", "") for link in entry.findall(f"{_ATOM}link")}
    return Paper(
        id=url.partition("/abs/")[2] or url,
        title=_text(entry, f"{_ATOM}title"),
        authors=[_text(author, f"{_ATOM}name") for author in entry.findall(f"{_ATOM}author")],
        url=url,
        pdf=links.get("pdf", "").replace("http://", "https://", 1),
        published=_text(entry, f"{_ATOM}published"),
        updated=_text(entry, f"{_ATOM}updated"),
        categories=[each.get("term", "") for each in entry.findall(f"{_ATOM}category")],
        summary=_text(entry, f"{_ATOM}summary"),
        comment=_text(entry, f"{_ARXIV}comment"),
        journal=_text(entry, f"{_ARXIV}journal_ref"),
        doi=_text(entry, f"{_ARXIV}doi"),
    )


def _text(element: Element, name: str) -> str:
    return " ".join((element.findtext(name) or "").split())


def _asked(query: str) -> str:
    """
    >>> _asked('"tree of thoughts" language'), _asked("au:Kempe")
    ('all:"tree of thoughts" AND all:language', 'au:Kempe')
    """
    if _FIELD.search(query):
        return query
    words = [f'"{phrase}"' if phrase else re.sub(r'["():]', "", word) for phrase, word in _WORDS.findall(query)]
    return " AND ".join(f"all:{word}" for word in words if word and word not in ("AND", "OR", "ANDNOT"))


def _error(text: str) -> str:
    found = re.search(r"<summary>(.*?)</summary>", text, re.S)
    return found[1] if found else text[:300]
