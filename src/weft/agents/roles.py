"""Other models for parts of an agent's work: one that thinks first, one that says the last word, one that shapes it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from weft.agents.ladder import Ladder
from weft.agents.thinking import Way, ask
from weft.engine.context import Context
from weft.events import ASIDE, Custom
from weft.messages import Message, Reasoning, Text, user
from weft.models.base import Model, Request
from weft.models.choose import resolve

_THINK = (
    "Think before anybody answers: what is asked, what is known, what is missing, and which steps lead there. "
    "Say your thoughts and a plan, not the answer."
)
_SAY = "Say this to the person now, as the final answer: all that matters of it, and nothing about how it came about."
_PARSE = "Put what is said into the asked form. Add nothing that is not said, and leave nothing out that is asked for."


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """Models beside an agent's own. What they say counts, costs and is recorded like everything else.

    >>> Models(parser="openai/gpt-5-nano").parser
    'openai/gpt-5-nano'
    """

    reasoning: "str | Model | None" = None
    """Thinks first in each run; its thoughts are told to the agent's model."""
    output: "str | Model | None" = None
    """Says the last word, from all that was said and found."""
    parser: "str | Model | None" = None
    """Brings the last word into the shape of ``output=``, so that the others need not know it."""


class Roles:
    """The models at work."""

    def __init__(self, models: Models, way: Way, ladder: Ladder | None) -> None:
        self.reasoning = None if models.reasoning is None else resolve(models.reasoning)
        self.output = None if models.output is None else resolve(models.output)
        self.parser = None if models.parser is None or ladder is None else resolve(models.parser)
        self._way, self._ladder = way, ladder

    @property
    def finish(self) -> bool:
        """Whether the agent's own model does not have the last word."""
        return self.output is not None or self.parser is not None

    async def thoughts(self, told: Sequence[Message], tools: Sequence[Any], ctx: Context[Any]) -> Message:
        """What the reasoning model thinks of it, as the others are told."""
        model = self.reasoning
        assert model is not None
        known = "".join([f"\n- {tool.name}: {tool.description}" for tool in tools])
        words = f"{_THINK}\n\nThere are these tools, for later:{known}" if known else _THINK
        way = self._way._replace(as_thought=True)
        answer = await ask(model, way, Request(messages=[*told, user(words)]), ctx)
        aside(answer.message, ctx)
        thought = answer.message.text or "".join(
            [part.text for part in answer.message.parts if isinstance(part, Reasoning)]
        )
        return Message(role="user", parts=(Text(f"Thoughts beforehand, of {model.name}:\n{thought}"),), author="weft")

    async def say(
        self, told: Sequence[Message], draft: Message, further: Sequence[Message], ctx: Context[Any]
    ) -> Message:
        """The last word; in the shape of the output, unless a parser follows."""
        assert self.output is not None
        said = Message(role="assistant", parts=(Text(draft.text),))
        messages = [*told, said, user(_SAY), *further]
        return await self._ask(self.output, messages, draft, ctx, shaped=self.parser is None)

    async def parse(self, draft: Message, further: Sequence[Message], ctx: Context[Any]) -> Message:
        """What was said, in the shape of the output."""
        assert self.parser is not None
        system = Message(role="system", parts=(Text(_PARSE),), id="system")
        return await self._ask(self.parser, [system, user(draft.text), *further], draft, ctx, shaped=True)

    async def _ask(
        self, model: Model, messages: list[Message], draft: Message, ctx: Context[Any], *, shaped: bool
    ) -> Message:
        way = self._way._replace(message_id=draft.id, as_thought=not shaped and self.parser is not None)
        request = Request(messages=messages)
        if not shaped or self._ladder is None:
            answer = await ask(model, way, request, ctx)
        else:
            level = await self._ladder.level(model)
            self._ladder.tell(model, level, ctx)
            answer, _ = await self._ladder.asked(model, way, request, level, ctx)
        aside(answer.message, ctx)  # what is added to the thread has the drafts beside it
        return answer.message


def aside(message: Message, ctx: Context[Any]) -> None:
    """Put on record what is in no thread."""
    ctx.emit(Custom(ASIDE, msgspec.to_builtins(message)))


def merged(draft: Message, last: Message) -> Message:
    """The last word, with what came before it as thoughts."""
    before = [part for part in draft.parts if isinstance(part, Reasoning) and part.text and part.signature is None]
    shown = (*before, *((Reasoning(draft.text),) if draft.text else ()), *last.parts)
    return Message(role="assistant", parts=shown, id=draft.id)
