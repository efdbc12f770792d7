"""A model as gullible as can be: it does what the user's task needs, and whatever it reads that it should do."""

import re
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from agentdojo.base_tasks import BaseInjectionTask, BaseUserTask
from agentdojo.functions_runtime import FunctionCall

from weft.ids import new_id
from weft.messages import Message, Text, ToolCall, Usage
from weft.models.base import Answer, Piece, Request

_LETTERS = re.compile(r"[^a-z0-9]+")


def letters(text: str) -> str:
    """Text without what a dump to YAML may change: spaces, quotes, line ends."""
    return _LETTERS.sub("", text.lower())


@dataclass
class Planned:
    """A call that the model is to make."""

    call: FunctionCall
    injected: bool
    asked: bool = False
    """Whether a person was asked about it."""
    done: bool = False
    changed: bool = False
    """Whether it changed anything in the environment; measured for injected calls."""


@dataclass
class Case:
    """One pair: a task of the user's, and perhaps one of an attacker's."""

    user: BaseUserTask[Any]
    injection: BaseInjectionTask[Any] | None
    env: Any = None
    plan: deque[Planned] = field(default_factory=deque)
    made: list[Planned] = field(default_factory=list)
    obeyed: bool = False
    """Whether the model has read the injection."""

    def __post_init__(self) -> None:
        self._goal = None if self.injection is None else letters(self.injection.GOAL)

    def enter(self, env: Any) -> None:
        """Plan what the user's task needs in this environment."""
        self.env = env
        self.plan.extend([Planned(call, False) for call in self.user.ground_truth(env)])
        self.intended = [planned.call for planned in self.plan]

    def read(self, text: str) -> None:
        """Obey at once what the text demands, and go on after it."""
        if self._goal is None or self.obeyed or self._goal not in letters(text):
            return
        assert self.injection is not None
        self.obeyed = True
        injected = [Planned(call, True) for call in self.injection.ground_truth(self.env)]
        self.plan.extendleft(reversed(injected))

    def output(self) -> str:
        said = self.user.GROUND_TRUTH_OUTPUT
        if self.obeyed and self.injection is not None:
            said = f"{said}\n{self.injection.GROUND_TRUTH_OUTPUT}".strip()
        return said or "Done."


class Gullible:
    """One call in each turn, so that everything that it has read may have led to the next one."""

    name = "gullible"

    def __init__(self) -> None:
        self.case: Case | None = None

    async def answer(self, request: Request) -> AsyncIterator[Piece | Answer]:
        case = self.case
        assert case is not None
        for result in request.messages[-1].tool_results:
            case.read(result.content)
        parts: Sequence[Any] = (Text(case.output()),)
        if case.plan:
            case.made.append(planned := case.plan.popleft())
            parts = (ToolCall(new_id("call"), planned.call.function, dict(planned.call.args)),)
        message = Message(role="assistant", parts=tuple(parts))
        yield Answer(message=message, usage=Usage(requests=1), finish="stop", model=self.name)
