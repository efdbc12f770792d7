"""What a client gets of costs and budgets."""

from typing import Literal

from msgspec import Struct

from weft.runtime.budgets import BudgetState
from weft.storage.accounts import CostRow, Dimension, Of, Per


class CostView(Struct, frozen=True, kw_only=True):
    """A sum over model calls."""

    key: dict[str, str]
    """What tells it apart, by dimension."""
    calls: int
    failed: int
    unpriced: int
    """Calls whose price is not known: their cost is not in ``usd``."""
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    audio_tokens: int
    usd: float | None
    """``null`` where no price is known."""
    duration: int
    """Milliseconds, all together."""
    first_piece: float | None
    """Milliseconds until the first piece, on the average."""


class Costs(Struct, frozen=True):
    items: list[CostView]


class BudgetView(Struct, frozen=True, kw_only=True):
    """A budget, and what is used of it."""

    of: Of
    subject: str
    """Whose it is; empty for one that each run, thread or user has for itself, and for the workspace's."""
    per: Per
    usd: float | None
    tokens: int | None
    unpriced: Literal["refuse", "allow"]
    resets_at: float | None
    """Seconds since the epoch."""
    used_usd: float | None
    """``null`` for what each has for itself."""
    used_tokens: int | None
    held_usd: float | None
    """Reserved for calls that are being made."""
    held_tokens: int | None


class Budgets(Struct, frozen=True):
    items: list[BudgetView]


VIEWS: tuple[type[Struct], ...] = (Costs, CostView, Budgets, BudgetView)


def cost_view(by: tuple[Dimension, ...], row: CostRow) -> CostView:
    names = [name for name in CostView.__struct_fields__ if name != "key"]
    values = {name: getattr(row, name) for name in names}
    return CostView(key=dict(zip(by, row.key, strict=True)), **values)


def budget_view(state: BudgetState) -> BudgetView:
    budget = state.budget
    return BudgetView(
        of=budget.of,
        subject=budget.subject,
        per=budget.per,
        usd=budget.usd,
        tokens=budget.tokens,
        unpriced=budget.unpriced,
        resets_at=state.resets_at,
        used_usd=state.usd,
        used_tokens=state.tokens,
        held_usd=state.held_usd,
        held_tokens=state.held_tokens,
    )
