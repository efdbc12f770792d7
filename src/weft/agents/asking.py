"""A model that fills in a form, outside any run: for work on memories that is done beside the runs."""

from contextlib import aclosing
from typing import Any, TypeVar

from weft.agents.agent import Agent
from weft.agents.hooks import Ask, Hook
from weft.engine.context import Context
from weft.errors import BudgetExceeded, OutputInvalid
from weft.events import LimitReached, RunFinished, RunPaused
from weft.models.base import Model, Request, Stream
from weft.runtime.budgets import Book, Purse
from weft.runtime.ledger import calls_of
from weft.runtime.limits import Limits, Meter
from weft.storage.accounts import CallRow
from weft.storage.base import Happened, RunRecord
from weft.storage.chore_rows import Chore

T = TypeVar("T")
_LIMITS = Limits(turns=4, seconds=600)


class Held(Hook):
    """Calls are held against the budgets of a purse, and are not made where too little is left."""

    def __init__(self, book: Book, record: RunRecord, chore: Chore) -> None:
        self.meter = Meter()
        self.meter.purse = Purse(book, record, chore)

    def around_model(self, ctx: Context[Any], request: Request, next: Ask) -> Stream:
        ctx.run.meter.purse = self.meter.purse
        return next(request)


async def filled(name: str, model: Model, ask: str, words: str, form: type[T], calls: list[CallRow], held: Held) -> T:
    """The form as the model fills it in; each call that it took is added to ``calls``, however it ended.

    Raises:
        BudgetExceeded: too little is left for it.
        WeftError: it cannot be had.
    """
    agent: Agent[Any] = Agent(name, model=model, instructions=ask, output=form, limits=_LIMITS, hooks=[held])
    happened: list[Happened] = []
    output: Any = None
    try:
        async with aclosing(agent.stream(words)) as envelopes:
            async for envelope in envelopes:
                happened.append(Happened(envelope.at, envelope.path, envelope.event))
                if isinstance(envelope.event, RunFinished):
                    output = envelope.event.output
    finally:
        calls += calls_of(1, happened, held.meter)
    told = [one.event for one in happened]
    spent = next((event for event in told if isinstance(event, LimitReached)), None)
    if spent is not None and any(isinstance(event, RunPaused) and event.reason == "budget" for event in told):
        raise BudgetExceeded(spent.message, spent.limit)
    if output is None:
        raise OutputInvalid(f"{model.name!r} did not fill in the form within its limits")
    return output
