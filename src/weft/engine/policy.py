"""What to do when a node is slow, fails, or need not run at all."""

import random
from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypeAlias, get_args

from msgspec import Struct

from weft.engine.breaker import Breaker
from weft.engine.cache import Cache
from weft.errors import CircuitOpen, UsageError, WeftError

Retryable: TypeAlias = tuple[type[Exception], ...] | Callable[[Exception], bool]

Effect: TypeAlias = Literal["read", "idempotent", "once"]
"""What running it a second time would do: nothing to the world, the same again, or harm."""


def see_effect(effect: Any) -> None:
    """Raises: UsageError, where it is none: a word that is taken for another one would let harm be done twice."""
    if effect not in get_args(Effect):
        raise UsageError(f"an effect is 'read', 'idempotent' or 'once', not {effect!r}")


class Retry(Struct, frozen=True, kw_only=True):
    """Try again, with growing pauses.

    Raises:
        UsageError: there is no first attempt, or a pause is less than nothing.
    """

    attempts: int = 3
    """In all, the first one included."""
    pause: float = 0.5
    """Seconds before the second attempt."""
    factor: float = 2.0
    longest: float = 30.0
    jitter: bool = True
    on: Retryable | None = None
    """Which errors; by default Weft's own that are ``retryable``, but not an open circuit."""

    def __post_init__(self) -> None:
        if self.attempts < 1 or self.pause < 0 or self.factor < 0 or self.longest < 0:
            raise UsageError(f"a retry has one attempt or more, and pauses of 0 seconds or more, not {self!r}")

    def pause_before(self, attempt: int) -> float:
        """Seconds to wait before ``attempt`` (2 is the first retry)."""
        pause = min(self.longest, self.pause * self.factor ** (attempt - 2))
        return pause * random.uniform(0.5, 1.0) if self.jitter else pause

    def meant(self, error: Exception) -> bool:
        """Whether it is for errors of this kind."""
        if self.on is None:
            return isinstance(error, WeftError) and error.retryable and not isinstance(error, CircuitOpen)
        return self.on(error) if callable(self.on) else isinstance(error, self.on)

    def wants(self, error: Exception, attempt: int) -> bool:
        """Whether ``error`` in ``attempt`` is worth another one."""
        return attempt < self.attempts and self.meant(error)


class Failure(Struct, frozen=True, kw_only=True):
    """What an error route is told."""

    node: str
    code: str
    message: str


Rescue: TypeAlias = Callable[[Any, Any, Any, Failure], Awaitable[Any]]
"""Given state, payload, context and what went wrong: the ``Update`` that counts as the node's own."""


class Policy(Struct, frozen=True, kw_only=True):
    """How a node is run. What is not asked for costs nothing."""

    retry: Retry | tuple[Retry, ...] | None = None
    """Of several, the first that is meant for the error decides."""
    timeout: float | None = None
    """Seconds for one attempt."""
    idle: float | None = None
    """Seconds without a sign of life: anything emitted by the node, or below it, is one."""
    cache: Cache | None = None
    breaker: Breaker | None = None
    rescue: Rescue | None = None
    """Takes the node's place when all attempts failed."""
    on_error: str | None = None
    """The node that takes over when all that failed too; a ``Send`` brings it a ``Failure``."""
    effect: Effect = "idempotent"
    """Nodes that only ``read`` are put on record together, where they follow one another."""

    def __post_init__(self) -> None:
        """Raises: UsageError, for what can never be meant."""
        see_effect(self.effect)
        for name, seconds in (("timeout", self.timeout), ("idle_timeout", self.idle)):
            if seconds is not None and not (isinstance(seconds, int | float) and seconds > 0):  # pyright: ignore[reportUnnecessaryIsInstance]  # from users
                raise UsageError(f"{name} is a number of seconds above 0, not {seconds!r}")
        retries: Any = self.retry if isinstance(self.retry, tuple) else (self.retry,)
        for kind, given in ((Retry, retries), (Cache, (self.cache,)), (Breaker, (self.breaker,))):
            for one in given:
                if one is not None and not isinstance(one, kind):
                    raise UsageError(f"a {kind.__name__} is wanted, not {one!r}")

    @property
    def handlers(self) -> tuple[str, ...]:
        return (self.on_error,) if self.on_error else ()

    @property
    def replaced(self) -> bool:
        """Whether something takes the node's place when all attempts failed."""
        return self.rescue is not None or self.on_error is not None

    @property
    def guards(self) -> bool:
        """Whether an attempt is more than a call of the node."""
        return any(one is not None for one in (self.timeout, self.idle, self.cache, self.breaker))

    def retrying(self, error: Exception, attempt: int) -> Retry | None:
        """By which rule ``error`` in ``attempt`` is worth another one."""
        if self.retry is None:
            return None
        for retry in (self.retry,) if isinstance(self.retry, Retry) else self.retry:
            if retry.meant(error):
                return retry if attempt < retry.attempts else None
        return None


DEFAULT = Policy()
