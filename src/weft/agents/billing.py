"""Calls beside chat that something makes on the way: they are set aside for, timed and counted where they are made."""

from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from typing import Any, TypeVar

from weft import events
from weft.agents.paying import set_fare_aside
from weft.engine.context import Context
from weft.errors import ModelError, UsageError
from weft.messages import Usage
from weft.models.fares import Fare
from weft.models.payer import PAYER

T = TypeVar("T")


class Bill:
    """What is asked here is the run's to pay for, as long as the bill is open."""

    def __init__(self, ctx: Context[Any]) -> None:
        self._ctx = ctx
        self.open = True

    async def paid(
        self, name: str, ask: Callable[[], Awaitable[T]], usage: Callable[[T], Usage], fare: Callable[[], Fare]
    ) -> T:
        """What the model gives; the call is on record, and what it costs counts.

        Raises:
            Interrupted: a budget has too little left; nothing was asked.
        """
        ctx = self._ctx
        if (purse := ctx.run.meter.purse) is not None:
            await set_fare_aside(purse, name, fare, ctx)
        began = events.now()
        ctx.emit(events.ModelStarted(name))
        try:
            given = await ask()
        except (ModelError, UsageError) as error:
            ctx.emit(events.ModelFailed(name, error.code, str(error), began))
            raise
        except BaseException as error:
            code = "bug" if isinstance(error, Exception) else "cancelled"
            ctx.emit(events.ModelFailed(name, code, str(error), began))
            raise
        ctx.emit(events.ModelFinished(name, usage(given), began, None, beside=True))
        return given


@contextmanager
def billing(ctx: Context[Any]) -> Generator[None]:
    """What is embedded and ranked in here, the run pays for."""
    bill = Bill(ctx)
    token = PAYER.set(bill)
    try:
        yield
    finally:
        bill.open = False  # what was begun in here may outlive it
        PAYER.reset(token)
