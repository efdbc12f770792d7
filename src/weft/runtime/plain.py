"""An event as it is stored, and as whoever listens is told."""

from collections.abc import Callable
from typing import Any

import msgspec

from weft import events
from weft.events import Event
from weft.runtime import codec
from weft.runtime.hub import Happened
from weft.storage.base import EventRow
from weft.storage.event_rows import NUMBERED


def told(happened: Happened) -> Happened:
    """As who listens is told, live as afterwards: what is for the audit is there alone."""
    at, path, event = happened
    if type(event) is not events.ToolFinished or event.judged is None:
        return happened
    return at, path, msgspec.structs.replace(event, judged=None)


def event_rows(first: int, happened: list[Happened]) -> list[EventRow]:
    """As they are stored; the first has the number ``first``."""
    return [
        EventRow(seq=seq, at=at, path=path, event=event if type(event) in _HOT else plain(event))
        for seq, (at, path, event) in enumerate(happened, first)
    ]


def plain(event: Event) -> Event:
    """An event as it is stored: content that has a row of its own is left out, and all else is plain values.

    Raises:
        StateError: something in it cannot be stored.
    """
    lean = _LEAN.get(type(event))
    event = event if lean is None else lean(event)
    if lean is not None and type(event) is not events.ToolFinished:
        return event
    body = codec.encode(event, "event")
    return event if type(event) in NUMBERED else events.decode_event(body)


_HOT = frozenset({events.NodeFinished, events.StepCommitted, events.RunStarted})
"""They hold nothing but numbers, and names that a graph has."""
_RUN_FINISHED = events.RunFinished()
_LEAN: dict[type, Callable[[Any], Event]] = {
    events.MessageAdded: lambda event: events.MessageAdded(event.seq),
    events.ToolFinished: lambda event: msgspec.structs.replace(event, result=None, judged=None),
    events.RunFinished: lambda event: _RUN_FINISHED,
}
