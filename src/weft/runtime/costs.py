"""Costs as people ask for them and read them: periods in words, and tables as CSV."""

import csv
import io
import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from weft.errors import UsageError
from weft.storage.accounts import CostRow, Dimension

_SPAN = {"h": 3_600.0, "d": 86_400.0, "w": 604_800.0}
SUMS = (
    *("calls", "failed", "unpriced", "input_tokens", "output_tokens", "cached_tokens", "cache_write_tokens"),
    *("reasoning_tokens", "audio_tokens", "usd", "duration", "first_piece"),
)
"""What there is of each row, after what tells it apart. Times are in milliseconds."""


def when(text: str, now: float | None = None) -> float:
    """A moment, in seconds since the epoch: a date or time (UTC where it names no zone), or so long ago.

    Raises:
        UsageError: it is neither.

    >>> when("2026-11-21"), when("1h", now=7_200.0)
    (1795219200.0, 3600.0)
    """
    if span := re.fullmatch(r"(\d{1,6})([hdw])", text):
        return (time.time() if now is None else now) - int(span[1]) * _SPAN[span[2]]
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is no time: write 2026-11-21, 2026-11-21T09:00, 24h, 7d or 4w") from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def as_csv(by: Sequence[Dimension], rows: Sequence[CostRow]) -> str:
    """The rows under a line of names. What is not known is empty, never zero."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*by, *SUMS])
    for row in rows:
        values = [getattr(row, name) for name in SUMS]
        writer.writerow([*map(_tame, row.key), *["" if value is None else _plain(value) for value in values]])
    return text.getvalue()


def _plain(value: float) -> str:
    return f"{value:.9f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def _tame(text: str) -> str:
    """No spreadsheet may take a user's name for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
