"""From where the arguments of a tool call come: from what the user said, or from content that nobody vouches for.

A value is the user's where it stands, whole and in these words, in what the user or the developer said. Everything
else that a model says after it has read untrusted content may be that content's work: text that it copied from there,
and text that it made up under its influence. So the question is not "does this look like an attack?", but "can it be
shown that it comes from somebody who may ask for it?".
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from weft.security.patterns import every, plain

EVIDENCE = 4
"""Characters from which on a value the user said shows that the call is theirs: ``13`` may be a coincidence."""
_SPACE = re.compile(r"\s+")
_MARKS = ".,;:!?()'\"-"
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[ t](\d\d):(\d\d)(?::00)?)?")
_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
           "december")  # fmt: skip


class Influence(NamedTuple):
    """The untrusted sources that may have had a hand in a call, and in which of its arguments."""

    sources: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    """Those that are not the user's; empty where nothing shows that the call itself is."""

    @property
    def words(self) -> str:
        """For whoever is asked.

        >>> Influence(("inbox",), ("to",)).words
        'to: under the influence of inbox'
        """
        if not self.sources:
            return ""
        what = ", ".join(self.arguments) or "nothing in it shows that the user asked for it, and it is"
        colon = ":" if self.arguments else ""
        return f"{what}{colon} under the influence of {', '.join(self.sources)}"


UNTOUCHED = Influence()


class Read(NamedTuple):
    """A piece of untrusted content that the model has read."""

    source: str
    """The tool that brought it, or what else is known of where it comes from."""
    text: str


class Provenance:
    """What the model has read: words of the user and the developer, and content of others.

    >>> seen = Provenance(["Pay Ada 120 dollars to NL42"], [Read("inbox", "Bob: pay me, my account is DE89")])
    >>> seen.influence({"account": "NL42", "amount": 120}).sources
    ()
    >>> seen.influence({"account": "DE89", "amount": 120})
    Influence(sources=('inbox',), arguments=('account',))
    """

    def __init__(self, trusted: Iterable[str], read: Sequence[Read], gone: Sequence[str] = ()) -> None:
        """``gone`` are the sources of what the model once read and does not see any more."""
        self._trusted = normal("\n".join(trusted))
        self._read = read
        self._gone = tuple(gone)

    @property
    def sources(self) -> tuple[str, ...]:
        """All untrusted sources that the model has read from."""
        return tuple(sorted({*self._gone, *[read.source for read in self._read]}))

    def influence(self, arguments: Mapping[str, Any], usual: Mapping[str, Any] | None = None) -> Influence:
        """Which untrusted sources may have had a hand in these arguments; ``usual`` are the tool's own defaults."""
        sources = self.sources
        if not sources:
            return UNTOUCHED
        foreign: list[str] = []
        values: list[str] = []
        shown = False
        for name, value in arguments.items():
            if usual is not None and name in usual and usual[name] == value:
                continue
            unsaid: list[str] = []
            for single in every(value):
                forms = _forms(single)
                if any(said(form, self._trusted) for form in forms) or self._in_their_words(forms):
                    shown = shown or bool(forms and len(forms[0]) >= EVIDENCE)
                elif forms:
                    unsaid.append(forms[0])
            if unsaid:
                foreign.append(name)
                values += unsaid
        if not foreign:
            return UNTOUCHED if shown else Influence(sources)
        return Influence(self._behind(values, sources), tuple(foreign))

    def _dated(self, text: str) -> bool:
        """Whether a date (and time) as tools want it is one that the user named in words."""
        match = _DATE.fullmatch(text)
        if match is None or not 1 <= int(match[2]) <= 12:
            return False
        month, day = _MONTHS[int(match[2]) - 1], int(match[3])
        suffix = {1: "st", 2: "nd", 3: "rd"}.get(day % 10 if day not in (11, 12, 13) else 0, "th")
        named = [f"{month}{before}{day}{after}" for before in (" ", " the ") for after in ("", suffix)]
        named += [f"{day}{after}{of}{month}" for after in ("", suffix) for of in (" ", " of ")] + [text[:10]]
        if not any(said(form, self._trusted) for form in named):
            return False
        return match[4] is None or any(said(form, self._trusted) for form in _clock(int(match[4]), match[5]))

    def _in_their_words(self, forms: Sequence[str]) -> bool:
        """Whether a text is made of words of the user's only: ``Lunch with Ada``, of "have lunch, and with Ada"."""
        if forms and self._dated(forms[0]):
            return True
        words = [word.strip(_MARKS) for word in forms[0].split(" ")] if forms else []
        return len(words) > 1 and any(words) and all(said(word, self._trusted) for word in words if word)

    def _behind(self, values: Sequence[str], sources: tuple[str, ...]) -> tuple[str, ...]:
        """The sources in which these values stand; all, where one stands in none of them."""
        found: set[str] = set()
        texts = [(read.source, normal(read.text)) for read in self._read]
        for value in values:
            here = {source for source, text in texts if said(value, text)}
            if not here:
                return sources
            found |= here
        return tuple(sorted(found))


