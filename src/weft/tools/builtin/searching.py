"""``web_search`` over a search engine of your choice: SearXNG, Tavily, Brave, DuckDuckGo."""

import os
import re
from collections.abc import Mapping
from html import unescape
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, cast
from urllib.parse import parse_qs, urlsplit

import msgspec
from msgspec import Struct

from weft.errors import ToolFailed, UsageError
from weft.security.addresses import Reach
from weft.tools.base import Tool
from weft.tools.function import tool

if TYPE_CHECKING:
    from weft.tools.web import Page

Engine: TypeAlias = Literal["searxng", "tavily", "brave", "duckduckgo"]


class Hit(Struct, frozen=True):
    """One result."""

    title: str
    url: str
    snippet: str = ""


class Search(Protocol):
    """A search engine: what to ask, and how to read the answer."""

    def question(self, query: str, count: int) -> tuple[str, str, Mapping[str, Any]]:
        """Method, address, and further arguments of the request."""
        ...

    def hits(self, page: "Page") -> list[Hit]: ...


def web_search(
    engine: "Engine | Search" = "duckduckgo",
    *,
    key: str | None = None,
    base_url: str | None = None,
    count: int = 8,
    seconds: float = 20.0,
) -> Tool:
    """A tool that searches the web.

    ``key`` is the name of an environment variable, if not ``TAVILY_API_KEY`` or ``BRAVE_API_KEY``; ``base_url`` is
    where your SearXNG answers (else ``SEARXNG_URL``), or another place for one of the others.

    Raises:
        UsageError: there is no such engine.
    """
    made = _ENGINES[engine](key, base_url) if isinstance(engine, str) and engine in _ENGINES else engine
    if isinstance(made, str):
        raise UsageError(f"there is no search engine {made!r}; there are {', '.join(_ENGINES)}")

    async def web_search(query: str) -> list[Hit]:
        """Search the web; titles, addresses and a few words of the best pages.

        Args:
            query: What to look for, as you would type it into a search engine.
        """
        from weft.tools.web import Web  # noqa: PLC0415  # aiohttp, for those who search

        method, url, more = made.question(query, count)
        page = await Web(Reach([urlsplit(url).hostname or ""]), seconds=seconds).ask(method, url, **more)
        if page.status != 200:
            raise ToolFailed(f"the search engine answered {page.status}: {page.text[:300]}")
        try:
            return made.hits(page)[:count]
        except (msgspec.MsgspecError, LookupError) as error:
            raise ToolFailed(f"the search engine's answer cannot be read: {error}") from None

    return tool(web_search, effect="read", timeout=seconds + 10).tool


class SearXNG:
    """A SearXNG of yours, with JSON among its formats."""

    def __init__(self, key: str | None, base_url: str | None) -> None:
        self._base = base_url

    def question(self, query: str, count: int) -> tuple[str, str, Mapping[str, Any]]:
        base = self._base or os.environ.get("SEARXNG_URL", "")
        if not base:
            raise ToolFailed("no SearXNG is known here: set SEARXNG_URL, or give base_url")
        return "GET", f"{base.rstrip('/')}/search", {"params": {"q": query, "format": "json"}}

    def hits(self, page: "Page") -> list[Hit]:
        class Answer(Struct):
            results: list[dict[str, Any]]

        found = msgspec.json.decode(page.body, type=Answer).results
        return [Hit(_plain(each["title"]), each["url"], _plain(each.get("content") or "")) for each in found]


class Tavily:
    def __init__(self, key: str | None, base_url: str | None) -> None:
        self._key, self._base = key or "TAVILY_API_KEY", base_url or "https://api.tavily.com"

    def question(self, query: str, count: int) -> tuple[str, str, Mapping[str, Any]]:
        told = {"query": query, "max_results": count}
        return "POST", f"{self._base}/search", {"json": told, "headers": {"Authorization": f"Bearer {_key(self._key)}"}}

    def hits(self, page: "Page") -> list[Hit]:
        found: list[Any] = msgspec.json.decode(page.body)["results"]
        return [Hit(each["title"], each["url"], each.get("content") or "") for each in found]


class Brave:
    def __init__(self, key: str | None, base_url: str | None) -> None:
        self._key, self._base = key or "BRAVE_API_KEY", base_url or "https://api.search.brave.com"

    def question(self, query: str, count: int) -> tuple[str, str, Mapping[str, Any]]:
        headers = {"X-Subscription-Token": _key(self._key), "Accept": "application/json"}
        params = {"q": query, "count": min(count, 20)}
        return "GET", f"{self._base}/res/v1/web/search", {"params": params, "headers": headers}

    def hits(self, page: "Page") -> list[Hit]:
        answer: Any = msgspec.json.decode(page.body)
        found: list[Any] = answer.get("web", {}).get("results", [])
        return [Hit(_plain(each["title"]), each["url"], _plain(each.get("description") or "")) for each in found]


class DuckDuckGo:
    """Its page for browsers without scripts: no key, and no promise."""

    def __init__(self, key: str | None, base_url: str | None) -> None:
        self._base = base_url or "https://html.duckduckgo.com"

    def question(self, query: str, count: int) -> tuple[str, str, Mapping[str, Any]]:
        return "POST", f"{self._base}/html/", {"data": {"q": query}}

    def hits(self, page: "Page") -> list[Hit]:
        if page.status == 202 or "anomaly-modal" in page.text:
            raise ToolFailed("DuckDuckGo takes us for a robot: try later, or use another engine")
        blocks = re.split(r'<div[^>]+class="[^"]*\bresult\b[^"]*"', page.text)[1:]
        return [hit for block in blocks if (hit := _of_block(block)) is not None]


_LINK = re.compile(r'<a[^>]+class="result__a"[^>]+href="([^"]+)"[^>]*>(.*?)</a>', re.DOTALL)
_SNIPPET = re.compile(r'class="result__snippet"[^>]*>(.*?)</a>', re.DOTALL)


def _of_block(block: str) -> Hit | None:
    link = _LINK.search(block)
    if link is None or "/y.js?" in link[1]:  # an advertisement
        return None
    href = unescape(link[1])
    target = parse_qs(urlsplit(href).query).get("uddg", [href])[0]
    words = _SNIPPET.search(block)
    return Hit(_plain(link[2]), target, _plain(words[1]) if words else "")


def _plain(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", "", html)).split())


def _key(variable: str) -> str:
    if not (key := os.environ.get(variable, "").strip()):
        raise ToolFailed(f"{variable} is not set in the environment of this server")
    return key


_ENGINES = cast("dict[str, Any]", {"searxng": SearXNG, "tavily": Tavily, "brave": Brave, "duckduckgo": DuckDuckGo})
