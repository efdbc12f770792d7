"""CalDAV (RFC 4791) as far as events need it: found, listed, read, put and deleted, over addresses that are checked."""

import base64
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote, urljoin, urlsplit
from xml.etree import ElementTree

from msgspec import Struct

from weft.errors import AccessDenied, ToolFailed, ToolRetry
from weft.security.addresses import Reach
from weft.tools.builtin.servers import Server

if TYPE_CHECKING:
    from weft.tools.web import Page

_DAV, _CAL = "{DAV:}", "{urn:ietf:params:xml:ns:caldav}"
_SPACES = 'xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"'
_PRINCIPAL = (
    f"<D:propfind {_SPACES}><D:prop><D:resourcetype/><D:displayname/><D:current-user-principal/></D:prop></D:propfind>"
)
_HOME = f"<D:propfind {_SPACES}><D:prop><C:calendar-home-set/></D:prop></D:propfind>"
_CALENDARS = (
    f"<D:propfind {_SPACES}><D:prop><D:resourcetype/><D:displayname/><C:supported-calendar-component-set/></D:prop>"
    "</D:propfind>"
)
_EVENTS = (
    f"<C:calendar-query {_SPACES}><D:prop><D:getetag/><C:calendar-data/></D:prop>"
    '<C:filter><C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT">'
    '<C:time-range start="{start}" end="{end}"/></C:comp-filter></C:comp-filter></C:filter></C:calendar-query>'
)


class Found(Struct, frozen=True):
    """A calendar: its path, and its name for people."""

    path: str
    name: str


class Stored(Struct, frozen=True):
    """An event as it is on the server: its path, its text in iCalendar, and the mark of its version."""

    path: str
    text: str
    etag: str = ""


class CalDAV:
    """One server, as one user."""

    def __init__(self, server: Server, seconds: float) -> None:
        if server.scheme == "http" and server.password and not server.here:
            raise ToolFailed(f"a password is not sent to {server.host} over http: give an https address")
        self._origin = f"{server.scheme}://{server.host}:{server.port}"
        self._start = server.path or "/"
        self._host, self._seconds = server.host, seconds
        key = base64.b64encode(f"{server.user}:{server.password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {key}"} if server.user else {}

    async def calendars(self) -> list[Found]:
        """Raises: ToolFailed."""
        (first, *_) = await self._found("PROPFIND", self._start, _PRINCIPAL, "0") or [None]
        if first is not None and first.find(f".//{_CAL}calendar") is not None:
            return [self._calendar(first)]
        home = self._start
        if (principal := _href(first, f"{_DAV}current-user-principal")) is not None:
            told = await self._found("PROPFIND", self._path(principal), _HOME, "0")
            home = self._path(_href(told[0] if told else None, f"{_CAL}calendar-home-set") or principal)
        listed = await self._found("PROPFIND", home, _CALENDARS, "1")
        return [self._calendar(each) for each in listed if _holds_events(each)]

    async def events(self, calendar: str, start: datetime, end: datetime) -> list[Stored]:
        """Those that touch a time, repeating ones as a whole. Raises: ToolFailed."""
        day = "%Y%m%dT%H%M%SZ"
        asked = _EVENTS.format(start=start.astimezone(UTC).strftime(day), end=end.astimezone(UTC).strftime(day))
        listed = await self._found("REPORT", calendar, asked, "1")
        return [
            Stored(self._path(_text(each, f"{_DAV}href")), text, _text(each, f".//{_DAV}getetag"))
            for each in listed
            if (text := _text(each, f".//{_CAL}calendar-data"))
        ]

    async def get(self, path: str) -> Stored:
        """Raises: ToolRetry (there is none), ToolFailed."""
        page = await self._ask("GET", path)
        if page.status in (404, 410):
            raise ToolRetry(f"there is no event {path!r}; list_events shows their ids")
        self._fine(page)
        return Stored(path, page.text, page.headers.get("etag", ""))

    async def put(self, path: str, text: str, etag: str = "") -> bool:
        """Whether it was put there: a new one without ``etag``, else in the place of that version."""
        held = {"If-Match": etag} if etag else {"If-None-Match": "*"}
        more = {"Content-Type": "text/calendar; charset=utf-8", **held}
        page = await self._ask("PUT", path, text.encode(), more)
        if page.status == 412:
            return False
        self._fine(page)
        return True

    async def delete(self, path: str, etag: str) -> None:
        """It may be gone already. Raises: ToolRetry, where it was changed meanwhile."""
        page = await self._ask("DELETE", path, more={"If-Match": etag} if etag else {})
        if page.status == 412:
            raise ToolRetry("the event was changed meanwhile: look at it again")
        if page.status not in (404, 410):
            self._fine(page)

    async def _found(self, method: str, path: str, body: str, depth: str) -> list[ElementTree.Element]:
        more = {"Content-Type": "application/xml; charset=utf-8", "Depth": depth}
        page = await self._ask(method, path, body.encode(), more)
        self._fine(page)
        if b"<!DOCTYPE" in page.body[:2000]:
            raise ToolFailed("the calendar server's answer has a document type, which none of them needs")
        try:
            return list(ElementTree.fromstring(page.body).iter(f"{_DAV}response"))
        except ElementTree.ParseError as error:
            raise ToolFailed(f"the calendar server's answer cannot be read: {error}") from None

    async def _ask(
        self, method: str, path: str, body: bytes | None = None, more: dict[str, str] | None = None
    ) -> "Page":
        from weft.tools.web import Web  # noqa: PLC0415  # aiohttp, for those who have a calendar

        web = Web(Reach([self._host]), seconds=self._seconds, most=20_000_000)
        try:
            return await web.ask(
                method, self._origin + path, headers={**self._headers, **(more or {})}, data=body or b""
            )
        except AccessDenied as error:
            raise ToolFailed(str(error)) from None

    def _fine(self, page: "Page") -> None:
        if page.status in (401, 403):
            raise ToolFailed("the calendar server does not take us, or does not allow that")
        if page.status >= 300:
            raise ToolFailed(f"the calendar server answered {page.status}: {page.text[:300]}")
        if not page.whole:
            raise ToolFailed("the calendar server's answer is too long: ask for fewer days")

    def _calendar(self, told: ElementTree.Element) -> Found:
        path = self._path(_text(told, f"{_DAV}href"))
        return Found(path, _text(told, f".//{_DAV}displayname") or path.rstrip("/").rpartition("/")[2])

    def _path(self, href: str) -> str:
        """A path of this server: whatever it says, nobody else is asked, as we say who we are. Raises: ToolFailed."""
        whole = urlsplit(urljoin(self._origin + self._start, href))
        ours = urlsplit(self._origin)
        number = whole.port or (443 if whole.scheme == "https" else 80)
        if (whole.scheme, whole.hostname, number) != (ours.scheme, ours.hostname, ours.port):
            raise ToolFailed(f"the calendar server sends us to {whole.hostname}, who is somebody else")
        return quote(whole.path or "/", safe="/%:@!$&'()*+,;=~-._")


def _holds_events(told: ElementTree.Element) -> bool:
    if told.find(f".//{_DAV}resourcetype/{_CAL}calendar") is None:
        return False
    kinds = [each.get("name") for each in told.iter(f"{_CAL}comp")]
    return not kinds or "VEVENT" in kinds


def _text(told: ElementTree.Element, path: str) -> str:
    found = told.find(path)
    return (found.text or "").strip() if found is not None else ""


def _href(told: ElementTree.Element | None, within: str) -> str | None:
    found = told.find(f".//{within}/{_DAV}href") if told is not None else None
    return (found.text or "").strip() or None if found is not None else None
