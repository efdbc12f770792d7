"""Ids: short, unique across processes, sorted by the time they were made: ``run_06f0c1p9...``."""

import os
import secrets
import time
from itertools import count

_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32: no two characters that a person would confuse."""


def _base32(number: int, width: int) -> str:
    digits: list[str] = []
    for _ in range(width):
        number, digit = divmod(number, 32)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))


class _Sequence:
    """What makes ids of one process unique: 40 random bits, and a counter that starts anew in a fork."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        self.process = _base32(secrets.randbits(40), 8)
        self.count = count(1).__next__


_sequence = _Sequence()
os.register_at_fork(after_in_child=_sequence.renew)


def new_id(kind: str) -> str:
    """A fresh id: its kind, 9 characters of time in milliseconds, a counter, 8 random ones of the process.

    >>> first, second = new_id("run"), new_id("run")
    >>> first < second, first.startswith("run_"), len(first)
    (True, True, 25)
    """
    millis = time.time_ns() // 1_000_000
    return f"{kind}_{_base32(millis, 9)}{_base32(_sequence.count(), 4)}{_sequence.process}"
