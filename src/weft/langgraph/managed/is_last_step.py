"""How many steps are left, as ``langgraph.managed.is_last_step`` offers it."""

from weft.langgraph.managed import IsLastStep, IsLastStepManager, RemainingSteps, RemainingStepsManager

__all__ = ["IsLastStep", "IsLastStepManager", "RemainingSteps", "RemainingStepsManager"]
