"""An event as it is stored."""

from collections.abc import Callable
from typing import Any

import msgspec

from weft import events
from weft.events import Event
from weft.runtime import codec
from weft.storage.base import Happened
from weft.storage.event_rows import NUMBERED


def as_stored(happened: list[Happened]) -> list[Happened]:
    """As they are stored."""
    for one in happened:
        if type(one.event) not in _HOT:
            return [Happened(one.at, one.path, plain(one.event)) for one in happened]
    return happened


def plain(event: Event) -> Event:
    """An event as it is stored: content that has a row of its own is left out, and all else is plain values.

    Raises:
        StateError: something in it cannot be stored.
    """
    if type(event) in _HOT:
        return event
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
