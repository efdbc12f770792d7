"""Calls that no run makes, such as for the vectors of documents: in the ledger, and held by the workspace's budgets."""

import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from typing import TypeVar

from weft.errors import BudgetExceeded, ModelError
from weft.messages import Usage
from weft.models.fares import Fare
from weft.models.payer import PAYER
from weft.storage.accounts import NANO, Allowance, CallRow, period
from weft.storage.base import Store

T = TypeVar("T")


class Apart:
    """The workspace pays. Its budgets are looked at before a call and used after it; nothing is set aside between."""

    open = True

    def __init__(self, store: Store, workspace: str, agent: str) -> None:
        self._store, self._workspace, self._agent = store, workspace, agent

    async def paid(
        self, name: str, ask: Callable[[], Awaitable[T]], usage: Callable[[T], Usage], fare: Callable[[], Fare]
    ) -> T:
        """What the model gives.

        Raises:
            BudgetExceeded: nothing is left; nobody was asked.
        """
        await self._check()
        began, code, used = time.time(), None, Usage()
        try:
            given = await ask()
            used = usage(given)
            return given
        except ModelError as error:
            code = error.code
            raise
        finally:
            await self._store.ledger.apart(self._workspace, self._row(name, began, used, code))

    async def _check(self) -> None:
        now = time.time()
        for row in await self._store.budgets.list(self._workspace):
            if row.of != "workspace":
                continue
            starts_at, ends_at = period(row.per, now)
            one = Allowance(budget=row, subject="", starts_at=starts_at, ends_at=ends_at)
            tally = await self._store.budgets.used(self._workspace, one)
            no_usd = row.nanos is not None and tally.nanos + tally.held_nanos >= row.nanos
            if no_usd or (row.tokens is not None and tally.tokens + tally.held_tokens >= row.tokens):
                raise BudgetExceeded(f"the budget of the workspace per {row.per} is used up", f"workspace/{row.per}")

    def _row(self, name: str, began: float, used: Usage, code: str | None) -> CallRow:
        return CallRow(
            seq=0,
            at=began,
            agent=self._agent,
            model=name,
            input_tokens=used.input_tokens,
            output_tokens=used.output_tokens,
            nanos=None if used.cost is None else round(used.cost * NANO),
            duration=max(0, round((time.time() - began) * 1000)),
            finish="" if code else "stop",
            error=code,
        )


@contextmanager
def apart(store: Store, workspace: str, agent: str) -> Generator[None]:
    """What is embedded in here, the workspace pays for; ``agent`` is who it is by in the ledger."""
    token = PAYER.set(Apart(store, workspace, agent))
    try:
        yield
    finally:
        PAYER.reset(token)
