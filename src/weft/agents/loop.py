"""How an agent works: think, act, think again. Two nodes, two channels.

Each tool call is an activation of its own: calls run side by side, and after a crash only those
that were not done run again. The messages are rows of the thread, so no state holds them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from weft.agents import output as outputs
from weft.agents.acting import act
from weft.agents.hooks import Hook
from weft.agents.prompt import Instructions, compose, told
from weft.agents.thinking import ask, summary
from weft.engine.channels import Ephemeral
from weft.engine.context import Context
from weft.engine.evolution import UNVERSIONED, Evolution
from weft.engine.graph import Graph, Node, Send, State, Update
from weft.engine.policy import Policy, Retry
from weft.errors import OutputInvalid, UsageError
from weft.events import ContextCompacted, Custom
from weft.memory.window import ContextPolicy
from weft.messages import Message, Part, user
from weft.models.base import Answer, Model, Request
from weft.runtime.conversation import Context as Seen
from weft.runtime.conversation import Conversation, Cut, Saying
from weft.runtime.limits import Limits
from weft.tools.base import Tool, ToolSet
from weft.tools.function import as_tool

TALK, TURN = "conversation", "turn"
RETRY = Policy(retry=Retry(attempts=3))


class Loop:
    """An agent, ready to run: everything that is the same for all its runs is worked out once."""

    def __init__(
        self,
        *,
        name: str,
        model: Model,
        instructions: Instructions,
        tools: Sequence[Any],
        output: Any,
        output_mode: str,
        repairs: int,
        context: ContextPolicy,
        limits: Limits,
        hooks: tuple[Hook, ...],
        settings: Mapping[str, Any],
        evolution: Evolution = UNVERSIONED,
    ) -> None:
        self._model = model
        self._instructions = instructions
        self._fixed = _by_name([as_tool(tool) for tool in tools if not isinstance(tool, ToolSet)])
        self._sets = tuple(tool for tool in tools if isinstance(tool, ToolSet))
        self._output = outputs.output(output)
        self._mode = output_mode if self._output.schema is not None else "none"
        self._repairs = repairs
        self._policy = context
        self._limits = limits
        self._hooks = hooks
        self._settings = settings
        self._specs = self._with_final(self._fixed)
        self.graph = Graph(
            name,
            channels={TALK: Conversation(), TURN: Ephemeral(int)},
            nodes=[
                Node(name="think", run=self._think, payload=int, policy=RETRY),
                Node(name="act", run=self._act, then=("think",), payload=int),
            ],
            enter=_enter,
            leave=self._leave,
            evolution=evolution,
        )

    async def _think(self, state: State, payload: Any, ctx: Context[Any]) -> Update:
        """One turn: what the model sees, what it says, and what follows from it."""
        seen: Seen = state[TALK]
        turn = state.get(TURN, 0)
        ctx.run.meter.before_turn(self._limits, turn)
        sayings: list[Saying] = []
        if (count := self._policy.cut(seen)) > 0:
            seen = await self._shorten(seen, count, sayings, ctx)
        answer = await ask(self._model, self._hooks, await self._request(seen, ctx), ctx)
        message = answer.message
        sayings.append(message)
        calls = message.tool_calls
        if calls and not (self._mode == "tool" and any(call.name == outputs.FINAL for call in calls)):
            return Update({TALK: sayings, TURN: turn + 1}, sends=[Send("act", index) for index in range(len(calls))])
        try:
            return self._ended(answer, sayings, turn, payload or 0)
        except OutputInvalid:
            # The answer that ends a run is in no thread: whoever looks for what was wrong finds it here.
            ctx.emit(Custom("answer.invalid", msgspec.to_builtins(message)))
            raise

    async def _act(self, state: State, payload: Any, ctx: Context[Any]) -> Update:
        """One call of the last message."""
        seen: Seen = state[TALK]
        index: int = payload
        call = seen.said[-1].message.tool_calls[index]
        tools = self._fixed if not self._sets else await self._all(ctx)
        ctx.run.meter.before_tool(self._limits)
        result = await act(tools, self._hooks, call, ctx)
        return Update({TALK: [Message(role="tool", parts=(result,))], TURN: state[TURN]})

    def _ended(self, answer: Answer, sayings: list[Saying], turn: int, repaired: int) -> Update:
        """The model has answered: done, or once more if the answer does not fit."""
        try:
            self._output.parse(answer.message)
        except OutputInvalid as error:
            if answer.finish == "length":
                raise OutputInvalid(
                    f"the model stopped at its token limit before the end of its answer: {error}"
                ) from error
            if repaired >= self._repairs:
                raise OutputInvalid(f"no valid output after {repaired} corrections: {error}") from error
            sayings.append(outputs.correction(error))
            return Update({TALK: sayings, TURN: turn + 1}, sends=[Send("think", repaired + 1)])
        return Update({TALK: sayings})

    async def _request(self, seen: Seen, ctx: Context[Any]) -> Request:
        specs = self._specs if not self._sets else self._with_final(await self._all(ctx))
        plain = self._instructions
        instructions = plain if isinstance(plain, str) else await told(plain, ctx)
        schema = self._output.schema
        if schema is not None and self._mode in ("json", "prompt"):
            instructions = f"{instructions}\n\n{outputs.instructions_for(schema)}"
        native = schema if self._mode in ("native", "json") else None
        return Request(messages=compose(instructions, seen), tools=specs, output=native, settings=self._settings)

    async def _shorten(self, seen: Seen, count: int, sayings: list[Saying], ctx: Context[Any]) -> Seen:
        """Take the oldest turns out of view, with or without a summary in their place."""
        words = seen.summary
        if self._policy.keep == "summary":
            words = await summary(self._model, [said.message for said in seen.said[:count]], words, ctx)
        cut = Cut(count, words)
        sayings.append(cut)
        shorter: Seen = Conversation().merge(seen, [[cut]])
        ctx.emit(ContextCompacted(shorter.start, summarised=words is not None))
        return shorter

    async def _all(self, ctx: Context[Any]) -> Mapping[str, Tool]:
        found = list(self._fixed.values())
        for source in self._sets:
            found.extend(await source.tools(ctx))
        return _by_name(found)

    def _with_final(self, tools: Mapping[str, Tool]) -> list[Any]:
        specs = [tool.spec for tool in tools.values()]
        if self._mode == "tool" and self._output.schema is not None:
            specs.append(outputs.final_tool(self._output.schema))
        return specs

    def _leave(self, state: State) -> Any:
        seen: Seen = state[TALK]
        return self._output.parse(seen.said[-1].message)


def _by_name(tools: Sequence[Tool]) -> dict[str, Tool]:
    named: dict[str, Tool] = {}
    for tool in tools:
        if tool.name in named:
            raise UsageError(f"two tools are called {tool.name!r}: rename one, or wrap its set in Prefixed")
        named[tool.name] = tool
    return named


def _enter(input: Any) -> Update:
    return Update({TALK: [heard(input)]}, goto=("think",))


def heard(input: Any) -> Message:
    """What a person says to an agent, as a message: text, a message, or parts (also as JSON).

    Raises:
        UsageError: it is none of these.
    """
    if isinstance(input, str):
        return user(input)
    if isinstance(input, Message):
        return input
    try:
        if isinstance(input, dict):
            return msgspec.convert(input, Message)
        return Message(role="user", parts=msgspec.convert(input, tuple[Part, ...]))
    except msgspec.ValidationError as error:
        raise UsageError(f"an agent takes text, a Message or message parts, not this: {error}") from error
