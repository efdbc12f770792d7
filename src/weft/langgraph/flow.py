"""An entrypoint for Weft's engine: a graph of one node, which keeps its result and what it saves."""

from collections.abc import Mapping
from typing import Any, ClassVar

from weft.engine.channels import Channel
from weft.engine.graph import State, Update
from weft.engine.step import Checkpoint
from weft.langgraph.builder import Built, Spec
from weft.langgraph.current import Task
from weft.langgraph.managed import Steps
from weft.langgraph.state import AnyLast, Passing, Schema

INPUT, PREVIOUS, RESULT = "__input__", "__previous__", "__root__"


class _Input(Schema):
    """Sees what the program was started with."""

    def values(self, state: Mapping[str, Any]) -> Any:
        return state.get(INPUT)


class Flow(Built):
    """The program: its input lives for one step, its result and what it saved for the next run."""

    more: ClassVar[Mapping[str, Channel]] = {INPUT: Passing(INPUT), PREVIOUS: AnyLast(PREVIOUS)}
    starts: ClassVar[bool] = False

    def _spec(self, name: str, given: Mapping[str, Any]) -> Spec:
        return super()._spec(name, given).with_input(_Input(Any, self.channels))

    def tells_values(self, checkpoint: Checkpoint) -> bool:
        return RESULT in checkpoint.written

    def writes_of(self, given: Any) -> Mapping[str, Any]:
        return {INPUT: given}

    def given(self, payload: Any) -> Any:
        return payload[INPUT]

    def directly(self, writes: Mapping[str, Any]) -> Update | None:
        return Update({INPUT: writes[INPUT]}, (), tuple(self.specs))

    async def update(
        self, node: str, given: Any, state: State, task: Task | None, *, steps: Steps | None = None
    ) -> Update:
        if not node:
            return Update()
        final = hasattr(given, "save") and hasattr(given, "value")
        value, saved = (given.value, given.save) if final else (given, given)
        return Update({RESULT: value, PREVIOUS: saved})
