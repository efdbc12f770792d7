"""Ids: short, unique across processes, sorted by the time they were made: ``run_06f0c1p9...``."""

import hashlib
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


class _Ids:
    """What makes the ids of one process unique: 40 random bits, and a counter; a fork begins anew."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        self._process = _base32(secrets.randbits(40), 8)
        self._next = count().__next__
        self._millis = 0
        self._prefix = ""

    def new(self, kind: str) -> str:
        millis = time.time_ns() // 1_000_000
        if millis > self._millis:  # a clock that was set back stands still for us
            self._millis, self._prefix = millis, _base32(millis, 9)
        return f"{kind}_{self._prefix}{self._next() & 0xFFFFF:05x}{self._process}"


_ids = _Ids()
os.register_at_fork(after_in_child=_ids.renew)


def new_id(kind: str) -> str:
    """A fresh id: its kind, 9 characters of time in milliseconds, 5 of a counter, 8 random ones of the process.

    >>> first, second = new_id("run"), new_id("run")
    >>> first < second, first.startswith("run_"), len(first)
    (True, True, 26)
    """
    return _ids.new(kind)


def same_id(kind: str, *parts: str) -> str:
    """An id that is always the same for the same parts: for what a repeated request must not make twice.

    >>> same_id("thread", "default", "key") == same_id("thread", "default", "key") != same_id("thread", "defaultkey")
    True
    """
    digest = hashlib.sha256("\0".join(parts).encode()).digest()
    return f"{kind}_{_base32(int.from_bytes(digest[:15], 'big'), 24)}"
