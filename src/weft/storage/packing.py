"""Bodies of rows that hold several things: the events of one commit, the state of one step."""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from weft.storage.base import CheckpointRow, EventRow

_pack = msgspec.msgpack.Encoder().encode
_unpack_events = msgspec.msgpack.Decoder(list[tuple[float, str, bytes]]).decode


def pack_events(events: Sequence[EventRow]) -> bytes:
    """Their times, paths and bodies. Their numbers follow from that of the last, which is the row's."""
    return _pack([(event.at, event.path, event.body) for event in events])


def unpack_events(last: int, body: bytes, after: int = 0) -> list[EventRow]:
    """The events of a row whose last has this number, without those up to ``after``.

    >>> rows = [EventRow(seq=seq, at=1.5, path="[]", body=b"{}") for seq in (6, 7, 8)]
    >>> unpack_events(8, pack_events(rows), after=6) == rows[1:]
    True
    """
    packed = _unpack_events(body)
    first = last - len(packed) + 1
    return [
        EventRow(seq=seq, at=at, path=path, body=event)
        for seq, (at, path, event) in enumerate(packed, first)
        if seq > after
    ]


class State(Struct, frozen=True, array_like=True, gc=False):
    """The body of a checkpoint."""

    version: str
    head: bytes
    values: dict[str, bytes]
    """Of the channels that were set in this step."""
    ranges: dict[str, tuple[int, int]]
    """Of all others that hold a value: the step of the base, and of the last change."""


unpack_state = msgspec.msgpack.Decoder(State).decode


def pack_state(row: CheckpointRow) -> bytes:
    """All of a checkpoint but what it appends. A value that no range leads to is left out: nothing would read it."""
    here = (row.step, row.step)
    values = {
        slot.channel: slot.body for slot in row.slots if slot.op == "set" and row.ranges.get(slot.channel) == here
    }
    ranges = {channel: span for channel, span in row.ranges.items() if channel not in values}
    return _pack(State(row.version, row.head, values, ranges))
