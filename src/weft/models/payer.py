"""Who pays for what is embedded and ranked: whoever said so, around where that is done."""

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Protocol, TypeVar

from weft.messages import Usage
from weft.models.fares import Fare

T = TypeVar("T")


class Payer(Protocol):
    """Whose calls are made here: they are held against his budgets, and are in the ledger."""

    @property
    def open(self) -> bool:
        """Whether he still pays."""
        ...

    async def paid(
        self, name: str, ask: Callable[[], Awaitable[T]], usage: Callable[[T], Usage], fare: Callable[[], Fare]
    ) -> T: ...


PAYER: ContextVar[Payer | None] = ContextVar("weft.payer", default=None)
"""Of the calls that are made from here."""


async def billed(
    name: str, ask: Callable[[], Awaitable[T]], usage: Callable[[T], Usage], fare: Callable[[], Fare]
) -> T:
    """What the model ``name`` gives when it is asked; ``fare`` is what that may cost at most."""
    payer = PAYER.get()
    return await (ask() if payer is None or not payer.open else payer.paid(name, ask, usage, fare))