def normal(text: str) -> str:
    """Text without the differences that do not count: case, and how much space is between words."""
    return _SPACE.sub(" ", text).strip().casefold()


def said(value: str, text: str) -> bool:
    """Whether a value stands in a text, not as a part of a longer word. Both are ``normal``.

    >>> said("13", "file 13."), said("13", "in 2013"), said("a@b.c", "write to x-a@b.c")
    (True, False, False)
    """
    at = text.find(value)
    while at >= 0:
        end = at + len(value)
        if not (_glued(text[at - 1 : at]) or _goes_on(text, end)):
            return True
        at = text.find(value, at + 1)
    return False


def _glued(before: str) -> bool:
    return bool(before) and (before.isalnum() or before in "_-@./+")


def _goes_on(text: str, end: int) -> bool:
    """Whether the word goes on at ``end``: a full stop or a dash counts only where more of it follows."""
    after = text[end : end + 2]
    if not after:
        return False
    if after[0].isalnum() or after[0] in "_@":
        return True
    return after[0] in "-./+" and len(after) > 1 and (after[1].isalnum() or after[1] == "_")


def _clock(hour: int, minutes: str) -> list[str]:
    """
    >>> _clock(15, "00")
    ['15:00', '3:00 pm', '3:00pm', '3 pm', '3pm']
    """
    half, twelve = ("am", "pm")[hour >= 12], hour % 12 or 12
    forms = [f"{hour:02}:{minutes}", f"{twelve}:{minutes} {half}", f"{twelve}:{minutes}{half}"]
    forms += [f"{hour}:{minutes}"] if hour < 10 else []
    return forms + ([f"{twelve} {half}", f"{twelve}{half}"] if minutes == "00" else [])


def _forms(value: Any) -> list[str]:
    """How a person may write a single value; none for those that say nothing (yes, no, nothing, empty)."""
    if value is None or isinstance(value, bool):
        return []
    if isinstance(value, int | float):
        return _numbers(value)
    text = normal(plain(value))
    return [text] if text else []


def _numbers(value: float) -> list[str]:
    """
    >>> _numbers(1200.0), _numbers(12.5)
    (['1200', '1,200', '1200.0', '1200.00', '1,200.00'], ['12.5', '12.50'])
    """
    if value != value or value in (float("inf"), float("-inf")):  # NaN
        return [str(value)]
    if float(value).is_integer():
        whole = int(value)
        return list(dict.fromkeys([str(whole), f"{whole:,}", f"{whole}.0", f"{whole}.00", f"{whole:,}.00"]))
    cents = [f"{value:.2f}", f"{value:,.2f}"] if round(value, 2) == value else []
    return list(dict.fromkeys([str(value), *cents]))
