"""What a store keeps of money: model calls in the ledger, budgets, and what is reserved of them."""

from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias, get_args

from msgspec import Struct

Of: TypeAlias = Literal["run", "thread", "user", "workspace"]
Per: TypeAlias = Literal["hour", "day", "month", "total"]
Dimension: TypeAlias = Literal[
    "model", "agent", "run", "thread", "user", "workspace", "hour", "day", "month", "finish", "error"
]
"""By what costs may be told apart. Times are UTC: ``2026-11-21T09`` is an hour, ``2026-11`` a month."""

PERIODS: tuple[Per, ...] = get_args(Per)
DIMENSIONS: tuple[Dimension, ...] = get_args(Dimension)

NANO = 1_000_000_000
"""Money is kept in whole billionths of a dollar, so that sums are exact."""


def period(per: Per, now: float) -> tuple[float, float | None]:
    """When the period began in which ``now`` is, and when it ends.

    >>> [datetime.fromtimestamp(at, UTC).isoformat()[:16] for at in period("month", 1_764_547_200.0 - 1)]
    ['2025-11-01T00:00', '2025-12-01T00:00']
    """
    if per == "total":
        return 0.0, None
    hour = datetime.fromtimestamp(now, UTC).replace(minute=0, second=0, microsecond=0)
    if per == "hour":
        return hour.timestamp(), hour.timestamp() + 3_600
    day = hour.replace(hour=0)
    if per == "day":
        return day.timestamp(), day.timestamp() + 86_400
    first = day.replace(day=1)
    return first.timestamp(), (first + timedelta(days=32)).replace(day=1).timestamp()


class CallRow(Struct, frozen=True, kw_only=True, gc=False):
    """One model call, as the ledger has it: numbers and names, nothing of what was said."""

    seq: int
    """The number of the event that says how it ended."""
    at: float
    """When it began, in seconds since the epoch."""
    agent: str
    """The agent or graph that made it."""
    model: str
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    audio_tokens: int = 0
    nanos: int | None = None
    """What it cost; ``None`` where the price is not known."""
    duration: int = 0
    """Milliseconds."""
    first_piece: int | None = None
    """Milliseconds until its first piece."""
    finish: str = ""
    """Why it ended; empty where it failed."""
    error: str | None = None
    """The code of the error that it failed with."""
    reservation: str | None = None
    """What was reserved for it, which this row settles."""


class BudgetRow(Struct, frozen=True, kw_only=True):
    """How much may be spent in a period: by each run, thread or user, by a certain one, or by the workspace."""

    of: Of
    subject: str = ""
    """The id of a certain one, whose budget takes the place of the general one."""
    per: Per
    nanos: int | None = None
    tokens: int | None = None
    unpriced: Literal["refuse", "allow"] = "refuse"
    """What becomes of a call that nobody knows the price of, under a budget of money."""


class Allowance(Struct, frozen=True, kw_only=True):
    """A budget as it holds for one call."""

    budget: BudgetRow
    subject: str
    """Whose: the run's, thread's or user's id; empty for the workspace."""
    starts_at: float
    """When the period began; 0 for all time."""
    ends_at: float | None
    """When it ends, and the budget is whole again."""
    since: float = 0.0
    """No call of its subject is older."""


class Reservation(Struct, frozen=True, kw_only=True):
    """What a model call may cost at most, to be set aside before it is made."""

    id: str
    workspace: str
    run_id: str
    fence: int
    """Of the run or, where a chore makes the call, of that."""
    chore: int = 0
    """The number of the chore that makes the call for the run; 0 for the run itself."""
    nanos: int
    tokens: int
    under: tuple[Allowance, ...]


class Tally(Struct, frozen=True, kw_only=True):
    """How much of an allowance is used."""

    nanos: int = 0
    tokens: int = 0
    held_nanos: int = 0
    """Reserved for calls that are being made."""
    held_tokens: int = 0


class Shortage(Struct, frozen=True):
    """Why nothing was reserved: this allowance has too little left."""

    allowance: Allowance
    tally: Tally


class CostRow(Struct, frozen=True, kw_only=True):
    """A sum over calls."""

    key: tuple[str, ...]
    """Its value in each dimension that was asked for."""
    calls: int
    failed: int
    """Those that ended with an error."""
    unpriced: int
    """Those that ended well and whose price is not known: their cost is not in ``nanos``."""
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    audio_tokens: int
    nanos: int | None
    """``None`` where no price is known at all."""
    duration: int
    """Milliseconds, all together."""
    first_piece: float | None
    """Milliseconds until the first piece, on the average of those that had one."""

    @property
    def usd(self) -> float | None:
        """US dollars, as far as prices are known."""
        return None if self.nanos is None else self.nanos / NANO
