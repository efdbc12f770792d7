"""What to do when a node is slow or fails."""

import random
from collections.abc import Callable
from typing import Literal, TypeAlias

from msgspec import Struct

from weft.errors import WeftError

Retryable: TypeAlias = tuple[type[Exception], ...] | Callable[[Exception], bool]


class Retry(Struct, frozen=True, kw_only=True):
    """Try again, with growing pauses."""

    attempts: int = 3
    """In all, the first one included."""
    pause: float = 0.5
    """Seconds before the second attempt."""
    factor: float = 2.0
    longest: float = 30.0
    jitter: bool = True
    on: Retryable | None = None
    """Which errors; by default Weft's own that are ``retryable``."""

    def pause_before(self, attempt: int) -> float:
        """Seconds to wait before ``attempt`` (2 is the first retry)."""
        pause = min(self.longest, self.pause * self.factor ** (attempt - 2))
        return pause * random.uniform(0.5, 1.0) if self.jitter else pause

    def wants(self, error: Exception, attempt: int) -> bool:
        """Whether ``error`` in ``attempt`` is worth another one."""
        if attempt >= self.attempts:
            return False
        if self.on is None:
            return isinstance(error, WeftError) and error.retryable
        return self.on(error) if callable(self.on) else isinstance(error, self.on)


Effect: TypeAlias = Literal["read", "idempotent", "once"]
"""What running it a second time would do: nothing to the world, the same again, or harm."""


class Policy(Struct, frozen=True, kw_only=True):
    """How a node is run."""

    retry: Retry | None = None
    timeout: float | None = None
    """Seconds for one attempt."""
    on_error: str | None = None
    """The node that takes over when all attempts failed; a ``Send`` brings it a ``Failure``."""
    effect: Effect = "idempotent"

    @property
    def handlers(self) -> tuple[str, ...]:
        return (self.on_error,) if self.on_error else ()


class Failure(Struct, frozen=True, kw_only=True):
    """What an error route is told."""

    node: str
    code: str
    message: str


DEFAULT = Policy()
