"""Limits of a run: turns, tool calls, tokens, money, time, steps. A run that reaches one pauses, and can go on."""

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, NoReturn, Protocol, TypeVar, runtime_checkable

import msgspec
from msgspec import Struct

from weft.engine.context import Interrupted, Target
from weft.engine.scheduler import Paused
from weft.errors import LimitExceeded, UsageError

T = TypeVar("T")

STEPS = 1000
"""Steps of one graph where nobody says otherwise."""


class Limits(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``None`` is no limit.

    Those of an agent or a graph hold whenever it runs: ``turns`` and ``recursion`` count its own, the others
    what the whole run has used. Those given with a run count the whole run, nested agents included, and hold
    beside them.

    >>> Limits(turns=3).turns, Limits().turns
    (3, 50)
    """

    turns: int | None = 50
    """Model calls."""
    tool_calls: int | None = None
    tokens: int | None = None
    """Input and output."""
    usd: float | None = None
    """US dollars, as far as prices are known."""
    seconds: float | None = None
    """Wall time that the run is driven: what it waits for people does not count."""
    recursion: int | None = None
    """Steps of one graph (1,000 where nothing is said), counted anew whenever the run goes on."""

    def __post_init__(self) -> None:
        """Raises: UsageError (one of them is no number, or less than nothing)."""
        for name, value in msgspec.structs.asdict(self).items():
            kinds = (int, float) if name in ("usd", "seconds") else int
            if value is not None and (not isinstance(value, kinds) or isinstance(value, bool) or not value >= 0):
                raise UsageError(
                    f"the limit {name!r} is a number, not less than 0, or None for no limit; not {value!r}"
                )


class Given(Struct, frozen=True, omit_defaults=True):
    """Limits that came with a run, as its record keeps them."""

    limits: Limits
    instead: bool = False
    """Whether they take the place of those of its agents: somebody raised them to let it go on."""


def dump_limits(limits: Limits | None, *, instead: bool = False) -> bytes | None:
    """For the record of a run."""
    return None if limits is None else msgspec.json.encode(Given(limits, instead))


_load = msgspec.json.Decoder(Given).decode


@runtime_checkable
class _Limited(Protocol):
    """A target with limits of its own."""

    @property
    def limits(self) -> Limits | None: ...


_limited: dict[type, bool] = {}
_TOLD = "to go on, resume the run with higher limits"


def _limits_of(target: Target) -> Limits | None:
    kind = type(target)
    known = _limited.get(kind)
    if known is None:
        known = _limited[kind] = isinstance(target, _Limited)
    return target.limits if known else None  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]


def reached(limit: str, words: str) -> NoReturn:
    """Stop here, resumably.

    Raises:
        Interrupted: always.
    """
    raise Interrupted((), LimitExceeded(f"{words}; {_TOLD}", limit))


class Meter:
    """What one run has used, beside its ``Usage``, and whether it may go on."""

    __slots__ = ("_before", "_given", "_instead", "_since", "purse", "tokens", "tool_calls", "turns", "usd")

    def __init__(self, given: bytes | None = None) -> None:
        stored = None if given is None else _load(given)
        self._given = None if stored is None else stored.limits
        self._instead = stored is not None and stored.instead
        self._since = time.monotonic()
        self._before = 0.0
        self.turns = 0
        self.tool_calls = 0
        self.tokens = 0
        self.usd = 0.0
        """What is known of the cost."""
        self.purse: Any = None
        """The run's ``budgets.Purse``; a run without a store has none."""

    def used(self, tokens: int, cost: float | None, *, turns: int = 1) -> None:
        """One more model call is done, which was so many turns."""
        self.turns += turns
        self.tokens += tokens
        if cost is not None:
            self.usd += cost

    def let_go(self, path: tuple[str, ...]) -> str | None:
        """What was reserved for a call at ``path`` that ended now."""
        return None if self.purse is None else self.purse.let_go(path)

    def holds(self, path: tuple[str, ...]) -> bool:
        """Whether something is reserved for a call at ``path``."""
        return self.purse is not None and self.purse.holds(path)

    def went_before(self, seconds: float) -> None:
        """The run was driven for so long already."""
        self._before += seconds

    def before_turn(self, own: Limits, turns: int) -> None:
        """Before one more model call of an agent that took ``turns``.

        Raises:
            Interrupted: there is none left.
        """
        if not self._instead:
            self._check(own, turns)
        if self._given is not None:
            self._check(self._given, self.turns)

    def left(self, own: Limits) -> tuple[float | None, int | None]:
        """US dollars and tokens that ``own`` and the run's limits leave; ``None`` where none is set."""
        held = [limits for limits in (None if self._instead else own, self._given) if limits is not None]
        usd = [limits.usd - self.usd for limits in held if limits.usd is not None]
        tokens = [limits.tokens - self.tokens for limits in held if limits.tokens is not None]
        return (max(0.0, min(usd)) if usd else None, max(0, min(tokens)) if tokens else None)

    def before_tool(self, own: Limits) -> None:
        """Before one more tool call, which is counted.

        Raises:
            Interrupted: there is none left.
        """
        for limits in (None if self._instead else own, self._given):
            if limits is not None and limits.tool_calls is not None and self.tool_calls >= limits.tool_calls:
                reached("tool_calls", f"the run made {self.tool_calls} tool calls of at most {limits.tool_calls}")
        self.tool_calls += 1

    def steps(self, target: Target) -> int:
        """How many steps a graph may take."""
        own = None if self._instead else _limits_of(target)
        if self._given is None and (own is None or own.recursion is None):
            return STEPS
        most = [limits.recursion for limits in (own, self._given) if limits is not None and limits.recursion]
        return min(most) if most else STEPS

    def timed(self, target: Target, running: Coroutine[Any, Any, T]) -> Coroutine[Any, Any, T]:
        """What the target does, for as long as it may take.

        Raises:
            Paused: the time is over; what ran is cancelled.
        """
        seconds = self._seconds(target)
        return running if seconds is None else self._within(seconds, running)

    async def _within(self, seconds: float, running: Coroutine[Any, Any, T]) -> T:
        limit = asyncio.timeout(max(0.0, seconds - self._before - (time.monotonic() - self._since)))
        try:
            async with limit:
                return await running
        except TimeoutError:
            if limit.expired():
                words = f"the run took {seconds:g} seconds, which is its limit; {_TOLD}"
                raise Paused((), LimitExceeded(words, "seconds")) from None
            raise

    def _seconds(self, target: Target) -> float | None:
        own = None if self._instead else _limits_of(target)
        if self._given is None and (own is None or own.seconds is None):
            return None
        most = [limits.seconds for limits in (own, self._given) if limits is not None and limits.seconds is not None]
        return min(most) if most else None

    def _check(self, limits: Limits, turns: int) -> None:
        if limits.turns is not None and turns >= limits.turns:
            reached("turns", f"the agent took {turns} turns, which is its limit")
        if limits.tokens is not None and self.tokens >= limits.tokens:
            reached("tokens", f"the run used {self.tokens} tokens of at most {limits.tokens}")
        if limits.usd is not None and self.usd >= limits.usd:
            reached("usd", f"the run cost ${self.usd:.4f} of at most ${limits.usd:.4f}")


def words_of(stop: Any) -> str:
    """What stopped a run, in words."""
    return f"{stop.code}: {stop}"
