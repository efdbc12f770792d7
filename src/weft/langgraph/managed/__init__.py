"""Values that the run itself gives to a state: how many steps are left, and whether this is the last one."""

from typing import Annotated, Any

from msgspec import Struct


class Steps(Struct, frozen=True):
    """Where a run stands."""

    step: int
    stop: int
    """The step before which it has to end."""


class ManagedValue:
    """A field of a state that is never written: each read asks ``get``."""

    @staticmethod
    def get(scratchpad: Any) -> Any:
        raise NotImplementedError


class IsLastStepManager(ManagedValue):
    @staticmethod
    def get(scratchpad: Any) -> bool:
        return scratchpad.step == scratchpad.stop - 1


class RemainingStepsManager(ManagedValue):
    @staticmethod
    def get(scratchpad: Any) -> int:
        return scratchpad.stop - scratchpad.step


IsLastStep = Annotated[bool, IsLastStepManager]
RemainingSteps = Annotated[int, RemainingStepsManager]

__all__ = ["IsLastStep", "ManagedValue", "RemainingSteps"]
