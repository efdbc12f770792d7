"""Limits of a run: turns, tool calls, tokens, money, time."""

from msgspec import Struct

from weft.errors import LimitExceeded
from weft.messages import Usage


class Limits(Struct, frozen=True, kw_only=True):
    """``None`` is no limit. Tokens and money count the whole run, sub-agents included."""

    turns: int | None = 50
    """Model calls of this agent in one run."""
    tool_calls: int | None = None
    tokens: int | None = None
    usd: float | None = None
    seconds: float | None = None
    """Wall time of one run of this agent."""

    def check(self, used: Usage, turns: int) -> None:
        """Before one more model call.

        Raises:
            LimitExceeded: there is none left.
        """
        if self.turns is not None and turns >= self.turns:
            raise LimitExceeded(f"the agent took {turns} turns, which is its limit; raise Limits(turns=...)")
        if self.tokens is not None and used.total_tokens >= self.tokens:
            raise LimitExceeded(f"the run used {used.total_tokens} tokens of at most {self.tokens}")
        if self.usd is not None and used.cost is not None and used.cost >= self.usd:
            raise LimitExceeded(f"the run cost ${used.cost:.4f} of at most ${self.usd:.4f}")
