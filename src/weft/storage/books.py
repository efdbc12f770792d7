"""What a store promises of money: the ledger of model calls, and budgets. Both are ports."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from weft.storage.accounts import (
    Allowance,
    BudgetRow,
    CallRow,
    CostRow,
    Dimension,
    Reservation,
    Shortage,
    Tally,
)
from weft.storage.rows import Scope


class Ledger(Protocol):
    """What model calls cost. Calls come in with the commits that end them."""

    async def sums(
        self,
        scope: Scope,
        by: Sequence[Dimension],
        *,
        since: float = 0.0,
        until: float | None = None,
        only: Mapping[Dimension, str] | None = None,
    ) -> Sequence[CostRow]:
        """Sums over the calls that began in ``since <= at < until``, in the order of their keys.

        ``only`` keeps those with these values. What is left of deleted threads has no run and no thread.
        """
        ...

    async def late(self, run_id: str, calls: Sequence[CallRow]) -> None:
        """Add calls of a run that is not ours, or has ended; each counts once, and settles what was reserved for it.

        Nothing happens where the run is gone.
        """
        ...

    async def apart(self, workspace: str, call: CallRow) -> None:
        """Add a call that belongs to no run and no user; it is used of the workspace's budgets."""
        ...


class Budgets(Protocol):
    """How much may be spent, and what is reserved of it."""

    async def list(self, workspace: str) -> Sequence[BudgetRow]: ...

    async def set(self, workspace: str, budget: BudgetRow) -> None:
        """Make it, or change it: what was spent stays spent."""
        ...

    async def remove(self, workspace: str, budget: BudgetRow) -> bool:
        """Whether there was one of that kind, subject and period."""
        ...

    async def used(self, workspace: str, allowance: Allowance) -> Tally: ...

    async def reserve(self, wanted: Reservation, ttl: float) -> Shortage | None:
        """Set aside what a call may cost, of all the budgets that it falls under or of none.

        All in one transaction, exact however many do so at once. What dead runs hold is given back where
        there would be too little else: those that do not run any more, or whose process did not beat for ``ttl``
        seconds.
        """
        ...
