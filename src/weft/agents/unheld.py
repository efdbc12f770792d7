"""What is on record of a tool call where no policy holds: that it was made, and by whom; it is never refused."""

from contextvars import Token
from typing import Any

from weft import events
from weft.agents.permitting import ABOVE, Permit
from weft.engine.context import Context
from weft.messages import ToolCall, ToolResult
from weft.runtime.conversation import Context as Seen
from weft.runtime.limits import Limits
from weft.security.policy import Verdict
from weft.tools.base import Tool

ALLOWED = Verdict("allow")


class Unheld(Permit):
    """Stands where a permit would: it allows all, and the audit has what is not only read."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__((), Seen(), agent="", instructions="", limits=Limits())

    def check(self, tool: Tool, call: ToolCall, ctx: Context[Any]) -> Verdict:
        self._tool, self._arguments, self._verdict = tool, call.arguments, ALLOWED
        return ALLOWED

    def check_edited(self, tool: Tool, call: ToolCall, ctx: Context[Any]) -> None:
        self._arguments = call.arguments

    def judgement(self, result: ToolResult | None) -> events.Judgement | None:
        return None if self._tool is None or self._tool.effect == "read" else super().judgement(result)

    def heard(self, result: ToolResult) -> ToolResult:
        return result

    def enter(self) -> "Token[Permit | None]":
        """What it calls is as free as it is."""
        return ABOVE.set(ABOVE.get())


def unheld(ctx: Context[Any]) -> Unheld | None:
    """For a call of this run; ``None`` where nothing of it is kept."""
    return None if ctx.run.store is None else Unheld()
