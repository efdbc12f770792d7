"""``fetch``: read a page of the web, as text, from addresses that may be reached."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from weft.errors import AccessDenied, ToolFailed
from weft.messages import Media
from weft.security.addresses import Reach
from weft.tools.base import Returned, Tool
from weft.tools.function import tool

if TYPE_CHECKING:
    from weft.tools.web import Lookup, Page

_IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp")


def fetch(
    *,
    allow: Sequence[str] = (),
    most: int = 5_000_000,
    seconds: float = 20.0,
    lookup: "Lookup | None" = None,
) -> Tool:
    """A tool that reads pages: public addresses, and the hosts, ``host:port`` and networks in ``allow``.

    ``most`` is in bytes, after unpacking; ``seconds`` for all redirects together.
    """

    async def fetch(url: str) -> Returned:
        """Read a page of the web: HTML as text, JSON and text as they are, pictures as pictures.

        Args:
            url: The whole address, beginning with https:// or http://.
        """
        from weft.tools.web import Web  # noqa: PLC0415  # aiohttp, for those who fetch

        try:
            page = await Web(Reach(allow), most=most, seconds=seconds, lookup=lookup).ask("GET", url)
        except AccessDenied as error:
            raise ToolFailed(str(error)) from None
        return _shown(page)

    return tool(fetch, effect="read", timeout=seconds + 10).tool


def _shown(page: "Page") -> Returned:
    head = f"{page.url}" + ("" if page.status < 400 else f" (status {page.status})")
    head += "" if page.whole else f" (only the first {len(page.body):,} bytes)"
    if page.status >= 400:
        raise ToolFailed(f"{head}: {_words(page)[:1000]}")
    if page.mime in _IMAGES and page.whole:
        return Returned(content=head, media=(Media(mime=page.mime, data=page.body),))
    return Returned(content=f"{head}\n{_words(page)}")


def _words(page: "Page") -> str:
    if page.mime in ("text/html", "application/xhtml+xml"):
        from weft.documents.readable import title_and_text  # noqa: PLC0415

        title, text = title_and_text(page.text)
        return f"{title}\n\n{text}" if title else text
    if page.mime.endswith("json"):
        try:
            return msgspec.json.encode(msgspec.json.decode(page.body)).decode()
        except msgspec.MsgspecError:
            return page.text
    if page.mime.startswith("text/") or page.mime.endswith("xml") or not page.mime:
        return page.text
    raise ToolFailed(f"{page.url} is {page.mime}, of which there is no text ({len(page.body):,} bytes)")
