"""What a model call may cost at most is set aside of every budget that it falls under, before it is made."""

import asyncio
from collections.abc import Callable
from typing import Any

from msgspec.json import encode

from weft.engine.context import Context
from weft.models.base import Model, Request
from weft.models.fares import Fare
from weft.models.prices import Price, price_of
from weft.runtime.budgets import Purse
from weft.runtime.conversation import count_tokens, estimate
from weft.storage.accounts import NANO

MOST_OUTPUT = 4_096
"""Tokens that an answer is taken to have at most, where neither the request nor the price list says."""
_ASKED = ("max_tokens", "max_completion_tokens", "max_output_tokens")


async def set_aside(purse: Purse, model: Model, request: Request, ctx: Context[Any]) -> None:
    """Reserve what the call may cost.

    Raises:
        Interrupted: a budget has too little left; the call is not to be made.
    """
    under = await purse.allowances()
    if not under:
        return
    price = await price_of(model)
    told, said = most_tokens(request, price)
    nanos = None if price is None else -int(-(told * price.input + said * price.output) * NANO // 1)
    await purse.reserve(ctx.path, model.name, told + said, nanos, under)


async def set_fare_aside(purse: Purse, name: str, fare: Callable[[], Fare], ctx: Context[Any]) -> None:
    """Reserve what a call beside chat may cost.

    Raises:
        Interrupted: a budget has too little left; the call is not to be made.
    """
    under = await purse.allowances()
    if under:
        tokens, usd = await asyncio.to_thread(fare)  # the price list is a large file
        await purse.reserve(ctx.path, name, tokens, None if usd is None else -int(-usd * NANO // 1), under)


def most_tokens(request: Request, price: Price | None) -> tuple[int, int]:
    """Tokens of a request as they are counted here, and those that its answer has at most.

    >>> from weft.messages import user
    >>> most_tokens(Request(messages=[user("twelve letters")], settings={"max_tokens": 100}), None)
    (8, 100)
    """
    told = sum([count_tokens(message) for message in request.messages])
    for tool in request.tools:
        told += 8 + estimate(tool.name + tool.description) + len(encode(tool.parameters)) // 4
    if request.output is not None:
        told += len(encode(request.output.schema)) // 4
    said = next((most for name in _ASKED if isinstance(most := request.settings.get(name), int)), None)
    if said is None:
        said = MOST_OUTPUT if price is None or price.max_output is None else price.max_output
    return told, said
