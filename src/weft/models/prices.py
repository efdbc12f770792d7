"""What a token of a model costs, as far as it is known before the model is asked."""

import asyncio
from typing import Protocol, runtime_checkable

from msgspec import Struct

from weft.models.base import Model
from weft.models.capabilities import listed_price


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
    found = listed_price(name)
    return None if found is None else Price(input=found[0], output=found[1], max_output=found[2])
