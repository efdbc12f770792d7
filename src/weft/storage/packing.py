"""Bodies of rows that hold several things: the events of one commit, the state of one step."""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from weft.storage.base import CheckpointRow, EventRow
from weft.storage.phrases import restored, shortened

pack = msgspec.msgpack.Encoder().encode
_unpack_events = msgspec.msgpack.Decoder(list[tuple[float, str, bytes]]).decode


def pack_events(events: Sequence[EventRow]) -> bytes:
    """Their times, paths (empty where it is that of the event before) and bodies, the numbers follow from the row's."""
    packed: list[tuple[float, str, bytes]] = []
    path = ""
    for event in events:
        packed.append((event.at, "" if event.path == path else event.path, shortened(event.body)))
        path = event.path
    return pack(packed)


def unpack_events(last: int, body: bytes, after: int = 0) -> list[EventRow]:
    """The events of a row whose last has this number, without those up to ``after``.

    >>> rows = [EventRow(seq=seq, at=1.5, path="[]", body=b"{}") for seq in (6, 7, 8)]
    >>> unpack_events(8, pack_events(rows), after=6) == rows[1:]
    True
    """
    packed = _unpack_events(body)
    events: list[EventRow] = []
    path = ""
    for seq, (at, given, event) in enumerate(packed, last - len(packed) + 1):
        path = given or path
        if seq > after:
            events.append(EventRow(seq=seq, at=at, path=path, body=restored(event)))
    return events


class State(Struct, frozen=True, array_like=True, gc=False):
    """The body of a checkpoint."""

    version: str
    head: bytes
    values: dict[str, bytes]
    """Of the channels that were set in this step."""
    ranges: dict[str, tuple[int, int]]
    """Of all others that hold a value: the step of the base, and of the last change."""
    at: float = 0.0
    """When it was written."""


unpack_state = msgspec.msgpack.Decoder(State).decode


def pack_state(row: CheckpointRow, at: float) -> bytes:
    """All of a checkpoint but what it appends. A value that no range leads to is left out: nothing would read it."""
    here = (row.step, row.step)
    values = {
        slot.channel: slot.body for slot in row.slots if slot.op == "set" and row.ranges.get(slot.channel) == here
    }
    ranges = {channel: span for channel, span in row.ranges.items() if channel not in values}
    return pack(State(row.version, row.head, values, ranges, at))
