"""What processes tell one another of the deployments of their router, and what each makes of it."""

import time
from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Struct


class Told(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A deployment as one process has seen it. Times are seconds since the epoch."""

    minute: int = 0
    """The minute of the clock that ``requests`` and ``tokens`` are of, in minutes since the epoch."""
    requests: int = 0
    tokens: int = 0
    in_flight: int = 0
    calls: int = 0
    failed: int = 0
    failing: bool = False
    first_piece: float | None = None
    duration: float | None = None
    rests_until: float | None = None
    last_call: float | None = None
    last_error: str | None = None
    last_error_at: float | None = None


class Used(Struct, frozen=True):
    """What the others have used of a deployment in this minute, and what they are asking it now."""

    minute: int = 0
    requests: int = 0
    tokens: int = 0
    in_flight: int = 0

    def since(self, before: "Used") -> "Used":
        """What came to it; that is all of it where ``before`` is of another minute."""
        known = before if before.minute == self.minute else NOTHING
        return Used(
            self.minute,
            max(0, self.requests - known.requests),
            max(0, self.tokens - known.tokens),
            self.in_flight - before.in_flight,
        )


NOTHING = Used()
encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Told]).decode
ALIVE = 60.0
"""Seconds without a report after which nobody believes any more that the calls of a process are still running."""


def minute_now() -> int:
    return int(time.time() // 60)


def heard(reports: Iterable[tuple[float, bytes]]) -> dict[str, list[Told]]:
    """By deployment what each of the others says of it; what cannot be read is of another version of Weft."""
    found: dict[str, list[Told]] = {}
    for age, body in reports:
        try:
            told = _decode(body)
        except msgspec.MsgspecError:
            continue
        for id, each in told.items():
            fresh = each if age <= ALIVE else msgspec.structs.replace(each, in_flight=0)
            found.setdefault(id, []).append(fresh)
    return found


def used(others: Sequence[Told], minute: int) -> Used:
    """
    >>> used([Told(minute=7, requests=2, tokens=9, in_flight=1), Told(minute=6, requests=5)], 7)
    Used(minute=7, requests=2, tokens=9, in_flight=1)
    """
    now = [each for each in others if each.minute == minute]
    return Used(
        minute,
        sum([each.requests for each in now]),
        sum([each.tokens for each in now]),
        sum([each.in_flight for each in others]),
    )
