"""How much of a conversation the model sees: a policy, and where it cuts."""

from collections.abc import Sequence
from typing import Literal, TypeAlias

from msgspec import Struct

from weft.errors import UsageError
from weft.messages import Message
from weft.runtime.conversation import Context, Said

Keep: TypeAlias = Literal["window", "summary"]


class ContextPolicy(Struct, frozen=True, kw_only=True):
    """What of its conversation an agent sees.

    Beyond ``max_tokens`` or ``max_messages`` the oldest turns leave the context, down to ``refill`` of
    the limit, so that the prompt's beginning stays the same for many turns and providers can cache it.
    With ``keep="summary"`` a rolling summary takes their place. Nothing is ever deleted from the thread.

    Raises:
        UsageError: a limit that leaves no room.
    """

    max_tokens: int | None = 32_000
    """Estimated tokens of the messages in view."""
    max_messages: int | None = None
    keep: Keep = "window"
    refill: float = 0.6
    """Between 0 and 1."""

    def __post_init__(self) -> None:
        small = any(most is not None and most < 1 for most in (self.max_tokens, self.max_messages))
        if small or not 0 < self.refill <= 1:
            raise UsageError("a context needs room: max_tokens and max_messages of at least 1, 0 < refill <= 1")

    def cut(self, context: Context) -> int:
        """How many of the oldest messages have to go: 0 while everything fits.

        The context then begins with what a person said, or at least not between a tool call and its
        result; the last turn stays whole, however long it is.
        """
        few = self.max_messages is None or len(context.said) <= self.max_messages
        if few and (self.max_tokens is None or context.size <= self.max_tokens):
            return 0
        starts = [index for index, said in enumerate(context.said) if index and _may_begin(said.message)]
        for index in starts:
            if self._fits(context.said[index:]):
                return index
        return starts[-1] if starts else 0

    def _fits(self, said: Sequence[Said]) -> bool:
        if self.max_messages is not None and len(said) > max(1, int(self.max_messages * self.refill)):
            return False
        return self.max_tokens is None or sum([one.tokens for one in said]) <= self.max_tokens * self.refill


def _may_begin(message: Message) -> bool:
    """Whether a context may begin with this message: not where a call would be cut from its result."""
    return message.role == "user"


SUMMARISE = (
    "Summarise the conversation so far for yourself: facts, names, numbers, decisions, open questions, what the "
    "user wants. Be complete and brief. Write only the summary."
)
"""What the model is asked when turns leave the context of ``keep="summary"``."""
