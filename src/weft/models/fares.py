"""What a call beside chat may cost at most, by the price list: asked before the call is made, for budgets.

Nobody counts pictures and sounds in advance, so these are estimates on the safe side.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from weft.messages import Media
from weft.models.capabilities import listed

PICTURE = 6_500
"""Tokens of the largest picture, where pictures are paid for by the token (gpt-image-1: 6,240)."""
_LETTERS = 8.0
"""Letters in a second of slow speech."""
_SPOKEN, _HEARD, _WRITTEN = 25, 10, 5
"""Tokens for a second: of a sound that is made, of one that is heard, and of its words."""
_BYTES = {"audio/wav": 16_000.0, "audio/x-wav": 16_000.0}
"""Of a second, at least; in all other forms 2,000."""


class Fare(NamedTuple):
    """What a call may take at most."""

    tokens: int
    usd: float | None
    """``None`` where nobody knows the price."""


def drawing(name: str, prompt: str, settings: Mapping[str, Any]) -> Fare:
    """Of pictures.

    >>> drawing("openai/gpt-image-1", "a cat", {"n": 2, "quality": "low", "size": "1024x1024"}).usd
    0.022
    >>> drawing("openai/nobody-knows-me", "a cat", {}).usd is None
    True
    """
    number = max(1, int(settings.get("n") or 1))
    size, quality = str(settings.get("size") or ""), str(settings.get("quality") or "")
    prices, by = _prices(name), size.replace("x", "-x-")
    for more in (f"{quality}/{by}", by, quality):
        if more.strip("/") and (special := _prices(name, more)):
            prices = special
            break
    words = _words(prompt)
    if rate := max(prices.get("input_cost_per_image", 0.0), prices.get("output_cost_per_image", 0.0)):
        return Fare(words, round(rate * number, 9))
    if rate := max(prices.get("input_cost_per_pixel", 0.0), prices.get("output_cost_per_pixel", 0.0)):
        return Fare(words, rate * _pixels(size) * number)
    if rate := prices.get("output_cost_per_image_token") or prices.get("output_cost_per_token", 0.0):
        most = PICTURE * number
        return Fare(words + most, words * prices.get("input_cost_per_token", 0.0) + most * rate)
    return Fare(words, None)


def speaking(name: str, text: str) -> Fare:
    """Of a text that is read aloud.

    >>> speaking("openai/tts-1", "x" * 1000).usd
    0.015
    """
    prices, words, seconds = _prices(name), _words(text), 2 + len(text) / _LETTERS
    if (exact := letters(name, text)) is not None:
        return Fare(words, exact)
    made = int(seconds * _SPOKEN)
    rate = prices.get("output_cost_per_audio_token") or prices.get("output_cost_per_token", 0.0)
    usd = max(made * rate, seconds * prices.get("output_cost_per_second", 0.0))
    return Fare(words + made, usd + words * prices.get("input_cost_per_token", 0.0) if usd else None)


def letters(name: str, text: str) -> float | None:
    """US dollars for a text, exactly, where it is paid for by the letter."""
    rate = _prices(name).get("input_cost_per_character")
    return None if rate is None else round(rate * len(text), 9)


def hearing(name: str, sound: Media) -> Fare:
    """Of a sound that is written down.

    >>> hearing("openai/whisper-1", Media(mime="audio/mpeg", data=b"x" * 20_000)).usd
    0.001
    """
    prices, seconds = _prices(name), len(sound.data or b"") / _BYTES.get(sound.mime, 2_000.0)
    heard, written = int(seconds * _HEARD), int(seconds * _WRITTEN) + 50
    by_time = max(prices.get("input_cost_per_second", 0.0), prices.get("output_cost_per_second", 0.0)) * seconds
    rate = prices.get("input_cost_per_audio_token") or prices.get("input_cost_per_token", 0.0)
    usd = max(by_time, heard * rate + written * prices.get("output_cost_per_token", 0.0))
    return Fare(heard + written, usd or None)


def embedding(name: str, texts: Sequence[str]) -> Fare:
    """Of texts that become vectors.

    >>> embedding("openai/text-embedding-3-small", ["x" * 4000])
    Fare(tokens=2000, usd=4e-05)
    """
    tokens = sum([_words(text) for text in texts])
    rate = _prices(name).get("input_cost_per_token")
    return Fare(tokens, None if rate is None else tokens * rate)


def ranking(name: str, query: str, documents: Sequence[str]) -> Fare:
    """Of documents that are ranked."""
    tokens = sum([_words(query) + _words(each) for each in documents])
    rate = _prices(name).get("input_cost_per_token")
    usd = by_query(name)
    return Fare(tokens, usd if usd is not None else None if rate is None else tokens * rate)


def by_query(name: str) -> float | None:
    """US dollars for a ranking, where each costs the same.

    >>> by_query("cohere/rerank-v3.5"), by_query("openai/gpt-5-mini")
    (0.002, None)
    """
    return _prices(name).get("input_cost_per_query") or None


def _words(text: str) -> int:
    """Tokens of a text, at most: in most languages half of this."""
    return len(text) // 2 + 1 if len(text) % 2 else len(text) // 2


def _pixels(size: str) -> int:
    width, _, height = size.partition("x")
    return int(width) * int(height) if width.isdigit() and height.isdigit() else 1024 * 1024


@lru_cache(maxsize=256)
def _prices(name: str, more: str = "") -> dict[str, float]:
    """The prices of a model, for pictures of some quality and size, if there are such; none are above a size here."""
    provider, slash, model = name.partition("/")
    if not slash:
        provider, model = "", name
    keys = [f"{provider}/{more}/{model}", f"{more}/{model}"] if more else [model]
    entry = next((found for key in keys if (found := listed(provider, key)) is not None), None) or {}
    return {key: float(rate) for key, rate in entry.items() if "_cost_per_" in key and isinstance(rate, int | float)}
