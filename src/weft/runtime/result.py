"""How a run ended, as its caller sees it."""

from typing import Any, Generic, TypeVar

from weft.engine.scheduler import Paused
from weft.errors import BudgetExceeded, LimitExceeded, UsageError
from weft.events import Pause, Question
from weft.messages import Message, Usage
from weft.runtime.answers import schema_of
from weft.runtime.journal import Journal
from weft.storage.base import Status

Out = TypeVar("Out")


class Result(Generic[Out]):
    """What a run gave: ``output``, what was said (``messages``), and what it used."""

    __slots__ = ("_output", "messages", "questions", "run_id", "status", "stop", "thread_id", "usage", "warnings")

    def __init__(
        self,
        *,
        run_id: str,
        thread_id: str,
        status: Status,
        output: Any = None,
        messages: tuple[Message, ...] = (),
        usage: Usage,
        questions: tuple[Question, ...] = (),
        stop: LimitExceeded | None = None,
        warnings: tuple[str, ...] = (),
    ) -> None:
        self.run_id = run_id
        self.thread_id = thread_id
        self.status: Status = status
        self.messages = messages
        """Those of this run, oldest first, beginning with its input."""
        self.usage = usage
        self.questions = questions
        """What it waits for, where it is paused."""
        self.stop = stop
        """The limit or budget that paused it, if one did."""
        self.warnings = warnings
        """What it may repeat, where it goes another way than one that was left."""
        self._output = output

    @property
    def output(self) -> Out:
        """The answer, in the type that was declared.

        Of a run that a limit or budget stopped, the best so far: the last words of an agent, the state of a
        graph, or ``None``.

        Raises:
            UsageError: there is none, as the run waits for answers, or is held.
        """
        if self.status != "finished" and self.stop is None:
            waits = ", ".join(question.id for question in self.questions) or "somebody to resume it"
            raise UsageError(f"run {self.run_id} is {self.status} and has no output; it waits for: {waits}")
        return self._output

    @property
    def paused(self) -> bool:
        return self.status == "paused"

    @property
    def cost(self) -> float | None:
        """US dollars; ``None`` where a price is unknown."""
        return self.usage.cost

    def __repr__(self) -> str:
        return f"Result({self.status}, {self._output!r}, run_id={self.run_id!r})"


def questions_of(paused: Paused) -> tuple[Question, ...]:
    """What a paused graph asks, as its reader sees it."""
    asked = {one.id: one for one in paused.questions}.values()
    return tuple([Question(one.id, one.payload, schema_of(one.schema), one.kind, one.expires_at) for one in asked])


def reason_of(paused: Paused) -> Pause:
    """Why the run rests: what a person can do something about comes first."""
    if paused.questions or paused.stop is None:
        return "question"
    return "budget" if isinstance(paused.stop, BudgetExceeded) else "limit"


def result_of(
    journal: Journal,
    status: Status,
    *,
    output: Any = None,
    questions: tuple[Question, ...] = (),
    stop: LimitExceeded | None = None,
) -> Result[Any]:
    """The result of the run that this journal kept."""
    return Result(
        run_id=journal.info.id,
        thread_id=journal.info.thread_id,
        status=status,
        output=output,
        messages=tuple([said.message for said in journal.messages]),
        usage=journal.info.usage,
        questions=questions,
        stop=stop,
        warnings=tuple(journal.warnings.values()),
    )
