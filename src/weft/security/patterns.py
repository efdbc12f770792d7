"""Conditions on the arguments of a call, as a person writes them: patterns, expressions, comparisons."""

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from fnmatch import translate
from functools import lru_cache
from typing import Any, TypeAlias, cast

import msgspec

from weft.errors import UsageError
from weft.security.lookalikes import alike, folded
from weft.security.readings import listed, named, resolved

Condition: TypeAlias = Callable[[Any, bool], bool]
"""Called with a value, and with what it says where that is not clear: of a value that it cannot compare, or that only
looks like what fits."""

_COMPARED = re.compile(r"(<=|>=|<|>)\s*(-?\d+(?:\.\d+)?)\s*")
_ORDERS: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@lru_cache(maxsize=1024)
def compiled(condition: str) -> Condition:
    """What a condition means.

    Raises:
        UsageError: it is no condition.

    >>> compiled("*@example.com")("ada@example.com", False), compiled("> 100")("250", False), compiled("!a")("a", True)
    (True, True, False)
    """
    if condition.startswith("!"):
        inner = compiled(condition[1:])
        return lambda value, unclear: not inner(value, not unclear)
    if match := _COMPARED.fullmatch(condition):
        return _comparison(_ORDERS[match[1]], float(match[2]))
    return _pattern(condition)


def _pattern(condition: str) -> Condition:
    """What fits one pattern. To be sure, a text must fit in all ways to read it; where that is not clear, in one."""
    exact, loose, similar = _forms(condition)

    def holds(value: Any, unclear: bool) -> bool:
        text = plain(value)
        leads = resolved(text)
        if not unclear:
            told = (text, leads, *listed(text, condition))
            return all([_fits(exact, one) for one in dict.fromkeys(told)])
        for one in dict.fromkeys(
            (text, leads, *[reading for each in named(text) for reading in (each, resolved(each))])
        ):
            if _fits(exact, one) or _fits(loose, shown := folded(one)) or _fits(similar, alike(shown)):
                return True
        return False

    return holds


Forms: TypeAlias = tuple[re.Pattern[str], ...]


def _forms(condition: str) -> tuple[Forms, Forms, Forms]:
    """A pattern as it stands, as it is read aloud, and as it looks; each as its path is written and where that leads.

    Raises:
        UsageError: it is no pattern.
    """
    try:
        if condition.startswith("re:"):
            expression = condition[3:]
            loose = (re.compile(expression, re.DOTALL | re.IGNORECASE),)
            return (re.compile(expression, re.DOTALL),), loose, loose
        told = tuple(dict.fromkeys((condition, resolved(condition))))
        exact = tuple([re.compile(_translated(one), re.DOTALL) for one in told])
        shown = dict.fromkeys([folded(one) for one in told])
        loose = tuple([re.compile(translate(one), re.DOTALL | re.IGNORECASE) for one in shown])
        look = dict.fromkeys([alike(one) for one in shown])
        return exact, loose, tuple([re.compile(translate(one), re.DOTALL | re.IGNORECASE) for one in look])
    except re.error as error:
        raise UsageError(f"{condition!r} is no regular expression: {error}") from error


def _translated(pattern: str) -> str:
    """As an expression; what stands for the host of an address ends where the host does."""
    scheme, separator, rest = pattern.partition("://")
    host, slash, path = rest.partition("/")
    if not separator or not slash or host == "*":
        return translate(pattern)
    hosts = "".join({"*": r"[^/?#\\@\s]*", "?": r"[^/?#\\@\s]"}.get(letter, re.escape(letter)) for letter in host)
    return f"{translate(scheme)[:-2]}://{hosts}/{translate(path)}"


def _fits(forms: Forms, text: str) -> bool:
    return any([form.fullmatch(text) is not None for form in forms])


def _comparison(order: Callable[[float, float], bool], limit: float) -> Condition:
    def holds(value: Any, unclear: bool) -> bool:
        if isinstance(value, bool):
            return unclear
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            return unclear
        return order(number, limit) if number == number else unclear  # NaN is not itself

    return holds


def plain(value: Any) -> str:
    """A value as text: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value, enc_hook=repr).decode()


def leaves(value: Any, place: str) -> list[Any]:
    """The single values at a place: of a list its items; at ``*`` all there are, keys of nested objects included.

    >>> leaves({"to": [{"address": "a"}, {"address": "b"}]}, "to.address")
    ['a', 'b']
    """
    if place == "*":
        return list(every(value, top=True))
    found = [value]
    for key in place.split("."):
        found = [
            cast("Mapping[str, Any]", each)[key] for each in _flat(found) if isinstance(each, dict) and key in each
        ]
    return _flat(found)


def _flat(values: list[Any]) -> list[Any]:
    flat: list[Any] = []
    for value in values:
        flat.extend(_flat(cast("list[Any]", value)) if isinstance(value, list) else [value])
    return flat


def every(value: Any, *, top: bool = False) -> Iterator[Any]:
    """Every single value in a JSON value; keys too, but for those at the ``top``, which the tool has named."""
    if isinstance(value, Mapping):
        for key, inner in cast("Mapping[Any, Any]", value).items():
            if not top:
                yield key
            yield from every(inner)
    elif isinstance(value, list | tuple):
        for inner in cast("list[Any]", value):
            yield from every(inner)
    else:
        yield value
