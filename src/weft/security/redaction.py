"""Personal data and secrets in text: found, replaced, and replaced in the same way in a stream of pieces.

A text is cut into segments at places that depend only on what stands before them, and each segment is redacted by
itself. So it does not matter in which pieces a text arrives: a stream is redacted exactly as the whole is.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import log2
from typing import TypeAlias

from weft.errors import UsageError

Check: TypeAlias = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Kind:
    """Something that may stand in a text: its name, how it looks, and how to tell it from what only looks so."""

    name: str
    pattern: re.Pattern[str]
    check: Check | None = None


def _luhn(text: str) -> bool:
    """
    >>> _luhn("4111 1111 1111 1111"), _luhn("4111 1111 1111 1112")
    (True, False)
    """
    digits = [int(each) for each in text if each.isdigit()]
    doubled = [d if at % 2 == 0 else (2 * d - 9 if d > 4 else 2 * d) for at, d in enumerate(reversed(digits))]
    return 13 <= len(digits) <= 19 and sum(doubled) % 10 == 0


def _iban(text: str) -> bool:
    """
    >>> _iban("DE89 3704 0044 0532 0130 00"), _iban("DE89 3704 0044 0532 0130 01")
    (True, False)
    """
    compact = text.replace(" ", "")
    turned = compact[4:] + compact[:4]
    return 15 <= len(compact) <= 34 and int("".join([str(int(each, 36)) for each in turned])) % 97 == 1


def _phone(text: str) -> bool:
    return 8 <= sum(each.isdigit() for each in text) <= 15


def _random(text: str) -> bool:
    """Whether it looks drawn by lot: letters of both cases and digits, with much surprise in each."""
    word = text.rpartition("=")[2].strip("\"' :")
    mixed = any(c.isdigit() for c in word) and any(c.islower() for c in word) and any(c.isupper() for c in word)
    shares = [word.count(c) / len(word) for c in set(word)]
    return mixed and -sum([share * log2(share) for share in shares]) > 3.5


_W = r"[A-Za-z0-9]"
PERSONAL: tuple[Kind, ...] = (
    Kind("email", re.compile(r"(?<![\w.+-])[\w.+-]+@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}")),
    Kind("iban", re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![A-Za-z0-9])"),
         _iban),
    Kind("card", re.compile(r"(?<![\d.])\d(?:[ -]?\d){12,18}(?![\d])"), _luhn),
    Kind("ssn", re.compile(r"(?<![\d-])(?!000|666|9)\d{3}[- ](?!00)\d{2}[- ](?!0000)\d{4}(?![\d-])")),
    Kind("ip", re.compile(r"(?<![\w.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\w.]*\w)")),
    Kind("phone", re.compile(r"(?<![\w.])(?:\+\d{1,3}(?:[ .-]?\(?\d{1,8}\)?){1,6}"
                             r"|\(\d{2,4}\)[ .-]?\d{2,8}(?:[ .-]\d{2,8}){0,3}"
                             r"|0\d{1,4}(?:[ /-]\d{2,8}){1,4}|\d{3}[ .-]\d{3}[ .-]\d{4})(?![\w-])"), _phone),
)  # fmt: skip
SECRETS: tuple[Kind, ...] = (
    Kind("private_key",
         re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.S)),
    Kind("jwt", re.compile(r"(?<!\w)eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}")),
    Kind("aws_key", re.compile(rf"(?<!{_W})(?:AKIA|ASIA)[A-Z0-9]{{16}}(?!{_W})")),
    Kind("github_token", re.compile(r"(?<!\w)(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{40,})")),
    Kind("slack_token", re.compile(r"(?<!\w)xox[abprs]-[\w-]{10,}")),
    Kind("google_key", re.compile(r"(?<!\w)AIza[\w-]{30,}")),
    Kind("api_key", re.compile(r"(?<!\w)(?:sk|pk|rk)[-_](?:[a-z]+[-_])*[A-Za-z0-9_-]{16,}")),
    Kind("url_password", re.compile(r"(?<=://)[^\s/:@]+:[^\s/@]+(?=@)")),
    Kind("password",
         re.compile(r"(?i)(?<!\w)(?:password|passwd|secret|api_?key|access_?token)[\"']?[=:][\"']?[^\s\"',;]{6,}")),
    Kind("random", re.compile(r"(?<![\w/+-])[A-Za-z0-9/+_-]{32,}={0,2}(?![\w/+-])"), _random),
)  # fmt: skip
KINDS: Mapping[str, Kind] = {kind.name: kind for kind in (*PERSONAL, *SECRETS)}

_OPENED, _CLOSED = "-----BEGIN", re.compile(r"-----END [A-Z ]*-----")
_SPACES, _LINES = re.compile(r"\s"), re.compile(r"\n")
_WITHIN = re.compile(r"[0-9A-Z)]")
"""What can stand before a space in the midst of something: groups of digits or of capitals."""


def _place(kind: Kind) -> int:
    """As in ``KINDS``, whatever order they are given in: what is checked by its digits before what only looks alike."""
    return _PLACES.get(kind.name, len(_PLACES))


_PLACES = {name: place for place, name in enumerate(KINDS)}


class Redactor:
    """Replaces what it is to find by its kind: ``[email]``.

    >>> Redactor(KINDS["email"]).whole("write to ada@example.com")
    'write to [email]'
    """

    def __init__(self, *kinds: Kind, lines: Sequence[Kind] = ()) -> None:
        """``lines`` are kinds of your own, whose patterns may hold spaces: text is then cut only between lines."""
        self._kinds = (*sorted(kinds, key=_place), *lines)
        self._cut = _LINES if lines else _SPACES

    def whole(self, text: str) -> str:
        """The text, redacted."""
        segments, rest = self.split(text)
        return "".join([self.segment(each) for each in (*segments, rest)])

    def found(self, text: str) -> tuple[str, ...]:
        """The kinds that stand in the text."""
        names: dict[str, None] = {}
        segments, rest = self.split(text)
        for each in (*segments, rest):
            self.segment(each, names)
        return tuple(names)

    def stream(self) -> "Streamed":
        """For text that comes in pieces."""
        return Streamed(self)

    def split(self, text: str) -> tuple[list[str], str]:
        """The segments that are complete, and one that may still grow."""
        found: list[str] = []
        start = 0
        for match in self._cut.finditer(text):
            at = match.end()
            if text[at - 1] != "\n" and (at - start < 2 or _WITHIN.match(text[at - 2])):
                continue
            if (opened := text.rfind(_OPENED, start, at)) >= 0 and _CLOSED.search(text, opened, at) is None:
                continue
            found.append(text[start:at])
            start = at
        return found, text[start:]

    def segment(self, text: str, names: dict[str, None] | None = None) -> str:
        """One segment, redacted; ``names`` takes the kinds that stand in it."""
        for kind in self._kinds:
            text = kind.pattern.sub(partial(_replaced, kind, names), text)
        return text


def _replaced(kind: Kind, names: dict[str, None] | None, match: re.Match[str]) -> str:
    if kind.check is not None and not kind.check(match[0]):
        return match[0]
    if names is not None:
        names[kind.name] = None
    return f"[{kind.name}]"


class Streamed:
    """A stream that is redacted: what is safe to say comes out at once, the rest with what follows."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor, self._held = redactor, ""

    def feed(self, text: str) -> str:
        """What can be said now."""
        segments, self._held = self._redactor.split(self._held + text)
        return "".join([self._redactor.segment(each) for each in segments])

    def end(self) -> str:
        """The rest."""
        ready, self._held = self._held, ""
        return self._redactor.segment(ready)


def kinds_of(names: Sequence[str], usual: Sequence[Kind]) -> tuple[Kind, ...]:
    """The kinds that are called so; the usual ones without names.

    Raises:
        UsageError: there is none of that name.
    """
    if unknown := [name for name in names if name not in KINDS]:
        raise UsageError(f"nothing is known of {unknown[0]!r}; known are: {', '.join(KINDS)}")
    return tuple([KINDS[name] for name in names]) or tuple(usual)
