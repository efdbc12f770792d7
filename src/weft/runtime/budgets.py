"""Budgets: how much runs, threads, users and the workspace may spend in a period, held before each model call."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal, get_args

from msgspec import Struct

from weft.engine.context import Interrupted
from weft.errors import BudgetExceeded, UsageError
from weft.ids import new_id
from weft.storage.accounts import NANO, Allowance, BudgetRow, Of, Per, Reservation, Shortage, period
from weft.storage.base import RunRecord, Store
from weft.storage.chore_rows import Chore

FRESH = 2.0
"""Seconds after which a process asks again which budgets there are."""


class Budget(Struct, frozen=True):
    """So much for each run, thread or user (or for the one that is ``subject``), or for the whole workspace.

    Periods begin with the hour, the day or the month in UTC; ``total`` never ends.

    >>> Budget("user", usd=5, per="day")
    Budget(of='user', usd=5, tokens=None, per='day', subject='', unpriced='refuse')

    Raises:
        UsageError: it says nothing, or something that cannot be.
    """

    of: Of
    usd: float | None = None
    tokens: int | None = None
    """Input and output."""
    per: Per = "total"
    subject: str = ""
    unpriced: Literal["refuse", "allow"] = "refuse"
    """A call whose price nobody knows: not made under a budget of money, or made and counted as nothing."""

    def __post_init__(self) -> None:
        if self.of not in get_args(Of) or self.per not in get_args(Per):
            raise UsageError(f"a budget is of a {'|'.join(get_args(Of))} per {'|'.join(get_args(Per))}, not {self}")
        if self.usd is None and self.tokens is None:
            raise UsageError(f"say how much in usd= or tokens=: {self}")
        if (self.usd or 0) < 0 or (self.tokens or 0) < 0:
            raise UsageError(f"a budget is not less than nothing: {self}")
        if self.of == "workspace" and self.subject:
            raise UsageError("the budget of the workspace has no subject: it is the one it is set in")
        if self.of == "run" and self.per != "total":
            raise UsageError('the budget of a run is for all of it: per="total"')

    def row(self) -> BudgetRow:
        """As it is stored."""
        nanos = None if self.usd is None else round(self.usd * NANO)
        return BudgetRow(
            of=self.of, subject=self.subject, per=self.per, nanos=nanos, tokens=self.tokens, unpriced=self.unpriced
        )


def budget_of(row: BudgetRow) -> Budget:
    """The budget that is stored so."""
    usd = None if row.nanos is None else row.nanos / NANO
    return Budget(row.of, usd, row.tokens, row.per, row.subject, row.unpriced)


def allowance(row: BudgetRow, subject: str, now: float, since: float = 0.0) -> Allowance:
    """The budget of one subject, as it is now."""
    starts_at, ends_at = period(row.per, now)
    return Allowance(budget=row, subject=subject, starts_at=starts_at, ends_at=ends_at, since=since)


class BudgetState(Struct, frozen=True):
    """A budget, and how much of it is used; that is not said of one that each user, thread or run has for itself."""

    budget: Budget
    resets_at: float | None
    """When its period ends, in seconds since the epoch."""
    usd: float | None = None
    tokens: int | None = None
    held_usd: float | None = None
    """Reserved for calls that are being made."""
    held_tokens: int | None = None


class Book:
    """Which budgets there are, as this process knows them: asked at most every ``FRESH`` seconds."""

    def __init__(self, store: Store, given: Sequence[Budget] = (), *, ttl: float = 30.0) -> None:
        self.store = store
        self.ttl = ttl
        self._given = {_key(row): row for row in [budget.row() for budget in given]}
        self._known: dict[str, tuple[float, tuple[BudgetRow, ...]]] = {}

    async def rows(self, workspace: str) -> tuple[BudgetRow, ...]:
        """Those of the program and those on record; where both say something of the same, the record counts."""
        known = self._known.get(workspace)
        if known is not None and time.monotonic() - known[0] < FRESH:
            return known[1]
        asked = time.monotonic()
        stored = {_key(row): row for row in await self.store.budgets.list(workspace)}
        rows = tuple({**self._given, **stored}.values())
        self._known[workspace] = asked, rows
        return rows

    async def set(self, workspace: str, budget: Budget) -> None:
        """Put it on record: it holds at once in this process, and in all others within ``FRESH`` seconds."""
        await self.store.budgets.set(workspace, budget.row())
        self._known.clear()

    async def remove(self, workspace: str, of: Of, per: Per, subject: str = "") -> bool:
        """Whether there was one on record. One of the program's own holds again then."""
        removed = await self.store.budgets.remove(workspace, BudgetRow(of=of, per=per, subject=subject))
        self._known.clear()
        return removed

    async def states(self, workspace: str) -> list[BudgetState]:
        """All budgets, and how much of each is used in this period."""
        self._known.clear()
        now = time.time()
        return [await self._state(workspace, row, now) for row in await self.rows(workspace)]

    async def _state(self, workspace: str, row: BudgetRow, now: float) -> BudgetState:
        one = allowance(row, row.subject, now)
        alone = row.of == "workspace" or row.subject != ""
        tally = await self.store.budgets.used(workspace, one) if alone else None
        if tally is None:
            return BudgetState(budget_of(row), one.ends_at)
        held = tally.held_nanos / NANO, tally.held_tokens
        return BudgetState(budget_of(row), one.ends_at, tally.nanos / NANO, tally.tokens, *held)


