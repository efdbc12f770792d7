"""The verbs of an app for money: what was spent, and what may be."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from weft.errors import NotFound
from weft.runtime.budgets import Budget, BudgetState
from weft.storage.accounts import CostRow, Dimension, Of, Per
from weft.storage.base import Scope

if TYPE_CHECKING:
    from weft.runtime.runner import Runner


class Accounts(ABC):
    """What an app knows and says of the cost of its runs."""

    workspace: str

    @abstractmethod
    async def open(self) -> Any: ...

    @property
    @abstractmethod
    def runner(self) -> "Runner": ...

    async def costs(
        self,
        *by: Dimension,
        since: float = 0.0,
        until: float | None = None,
        user: str | None = None,
        only: Mapping[Dimension, str] | None = None,
    ) -> Sequence[CostRow]:
        """Sums over all model calls that began in ``since <= at < until``, told apart ``by`` what you say.

        ``await app.costs("model", "day")`` has a row for each model and day; ``only={"thread": "t1"}`` counts
        nothing else.
        """
        await self.open()
        return await self.runner.store.ledger.sums(Scope(self.workspace, user), by, since=since, until=until, only=only)

    async def budgets(self) -> list[BudgetState]:
        """The budgets of the workspace, and what is used of them."""
        await self.open()
        return await self.runner.book.states(self.workspace)

    async def set_budget(self, budget: Budget) -> None:
        """Put a budget on record, in place of any of the same kind, subject and period."""
        await self.open()
        await self.runner.book.set(self.workspace, budget)

    async def remove_budget(self, of: Of, per: Per, subject: str = "") -> None:
        """Raises: NotFound, where none of that kind, period and subject is on record."""
        await self.open()
        if not await self.runner.book.remove(self.workspace, of, per, subject):
            raise NotFound(f"no budget of {of} {subject or '(general)'} per {per} is on record")
