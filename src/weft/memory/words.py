"""From text to the terms that it is found by: lower case, without the commonest words, by their stems."""

import re
import time
from functools import cache, lru_cache
from threading import Lock
from typing import Any, cast

_WORD = re.compile(r"[^\W_]+", re.UNICODE)
_ASCII = {code: chr(code).lower() if chr(code).isalnum() else " " for code in range(128)}
"""The same for the commonest texts, at a third of the time."""
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")
"""Scripts that put no spaces between words: they are found by pairs of characters."""
_COMMON = frozenset(
    """
    a about after all also am an and any are as at be been before being both but by can could did do does doing for
    from had has have having he her here hers him his how i if in into is it its just me more most my no nor not of
    on once only or other our out over own s same she should so some such t than that the their them then there
    these they this those through to too under until up very was we were what when where which while who whom why
    will with would you your
    """.split()  # noqa: SIM905  # to be read
)

_WORDS = 100_000
"""That are remembered with their terms."""
_one = Lock()
"""The stemmer has a memory of the word that it is at: threads take turns."""


def terms(text: str) -> list[str]:
    """The terms of a text, in order, each as often as it is there.

    >>> terms("Where did Ada's flights to Tokyo depart?")
    ['ada', 'flight', 'tokyo', 'depart']
    """
    if text.isascii():
        return [term for term in map(_TERMS.__getitem__, text.translate(_ASCII).split()) if term]
    text = text.lower()
    words: list[str] = _WORD.findall(text)
    if not _UNSPACED.search(text):
        return [term for term in map(_TERMS.__getitem__, words) if term]
    found: list[str] = []
    for word in words:
        if _UNSPACED.search(word):
            found += [word[i : i + 2] for i in range(max(1, len(word) - 1))]
        elif term := _TERMS[word]:
            found.append(term)
    return found


def common(word: str) -> bool:
    """Whether it says nothing by itself.

    >>> common("the"), common("thebes"), common("")
    (True, False, True)
    """
    return len(word) < 2 or word in _COMMON


def dated(text: str, at: float) -> str:
    """The text with its day before it, so that a question for a day finds it.

    >>> dated("I moved.", 1_683_540_000)
    '8 May 2023: I moved.'
    """
    return f"{_day(at // 86_400)}: {text}"


@lru_cache(maxsize=10_000)
def _day(number: float) -> str:
    """The name of a day, by its number since the epoch."""
    day = time.gmtime(number * 86_400)
    return f"{day.tm_mday} {time.strftime('%B %Y', day)}"


class _Terms(dict[str, str]):
    """The term of each word that was met, '' for one that says nothing: looked up a million times, stemmed once."""

    def __missing__(self, word: str) -> str:
        term = "" if word in _COMMON else word if word.isdigit() else _stemmed(word)
        if len(self) >= _WORDS:
            self.clear()
        self[word] = term
        return term


_TERMS = _Terms()


def _stemmed(word: str) -> str:
    with _one:
        return _stemmer().stemWord(word)


@cache
def _stemmer() -> Any:
    import snowballstemmer  # noqa: PLC0415  # pyright: ignore[reportMissingTypeStubs]

    return cast(Any, snowballstemmer).stemmer("english")