def _key(row: BudgetRow) -> tuple[str, str, str]:
    return row.of, row.subject, row.per


class Purse:
    """What one run may spend: every budget that its calls fall under; so may a ``chore`` that works on the run."""

    __slots__ = ("_book", "_chore", "_record", "_reserved")

    def __init__(self, book: Book, record: RunRecord, chore: Chore | None = None) -> None:
        self._book, self._record, self._chore = book, record, chore
        self._reserved: dict[tuple[str, ...], list[str]] = {}
        """For the calls that are being made, by where."""

    async def allowances(self) -> tuple[Allowance, ...]:
        """Of each kind and period the one for this very run, thread or user or, without one, the general one."""
        rows = await self._book.rows(self._record.workspace)
        if not rows:
            return ()
        run, now = self._record, time.time()
        subjects: dict[Of, str] = {"run": run.id, "thread": run.thread_id, "user": run.user_id, "workspace": ""}
        chosen: dict[tuple[Of, Per], Allowance] = {}
        for row in rows:
            subject = subjects[row.of]
            if row.subject == subject or (row.subject == "" and (row.of, row.per) not in chosen):
                since = run.created_at - 3_600 if row.of == "run" else 0.0
                chosen[row.of, row.per] = allowance(row, subject, now, since)
        return tuple(chosen.values())

    async def left(self) -> tuple[float | None, int | None]:
        """US dollars and tokens that are left of all of them now; ``None`` where none is set."""
        usd: list[float] = []
        tokens: list[int] = []
        for one in await self.allowances():
            tally = await self._book.store.budgets.used(self._record.workspace, one)
            if one.budget.nanos is not None:
                usd.append((one.budget.nanos - tally.nanos - tally.held_nanos) / NANO)
            if one.budget.tokens is not None:
                tokens.append(one.budget.tokens - tally.tokens - tally.held_tokens)
        return (max(0.0, min(usd)) if usd else None, max(0, min(tokens)) if tokens else None)

    async def reserve(
        self, path: tuple[str, ...], model: str, tokens: int, nanos: int | None, under: tuple[Allowance, ...]
    ) -> None:
        """Set aside what a call at ``path`` may cost; its end settles it.

        Raises:
            Interrupted: one of the budgets has too little left.
        """
        if nanos is None:
            for one in under:
                if one.budget.nanos is not None and one.budget.unpriced == "refuse":
                    _stop(one, f"nobody knows the price of {model!r}, so the {_named(one)} cannot hold for it")
        run, chore = self._record, self._chore
        wanted = Reservation(
            id=new_id("hold"),
            workspace=run.workspace,
            run_id=run.id,
            fence=run.fence if chore is None else chore.fence,
            chore=0 if chore is None else chore.n,
            nanos=nanos or 0,
            tokens=tokens,
            under=under,
        )
        short = await self._book.store.budgets.reserve(wanted, self._book.ttl)
        if short is not None:
            _stop(short.allowance, _told(short, wanted))
        self._reserved.setdefault(path, []).append(wanted.id)

    def let_go(self, path: tuple[str, ...]) -> str | None:
        """What was reserved for a call at ``path`` that ended now."""
        reserved = self._reserved.get(path)
        return reserved.pop() if reserved else None

    def holds(self, path: tuple[str, ...]) -> bool:
        """Whether something is reserved for a call at ``path``."""
        return bool(self._reserved.get(path))


def _stop(one: Allowance, words: str) -> None:
    raise Interrupted((), BudgetExceeded(words, f"{one.budget.of}/{one.budget.per}"))


def _named(one: Allowance) -> str:
    budget = one.budget
    much = [] if budget.nanos is None else [f"${budget.nanos / NANO:.2f}"]
    much += [] if budget.tokens is None else [f"{budget.tokens:,} tokens"]
    whose = f"{budget.of} {one.subject!r}" if one.subject else budget.of
    return f"budget of {whose} ({' and '.join(much)} {'in all' if budget.per == 'total' else f'per {budget.per}'})"


def _told(short: Shortage, wanted: Reservation) -> str:
    """Which budget, how much is left of it, and when it is whole again."""
    one, tally = short.allowance, short.tally
    left: list[str] = []
    if one.budget.nanos is not None:
        rest = max(0, one.budget.nanos - tally.nanos - tally.held_nanos)
        left.append(f"${rest / NANO:.4f} left, and the next call may cost ${wanted.nanos / NANO:.4f}")
    if one.budget.tokens is not None:
        rest = max(0, one.budget.tokens - tally.tokens - tally.held_tokens)
        left.append(f"{rest:,} tokens left, and the next call may take {wanted.tokens:,}")
    again = "it is for all time" if one.ends_at is None else f"it is whole again at {_utc(one.ends_at)}"
    return f"the {_named(one)} has {'; '.join(left)}; {again}"


def _utc(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
