"""Runs what must not happen twice: on record before it begins, and never silently repeated.

While nobody knows whether it happened (its process died, it took too long, it raised what it does not answer for),
``reconcile`` is asked or, where there is none, a person.
"""

import asyncio
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Any, Final, Literal, TypeAlias, TypeVar

from weft.engine.channels import UNSET
from weft.engine.context import Context, Intent, ask_as, intent_of
from weft.engine.scheduler import describe
from weft.errors import Cancelled, Fenced, LimitExceeded, OutcomeUnknown, WeftError
from weft.runtime.asking import OUTCOME

T = TypeVar("T")


class _NotDone(Enum):
    NOT_DONE = "not done"

    def __repr__(self) -> str:
        return "NOT_DONE"


NOT_DONE: Final = _NotDone.NOT_DONE
"""What ``reconcile`` returns where it did not happen: then it is done now."""
NotDone: TypeAlias = Literal[_NotDone.NOT_DONE]
Reconcile: TypeAlias = Callable[[], Awaitable[Any]]

DIED = "its process ended while it was under way"


class Once:
    """How one effect is done at most once.

    ``arguments`` are shown to whoever is asked. ``known`` tells the errors by which the effect itself says that nothing
    happened. With ``asks``, an outcome that becomes unknown in this process is settled at once; else its error is
    raised, and whoever tries again (a retry policy, another process) meets the question.
    """

    __slots__ = ("_arguments", "_asks", "_ctx", "_intent", "_known", "_name", "_reconcile")

    def __init__(
        self,
        ctx: Context[Any],
        name: str,
        arguments: Any,
        *,
        reconcile: Reconcile | None,
        known: Callable[[Exception], bool] = lambda _: False,
        asks: bool = True,
    ) -> None:
        self._ctx, self._name, self._arguments = ctx, name, arguments
        self._reconcile, self._known, self._asks = reconcile, known, asks
        self._intent: Intent = intent_of(ctx)

    async def run(self, act: Callable[[], Awaitable[T]]) -> T | Any:
        """What ``act`` gives, or what is known to have come of it.

        Raises:
            Interrupted: a person must say what happened.
            OutcomeUnknown: nobody knows, and there is nobody to ask or they said to go on without it.
        """
        intent = self._intent
        if intent.outcome is not UNSET:
            return intent.outcome  # somebody around us tries again, and it is done
        why, failed = DIED, None
        while True:
            if intent.open:
                outcome = await self._settled(why)
                if outcome is not NOT_DONE:
                    return intent.happened(outcome)
                if failed is not None:
                    intent.void()
                    raise failed
            await intent.begin(self._what())
            try:
                return intent.happened(await act())
            except Exception as error:
                failed, why = self._failed(error), _words(error)
            except BaseException as error:
                self._stopped(error)
                raise

    def _failed(self, error: Exception) -> Exception:
        """The error, if it leaves open what happened and that is to be settled now; else it is raised."""
        if self._known(error):
            self._intent.void()
            raise error
        self._intent.unknown(_words(error))
        if not self._asks or isinstance(error, (Fenced, Cancelled, LimitExceeded)):
            raise error
        return error

    def _stopped(self, error: BaseException) -> None:
        """Cut off; or it asks, or is told to rest: then it begins anew when the run goes on."""
        if isinstance(error, (asyncio.CancelledError, KeyboardInterrupt, SystemExit)):
            self._intent.unknown("it was stopped while it was under way")
        else:
            self._intent.void()

    def _what(self) -> dict[str, Any]:
        return {"name": self._name, "arguments": self._arguments, "key": self._ctx.idempotency_key}

    async def _settled(self, why: str) -> Any:
        """What came of the last try, or ``NOT_DONE``."""
        if self._reconcile is not None:
            try:
                return await self._reconcile()
            except Exception as error:
                why = f"{why}; and reconcile failed: {_words(error)}"
        if not self._intent.durable:
            raise OutcomeUnknown(f"{why}; nobody knows whether {self._name!r} happened: do not repeat it unchecked")
        question = f"Did {self._name!r} happen? {why[:1].upper()}{why[1:]}."
        payload = {"question": question, "tool": self._name, **self._what()}
        answer = ask_as(self._ctx, "outcome", f"outcome#{self._intent.open}", payload, OUTCOME)
        match answer["outcome"]:
            case "happened":
                return answer.get("result")
            case "did_not_happen":
                return NOT_DONE
            case _:
                reason = answer.get("reason")
                words = f"nobody knows whether {self._name!r} happened, and a person said to go on without it"
                raise OutcomeUnknown(words + (f": {reason}" if reason else ""))


def _words(error: Exception) -> str:
    return str(error) if isinstance(error, WeftError) else describe(error)
