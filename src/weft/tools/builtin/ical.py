"""Events as iCalendar (RFC 5545) writes them: made, changed, and each time of those that repeat told in a line."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import islice, takewhile
from typing import Any

import icalendar
import recurring_ical_events

from weft.errors import ToolFailed, ToolRetry
from weft.tools.builtin.caldav import Stored

MOST = 300
"""Times of one event."""


def made(mark: str, facts: dict[str, Any]) -> str:
    """A calendar with this one event. Raises: ToolRetry, where it cannot be."""
    calendar: Any = icalendar.Calendar()
    calendar.add("prodid", "-//weft//EN")
    calendar.add("version", "2.0")
    event: Any = icalendar.Event()
    event.add("uid", mark)
    _fill(event, {name: value for name, value in facts.items() if value})
    calendar.add_component(event)
    return _written(calendar)


def changed(text: str, facts: dict[str, Any]) -> str:
    """The same with some facts changed. Raises: ToolRetry; ToolFailed, where the event cannot be read."""
    calendar = _parsed(text)
    events = [each for each in calendar.walk("VEVENT") if "RECURRENCE-ID" not in each]
    if not events:
        raise ToolFailed("there is no event in it")
    event = events[0]
    if "dtstart" in facts and "dtend" not in facts and "DTSTART" in event:  # it is moved, and takes as long as before
        facts = {**facts, "dtend": facts["dtstart"] + _length(event)}
    sequence = int(event.get("SEQUENCE", 0)) + 1
    for name in [*facts, "sequence", "duration" if "dtend" in facts else "sequence"]:
        event.pop(name.upper(), None)
    event.add("sequence", sequence)
    _fill(event, facts)
    return _written(calendar)


def occurrences(
    stored: Sequence[Stored], first: datetime, last: datetime, words: str, zone: tzinfo
) -> list[tuple[datetime, str]]:
    """Each time of each event within these, as a line, and when it begins."""
    found: list[tuple[datetime, str]] = []
    for each in stored:
        try:
            times = list(islice(_times(each.text, first, last), MOST + 1))
        except Exception as error:  # calendars hold what other programs wrote
            found.append((first, f"(event {each.path} cannot be read: {type(error).__name__})"))
            continue
        found += [_line(event, each.path, zone) for event in times[:MOST] if _fits(event, words)]
        if len(times) > MOST:
            found.append((last, f"(event {each.path}: only its first {MOST} times)"))
    return found


def _times(text: str, first: datetime, last: datetime) -> Iterator[Any]:
    calendar = _parsed(text)
    if not any("RRULE" in event or "RDATE" in event for event in calendar.walk("VEVENT")):
        yield from calendar.walk("VEVENT")
        return
    library: Any = recurring_ical_events
    yield from takewhile(lambda event: _moment(event["DTSTART"].dt) < last, library.of(calendar).after(first))


def _line(event: Any, path: str, zone: tzinfo) -> tuple[datetime, str]:
    start = event["DTSTART"].dt
    end = start + _length(event)
    if isinstance(start, datetime):
        shown = f"{start.astimezone(zone):%Y-%m-%d %H:%M} to {end.astimezone(zone):%Y-%m-%d %H:%M %Z}"
    else:
        days = f" to {end - timedelta(days=1)}" if end - start > timedelta(days=1) else ""
        shown = f"{start}{days} (whole day)"
    facts = [" ".join(str(event.get(name, "")).split()) for name in ("SUMMARY", "LOCATION", "DESCRIPTION")]
    return _moment(start), " | ".join([shown, *[fact[:500] for fact in facts if fact], f"id {path}"])


def _fits(event: Any, words: str) -> bool:
    said = " ".join(str(event.get(name, "")) for name in ("SUMMARY", "LOCATION", "DESCRIPTION"))
    return words.lower() in said.lower()


def _length(event: Any) -> timedelta:
    start = event["DTSTART"].dt
    if "DTEND" in event:
        length: timedelta = event["DTEND"].dt - start
        return length
    if "DURATION" in event:
        return event["DURATION"].dt
    return timedelta(0) if isinstance(start, datetime) else timedelta(days=1)


def _moment(told: date | datetime) -> datetime:
    if not isinstance(told, datetime):
        return datetime(told.year, told.month, told.day, tzinfo=UTC)
    return told if told.tzinfo else told.replace(tzinfo=UTC)


def _fill(event: Any, facts: dict[str, Any]) -> None:
    try:
        for name, value in facts.items():
            if value == "":
                continue
            event.add(name, _rule(value) if name == "rrule" else value)
        start, end = event["DTSTART"].dt, event["DTEND"].dt if "DTEND" in event else None
        if end is not None and (isinstance(start, datetime) != isinstance(end, datetime) or end <= start):
            raise ToolRetry("an event ends later than it starts, and both are times or both are days")
        event.pop("DTSTAMP", None)
        event.add("dtstamp", datetime.now(UTC))
    except (ValueError, KeyError, TypeError) as error:
        raise ToolRetry(f"that cannot be an event: {error}") from None


def _rule(told: str) -> Any:
    rule: Any = icalendar.vRecur.from_ical(told)
    if "FREQ" not in rule:
        raise ValueError(f"{told!r} is no rule such as FREQ=WEEKLY;COUNT=10")
    return rule


def _written(calendar: Any) -> str:
    calendar.add_missing_timezones()
    text: bytes = calendar.to_ical()
    return text.decode()


def _parsed(text: str) -> Any:
    try:
        return icalendar.Calendar.from_ical(text)
    except (ValueError, IndexError, KeyError) as error:
        raise ToolFailed(f"the event cannot be read: {error}") from None
