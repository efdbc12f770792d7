"""Cursors of lists that are ordered by time: ``seconds:id``."""

import math

from weft.errors import UsageError


def parse(cursor: str) -> tuple[float, str]:
    """The time and the rest of a cursor.

    Raises:
        UsageError: it is none of ours.

    >>> parse("1763715425.25:thread_1")
    (1763715425.25, 'thread_1')
    """
    at, colon, rest = cursor.partition(":")
    try:
        if colon and math.isfinite(float(at)):
            return float(at), rest
    except ValueError:
        pass
    raise UsageError(f"cursor {cursor!r} is not one that a list gave out")
