"""The body of a checkpoint: the state of one step."""

import msgspec
from msgspec import Struct

from weft.storage.base import CheckpointRow

pack = msgspec.msgpack.Encoder().encode


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
    """All of a checkpoint but what it adds."""
    return pack((row.version, row.head, row.values, row.ranges, at))  # as a ``State`` is, and made in half the time
