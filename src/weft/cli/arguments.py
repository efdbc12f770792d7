"""``name=value`` on the command line: arguments and options as people type them."""

import json
from collections.abc import Sequence
from typing import Any

from weft.errors import UsageError


def pairs_of(given: Sequence[str] | None) -> list[tuple[str, str]]:
    """Names and values, in order. Raises: UsageError.

    >>> pairs_of(["city=Rome", "days=2"])
    [('city', 'Rome'), ('days', '2')]
    """
    found: list[tuple[str, str]] = []
    for each in given or ():
        key, equals, value = each.partition("=")
        if not equals:
            raise UsageError(f"{each!r} is not of the form name=value")
        found.append((key, value))
    return found


def value_of(text: str) -> Any:
    """JSON where it is JSON, else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text
