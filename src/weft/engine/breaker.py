"""Circuit breakers: what failed again and again is left alone for a while."""

import time
from collections.abc import Callable
from datetime import datetime

from weft.errors import CircuitOpen, UsageError


class Breaker:
    """Opens after ``failures`` in a row, for ``seconds``; then one call is let through to see whether it is over.

    Shared by all runs of this process, and by all nodes that it is given to.

    >>> breaker = Breaker(failures=1, seconds=60)
    >>> breaker.enter(); breaker.failed(OSError("no route"))
    >>> breaker.opened
    True

    Raises:
        UsageError: it would be open from the beginning.
    """

    __slots__ = ("_clock", "_failed", "_on", "_probing", "_until", "failures", "seconds")

    def __init__(
        self,
        failures: int = 5,
        seconds: float = 30.0,
        *,
        on: tuple[type[Exception], ...] = (Exception,),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if failures < 1 or seconds < 0:
            raise UsageError(f"a breaker opens after 1 failure or more, not {failures}, for 0 seconds or more")
        self.failures = failures
        self.seconds = seconds
        self._on = on
        self._clock = clock
        self._failed = 0
        self._until = 0.0
        self._probing = False

    @property
    def opened(self) -> bool:
        """Whether calls are refused now."""
        return self._failed >= self.failures and (self._probing or self._clock() < self._until)

    def enter(self) -> None:
        """Before a call.

        Raises:
            CircuitOpen: it would fail; the message says until when.
        """
        if self._failed < self.failures:
            return
        left = max(0.0, self._until - self._clock())
        if left > 0 or self._probing:
            until = datetime.fromtimestamp(time.time() + left).strftime("%H:%M:%S")
            raise CircuitOpen(
                f"it failed {self._failed} times in a row and is left alone until {until} ({left:.1f} s from now)"
            )
        self._probing = True

    def succeeded(self) -> None:
        """The call went well: all is forgotten."""
        self._failed, self._probing = 0, False

    def failed(self, error: Exception) -> None:
        """The call failed; errors of other kinds than it is for say nothing."""
        self._probing = False
        if not isinstance(error, self._on):
            return
        self._failed += 1
        if self._failed >= self.failures:
            self._until = self._clock() + self.seconds

    def left(self) -> None:
        """The call was cancelled: nobody knows."""
        self._probing = False
