"""``Calendar``: the events of a CalDAV server: listed, made once whatever happens, changed and deleted."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

from weft.engine.context import Context
from weft.errors import ToolFailed, ToolRetry
from weft.tools.base import Approval, Tool
from weft.tools.builtin.basics import zone_of
from weft.tools.builtin.caldav import CalDAV, Found
from weft.tools.builtin.servers import checked, server
from weft.tools.function import tool
from weft.tools.threads import in_thread

PORTS = {"https": 443, "http": 80}
LONGEST = timedelta(days=400)
"""That is listed at once."""


class Calendar:
    """Tools for the calendars at ``https://USER@HOST/``, or for one of them by its own address.

    ``password`` is ``secret:NAME`` or ``os.environ/NAME``; so may the address be, and hold the password. Times without
    a zone are of ``timezone``. With ``write`` events can be made, changed and deleted, after a person said yes unless
    ``approval`` says otherwise. It needs the extra ``weft[calendar]``.

    Raises:
        UsageError: a secret stands in the code, or the address is none.
    """

    def __init__(
        self,
        url: str = "os.environ/CALDAV_URL",
        *,
        password: str | None = None,
        write: bool = False,
        approval: Approval | None = None,
        timezone: str = "UTC",
        seconds: float = 30.0,
    ) -> None:
        checked(url, password, PORTS)
        self._url, self._password, self._write, self._seconds = url, password, write, seconds
        self._approval: Approval = write if approval is None else approval
        self._zone = timezone
        self._made: list[Tool] | None = None

    async def tools(self, ctx: Context[Any]) -> Sequence[Tool]:
        if self._made is None:
            timeout = self._seconds * 3
            self._made = [
                tool(self.list_calendars, effect="read", timeout=timeout).tool,
                tool(self.list_events, effect="read", timeout=timeout).tool,
            ]
            if self._write:
                self._made += [
                    tool(self.create_event, approval=self._approval, timeout=timeout).tool,
                    tool(self.change_event, approval=self._approval, timeout=timeout).tool,
                    tool(self.delete_event, approval=self._approval, timeout=timeout).tool,
                ]
        return self._made

    async def list_calendars(self) -> str:
        """List the calendars by name."""
        return "\n".join(each.name for each in await (await self._dav()).calendars()) or "There are no calendars."

    async def list_events(self, start: str, end: str, calendar: str = "", words: str = "") -> str:
        """List the events between two times, each time of those that repeat, with their ids.

        Args:
            start: Such as 2026-01-31 or 2026-01-31T09:00.
            end: The same, and later.
            calendar: The name of one; without it, all.
            words: What must stand in the title, place or notes.
        """
        first, last = self._moment(start), self._moment(end)
        if not timedelta(0) < last - first <= LONGEST:
            raise ToolRetry(f"the end is later than the start, by {LONGEST.days} days at most")
        dav = await self._dav()
        lines: list[tuple[datetime, str]] = []
        for each in await self._calendars(dav, calendar):
            stored = await dav.events(each.path, first, last)
            lines += await in_thread(partial(_ical().occurrences, stored, first, last, words, zone_of(self._zone)))
        return "\n".join(line for _, line in sorted(lines)) or "There are no events."

    async def create_event(
        self,
        title: str,
        start: str,
        end: str,
        ctx: Context[Any],
        calendar: str = "",
        place: str = "",
        notes: str = "",
        timezone: str = "",
        repeats: str = "",
    ) -> str:
        """Make an event.

        Args:
            title: In few words.
            start: Such as 2026-01-31T09:00, or 2026-01-31 for a whole day.
            end: The same, and later; of whole days, the day after the last.
            calendar: The name of one; without it, the first.
            place: Where it is.
            notes: More about it.
            timezone: An IANA name such as "Europe/Berlin", if not the usual one.
            repeats: A rule of iCalendar, such as FREQ=WEEKLY;COUNT=10.
        """
        zone = timezone or self._zone
        facts = {"summary": title, "location": place, "description": notes, "rrule": repeats}
        times = {"dtstart": self._when(start, zone), "dtend": self._when(end, zone)}
        mark = hashlib.sha256(ctx.idempotency_key.encode()).hexdigest()[:32]
        text = _ical().made(mark, {**facts, **times})
        dav = await self._dav()
        into = (await self._calendars(dav, calendar))[0]
        path = f"{into.path.rstrip('/')}/{mark}.ics"
        await dav.put(path, text)  # one that is there already was made by this very call
        return f"made in {into.name}, id {path}"

    async def change_event(
        self,
        id: str,
        title: str | None = None,
        start: str | None = None,
        end: str | None = None,
        place: str | None = None,
        notes: str | None = None,
        timezone: str = "",
    ) -> str:
        """Change what is given of an event; one that repeats is changed as a whole.

        Args:
            id: As list_events tells it.
            title: A new one.
            start: A new time, as create_event takes it.
            end: A new time.
            place: A new one.
            notes: New ones.
            timezone: Of the new times, if not the usual one.
        """
        dav = await self._dav()
        stored = await dav.get(await self._known(dav, id))
        zone = timezone or self._zone
        facts = {"summary": title, "location": place, "description": notes}
        times = {"dtstart": start and self._when(start, zone), "dtend": end and self._when(end, zone)}
        changes = {name: value for name, value in {**facts, **times}.items() if value is not None}
        if not changes:
            raise ToolRetry("say what is to be changed")
        if not await dav.put(stored.path, _ical().changed(stored.text, changes), stored.etag):
            raise ToolRetry("the event was changed meanwhile: look at it again")
        return f"changed {id}"

    async def delete_event(self, id: str) -> str:
        """Delete an event; one that repeats is deleted as a whole.

        Args:
            id: As list_events tells it.
        """
        dav = await self._dav()
        await dav.delete(await self._known(dav, id), "")
        return f"deleted {id}"

    async def _dav(self) -> CalDAV:
        return CalDAV(await server(self._url, self._password, PORTS), self._seconds)

    async def _calendars(self, dav: CalDAV, name: str) -> list[Found]:
        known = await dav.calendars()
        found = [each for each in known if not name or each.name.lower() == name.lower()]
        if not found:
            raise ToolRetry(f"there is no calendar {name!r}; there are {[each.name for each in known]}")
        return found

    async def _known(self, dav: CalDAV, id: str) -> str:
        """The path of an event of ours, and of nothing else on that server."""
        for each in await dav.calendars():
            rest = id.removeprefix(each.path)
            if rest != id and rest and "/" not in rest and ".." not in rest and "?" not in rest:
                return id
        raise ToolRetry(f"there is no event {id!r}; list_events shows their ids")

    def _when(self, told: str, zone: str) -> date | datetime:
        try:
            if len(told) == 10:
                return date.fromisoformat(told)
            found = datetime.fromisoformat(told)
        except ValueError:
            raise ToolRetry(f"{told!r} is no time such as 2026-01-31T09:00 or 2026-01-31") from None
        return found if found.tzinfo else found.replace(tzinfo=zone_of(zone))

    def _moment(self, told: str) -> datetime:
        found = self._when(told, self._zone)
        if isinstance(found, datetime):
            return found.astimezone(UTC)
        return datetime(found.year, found.month, found.day, tzinfo=zone_of(self._zone)).astimezone(UTC)


def _ical() -> Any:
    try:
        from weft.tools.builtin import ical  # noqa: PLC0415  # the extra weft[calendar]
    except ImportError:
        raise ToolFailed("calendars need the extra weft[calendar]") from None
    return ical
