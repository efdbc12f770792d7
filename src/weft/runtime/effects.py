"""Runs what must not happen twice: on record before it begins, and never silently repeated.

While nobody knows whether it happened (its process died, it took too long, it raised what it does not answer for),
``reconcile`` is asked or, where there is none, a person.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, TypeVar, cast

import msgspec

from weft.engine.channels import UNSET
from weft.engine.context import Context, Intent, ask_as, intent_of
from weft.engine.scheduler import describe
from weft.engine.undone import NOT_DONE as NOT_DONE
from weft.engine.undone import NotDone as NotDone
from weft.errors import Cancelled, Fenced, LimitExceeded, NotRepeated, OutcomeUnknown, WeftError
from weft.runtime.asking import OUTCOME
from weft.runtime.repeats import AGAIN

T = TypeVar("T")
Reconcile: TypeAlias = Callable[[], Awaitable[Any]]

DECISION: dict[str, Any] = {
    "anyOf": [
        {"type": "boolean"},
        {
            "type": "object",
            "properties": {
                "decision": {"enum": ["approve", "reject", "respond"]},
                "reason": {"type": "string"},
                "response": {"description": "What stands for it; without it, what it gave the first time."},
            },
            "required": ["decision"],
            "additionalProperties": False,
        },
    ]
}
"""What a person may say of something that would be done a second time."""
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
            Interrupted: a person must say what happened, or whether it is to be done again.
            NotRepeated: they said no.
            OutcomeUnknown: nobody knows, and there is nobody to ask or they said to go on without it.
        """
        intent = self._intent
        if intent.outcome is not UNSET:
            return intent.outcome  # somebody around us tries again, and it is done
        why, failed = intent.why or DIED, None
        while True:
            if intent.open:
                outcome = await self._settled(why)
                if outcome is not NOT_DONE:
                    return intent.happened(outcome)
                if failed is not None:
                    intent.void()
                    raise failed
            elif (said := self._again()) is not NOT_DONE:
                return said
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

    def _again(self) -> Any:
        """What a person says that is to stand for it, where it happened on a line that was left; else ``NOT_DONE``.

        Raises:
            Interrupted: nobody has said yet.
            NotRepeated: it is not to be done again.
        """
        before = self._intent.earlier(self._name, self._arguments)
        if before is None:
            return NOT_DONE
        words = f"{before.words[:1].upper()}{before.words[1:]}. Do it again?"
        payload = {"question": words, "tool": self._name, **self._what(), "before": msgspec.to_builtins(before)}
        answer = ask_as(self._ctx, "approval", AGAIN, payload, DECISION)
        plain = {"decision": "approve" if answer is True else "reject"}
        given = cast("dict[str, Any]", answer) if isinstance(answer, dict) else plain
        match given["decision"]:
            case "approve":
                return NOT_DONE
            case "respond":
                return given.get("response", before.result)
            case _:
                reason = given.get("reason")
                raise NotRepeated(f"a person said not to do {self._name!r} again" + (f": {reason}" if reason else ""))

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
