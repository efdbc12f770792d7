"""``Wikipedia``: search and read an encyclopedia, or any other wiki that runs MediaWiki, by its Action API."""

import re
from collections.abc import Sequence
from html import unescape
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import Struct

from weft.engine.context import Context
from weft.errors import ToolFailed, ToolRetry, UsageError
from weft.tools.base import Tool
from weft.tools.builtin.api import AGENT, Api, reads

_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z]{2,10}){0,2}|simple")


class Found(Struct, frozen=True):
    """An article that fits."""

    title: str
    url: str
    snippet: str
    words: int


class _Page(Struct, frozen=True):
    title: str = ""
    extract: str | None = None
    missing: bool = False
    invalid: bool = False
    invalidreason: str = ""
    pageprops: dict[str, Any] = {}
    fullurl: str = ""


class Wikipedia:
    """``wikipedia_search``, ``wikipedia_summary`` and ``wikipedia_page``.

    ``base_url`` is the folder of a wiki's ``api.php``; ``{language}`` in it is what a model may choose, else
    ``language``. ``contact`` is an address or a page of yours, which the Wikimedia Foundation asks for from whoever
    reads much: https://foundation.wikimedia.org/wiki/Policy:Wikimedia_Foundation_User-Agent_Policy

    Raises:
        UsageError: the language is no code such as ``en``.
    """

    def __init__(
        self,
        *,
        language: str = "en",
        base_url: str = "https://{language}.wikipedia.org/w",
        contact: str = "",
        count: int = 8,
        seconds: float = 20.0,
    ) -> None:
        if not _LANGUAGE.fullmatch(language):
            raise UsageError(f"{language!r} is no code of a language: such as en, de or zh-yue")
        if any(ord(c) < 32 for c in contact):
            raise UsageError("contact is one line")
        self._language, self._base, self._count = language, base_url, count
        self._seconds, self._agent = seconds, f"{AGENT} ({contact})" if contact else AGENT
        self._apis: dict[str, Api] = {}
        self._made: list[Tool] | None = None

    def __repr__(self) -> str:
        return f"Wikipedia({self._base!r})"

    async def tools(self, ctx: Context[Any]) -> Sequence[Tool]:
        if self._made is None:
            timeout = 2 * self._api("").timeout
            self._made = reads(timeout, self.wikipedia_search, self.wikipedia_summary, self.wikipedia_page)
        return self._made

    async def wikipedia_search(self, query: str, ctx: Context[Any], language: str = "") -> list[Found]:
        """Search Wikipedia; titles, addresses and a few words of the best articles.

        Args:
            query: What to look for.
            language: Code of the Wikipedia to ask, such as "de", if not the usual one.
        """
        api = self._api(language)
        asked = {"list": "search", "srsearch": query, "srlimit": self._count, "srprop": "snippet|wordcount"}
        site = {"meta": "siteinfo", "siprop": "general"}
        answer = await self._ask(api, {"action": "query", **asked, **site}, ctx)
        try:
            where = answer["query"]["general"]
            base = str(where["server"]) + str(where["articlepath"])
            base = f"https:{base}" if base.startswith("//") else base
            return [
                Found(each["title"], base.replace("$1", _slug(each["title"])), _plain(each.get("snippet", "")),
                      int(each.get("wordcount", 0)))
                for each in answer["query"]["search"]
            ]  # fmt: skip
        except (LookupError, TypeError, ValueError) as error:
            raise ToolFailed(f"the answer of {api.name} cannot be read: {error!r}") from None

    async def wikipedia_summary(self, title: str, ctx: Context[Any], language: str = "") -> str:
        """What an article of Wikipedia says in short: all that stands before its first heading.

        Args:
            title: Of the article; other spellings that Wikipedia knows lead to it.
            language: Code of the Wikipedia to ask, such as "de", if not the usual one.
        """
        return await self._read(title, ctx, language, intro=True)

    async def wikipedia_page(self, title: str, ctx: Context[Any], language: str = "") -> str:
        """A whole article of Wikipedia as text.

        Args:
            title: Of the article; other spellings that Wikipedia knows lead to it.
            language: Code of the Wikipedia to ask, such as "de", if not the usual one.
        """
        return await self._read(title, ctx, language, intro=False)

    async def _read(self, title: str, ctx: Context[Any], language: str, *, intro: bool) -> str:
        api = self._api(language)
        asked: dict[str, Any] = {"prop": "extracts|info|pageprops", "inprop": "url", "ppprop": "disambiguation"}
        asked |= {"explaintext": 1, "exsectionformat": "wiki", "redirects": 1, "titles": title}
        answer = await self._ask(api, {"action": "query", **asked, **({"exintro": 1} if intro else {})}, ctx)
        try:
            page = msgspec.convert(answer["query"]["pages"][0], _Page, strict=False)
        except (LookupError, TypeError, msgspec.MsgspecError) as error:
            raise ToolFailed(f"the answer of {api.name} cannot be read: {error}") from None
        if page.missing or page.invalid:
            raise ToolRetry(f"there is no article {title!r}: {page.invalidreason or 'search for its title first'}")
        text = _headings(page.extract) if page.extract is not None else await self._parsed(api, page.title, ctx, intro)
        several = "\n(This title has several meanings: read the one that is meant.)" if page.pageprops else ""
        return f"{page.fullurl}\n{page.title}{several}\n\n{text.strip()}"

    async def _parsed(self, api: Api, title: str, ctx: Context[Any], intro: bool) -> str:
        """For wikis without the extension that makes texts: their HTML, read by us."""
        from weft.documents.readable import title_and_text  # noqa: PLC0415

        asked = {"action": "parse", "page": title, "prop": "text", "redirects": 1, "disableeditsection": 1}
        answer = await self._ask(api, asked | ({"section": 0} if intro else {"disabletoc": 1}), ctx)
        try:
            return title_and_text(str(answer["parse"]["text"]))[1]
        except (LookupError, TypeError) as error:
            raise ToolFailed(f"the answer of {api.name} cannot be read: {error!r}") from None

    async def _ask(self, api: Api, asked: dict[str, Any], ctx: Context[Any]) -> dict[str, Any]:
        page = await api.read("/api.php", {**asked, "format": "json", "formatversion": 2}, ctx=ctx)
        answer = api.decoded(page, dict[str, Any])
        error: Any = answer.get("error")
        if isinstance(error, dict):
            code, info = str(error.get("code")), str(error.get("info"))[:500]  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]  # JSON
            raise (ToolFailed if code in ("maxlag", "ratelimited", "readonly") or code.startswith("internal")
                   else ToolRetry)(f"{api.name} answered {code}: {info}")  # fmt: skip
        return answer

    def _api(self, language: str) -> Api:
        if language and (not _LANGUAGE.fullmatch(language) or "{language}" not in self._base):
            raise ToolRetry(f"{language!r} is no language that there is here; leave it out, or give a code such as de")
        base = self._base.replace("{language}", language or self._language)
        if base not in self._apis:
            self._apis[base] = Api("the wiki", base, seconds=self._seconds, agent=self._agent)
        return self._apis[base]


def _slug(title: str) -> str:
    return quote(title.replace(" ", "_"), safe="/:@!$()*,;~'")


def _plain(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", "", html)).split())


def _headings(text: str) -> str:
    """Headings as everything else here writes them.

    >>> _headings("One.\\n\\n\\n== Two ==\\nThree")
    'One.\\n\\n## Two\\nThree'
    """
    marked = re.sub(r"^(={2,6}) *(.*?) *\1$", lambda found: f"{'#' * len(found[1])} {found[2]}", text, flags=re.M)
    return re.sub(r"\n{3,}", "\n\n", marked)
