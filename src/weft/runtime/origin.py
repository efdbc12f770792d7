"""Where a run comes from, if not from an input: it goes on where its thread stands, forks it, or replays another."""

from typing import Literal

import msgspec
from msgspec import Struct

from weft.runtime.repeats import Left
from weft.storage.base import RunRecord


class Origin(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """On record with the run, so that whoever takes it over does the same."""

    kind: Literal["input", "go_on", "fork", "replay"] = "input"
    run: str = ""
    """The run that is replayed."""
    steps: int = 0
    """How far the replayed steps lie behind those of that run."""
    going_on: bool = False
    """Whether the replayed run had no input."""
    until: int | None = None
    """The step at which the replay pauses."""
    live_from: int | None = None
    """The step from which nothing is taken from the record any more."""
    left: tuple[Left, ...] = ()
    """What happened on these lines is not to be repeated unasked."""
    run_nodes: bool = False
    """Whether plain functions run in a replay, instead of giving what they gave."""


INPUT = Origin()
GO_ON = Origin(kind="go_on")
_decode = msgspec.json.Decoder(Origin).decode


def dump(origin: Origin) -> bytes | None:
    return None if origin.kind == "input" else msgspec.json.encode(origin)


def origin_of(record: RunRecord) -> Origin:
    return INPUT if record.origin is None else _decode(record.origin)
