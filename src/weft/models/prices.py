"""What an answer costs by the price list, and what a token will. An unknown price is unknown, never zero."""

import asyncio
from functools import lru_cache
from typing import Any, Protocol, runtime_checkable

from msgspec import Struct

from weft.messages import Usage
from weft.models.base import Model
from weft.models.capabilities import awake, listed


class Prices(Struct, frozen=True):
    """US dollars for a token. ``None`` where the list says nothing: then the token costs as any other of its side."""

    input: float
    output: float
    cached: float | None = None
    cache_write: float | None = None
    reasoning: float | None = None


def cost(provider: str, model: str, usage: Usage) -> float | None:
    """US dollars, or ``None`` where the list has no price for the model, or more rules than are known here.

    >>> cost("openai", "gpt-5-mini", Usage(input_tokens=100, output_tokens=20, cached_tokens=60))
    5.15e-05
    >>> cost("openai", "a-model-of-my-own", Usage(input_tokens=100)) is None
    True
    """
    steps = _steps(provider, model)
    if not steps:
        return None
    price = next((price for above, price in steps if usage.input_tokens > above), steps[-1][1])
    plain = max(usage.input_tokens - usage.cached_tokens - usage.cache_write_tokens, 0)
    said = max(usage.output_tokens - usage.reasoning_tokens, 0)
    return round(
        plain * price.input
        + usage.cached_tokens * (price.input if price.cached is None else price.cached)
        + usage.cache_write_tokens * (price.input if price.cache_write is None else price.cache_write)
        + said * price.output
        + usage.reasoning_tokens * (price.output if price.reasoning is None else price.reasoning),
        12,
    )


def is_known(provider: str, model: str) -> bool:
    """Whether ``cost`` knows the model's price."""
    return bool(_steps(provider, model))


@lru_cache(maxsize=256)
def _steps(provider: str, model: str) -> tuple[tuple[int, Prices], ...]:
    """Prices by the size of the prompt they hold above, largest first; none where the list's rules are not these."""
    entry = listed(provider, model)
    if entry is None or "tiered_pricing" in entry or "off_peak_pricing" in entry:
        return ()
    thousands = {
        int(name.split("_above_")[1].removesuffix("k_tokens"))
        for name in entry
        if name.startswith("input_cost_per_token_above_") and name.endswith("k_tokens")
    }
    base = _at(entry, "")
    if base is None:
        return ()
    above = [(each * 1000, _at(entry, f"_above_{each}k_tokens", base)) for each in sorted(thousands, reverse=True)]
    return (*[(size, price) for size, price in above if price is not None], (-1, base))


def _at(entry: dict[str, Any], suffix: str, base: Prices | None = None) -> Prices | None:
    def rate(name: str, known: float | None) -> float | None:
        said = entry.get(f"{name}{suffix}")
        return float(said) if isinstance(said, int | float) else known

    input = rate("input_cost_per_token", base and base.input)
    output = rate("output_cost_per_token", base and base.output)
    if input is None or output is None:
        return None
    return Prices(
        input,
        output,
        rate("cache_read_input_token_cost", base and base.cached),
        rate("cache_creation_input_token_cost", base and base.cache_write),
        rate("output_cost_per_reasoning_token", base and base.reasoning),
    )


class Price(Struct, frozen=True, kw_only=True):
    """US dollars per token, and how many tokens an answer has at most."""

    input: float
    output: float
    max_output: int | None = None


FREE = Price(input=0.0, output=0.0)


@runtime_checkable
class Priced(Protocol):
    """A model that says itself what it costs; ``None`` where it does not know."""

    @property
    def price(self) -> Price | None: ...


_known: dict[str, Price | None] = {}


async def price_of(model: Model) -> Price | None:
    """By the model's own word, or by its name in LiteLLM's price list; ``None`` where nobody knows."""
    await awake(model)
    if isinstance(model, Priced):
        return model.price
    if model.name not in _known:
        _known[model.name] = await asyncio.to_thread(named_price, model.name)  # the list is a large file
    return _known[model.name]


def named_price(name: str) -> Price | None:
    """What the price list says of a model's name.

    >>> price = named_price("openai/gpt-5-mini")
    >>> price is not None and 0 < price.input < price.output < 0.001
    True
    """
    provider, slash, model = name.partition("/")
    if not slash:
        provider, model = "", name
    entry = listed(provider, model)
    rates = None if entry is None else _at(entry, "")
    if entry is None or rates is None:
        return None
    most = entry.get("max_output_tokens")
    return Price(input=rates.input, output=rates.output, max_output=most if isinstance(most, int) else None)
