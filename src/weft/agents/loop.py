"""How an agent works: think, act, think again. Two nodes, two channels.

Each tool call is an activation of its own: calls run side by side, and after a crash only those
that were not done run again. The messages are rows of the thread, so no state holds them.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from weft.agents import output as outputs
from weft.agents.acting import act
from weft.agents.billing import billing
from weft.agents.hooks import Hook
from weft.agents.ladder import Ladder
from weft.agents.permitting import Permit, may_be_held, permit_of
from weft.agents.prompt import Instructions, compose, last_said, told
from weft.agents.roles import Models, Roles, aside, merged
from weft.agents.thinking import Way, ask, summary
from weft.engine.channels import Channel, Ephemeral
from weft.engine.context import Context
from weft.engine.evolution import UNVERSIONED, Evolution
from weft.engine.graph import END, Graph, Link, Node, Send, State, Update
from weft.engine.policy import Policy, Retry
from weft.errors import OutputInvalid, UsageError
from weft.events import REFUSED, ContextCompacted, Custom
from weft.ids import new_id
from weft.memory.window import ContextPolicy
from weft.messages import Message, Part, ToolSpec, user
from weft.models.base import Answer, Model, Request
from weft.models.capabilities import OutputLevel
from weft.models.kept import AnswerCache
from weft.runtime.conversation import Context as Seen
from weft.runtime.conversation import Conversation, Cut, Saying
from weft.runtime.limits import Limits
from weft.security.policy import Policy as Law
from weft.tools.base import Tool, ToolSet
from weft.tools.function import as_tool
from weft.tools.paging import LONG, READ, cut
from weft.tools.search import offered

if TYPE_CHECKING:
    from weft.agents.route import Junction
    from weft.knowledge.answering import Answering
    from weft.memory.remembering import Remembering

TALK, TURN, DRAFT = "conversation", "turn", "draft"
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
        repairs: int,
        context: ContextPolicy,
        memory: "Remembering | None" = None,
        knowledge: "Answering | None" = None,
        limits: Limits,
        hooks: tuple[Hook, ...],
        settings: Mapping[str, Any],
        policy: Law | None = None,
        junction: "Junction | None" = None,
        evolution: Evolution = UNVERSIONED,
        models: Models | None = None,
        cache: AnswerCache | None = None,
    ) -> None:
        self._model = model
        self._instructions = instructions
        self._fixed = _by_name([as_tool(tool) for tool in tools if not isinstance(tool, ToolSet)])
        self._sets = tuple(tool for tool in tools if isinstance(tool, ToolSet))
        self._output = outputs.output(output)
        self._ladder = None if self._output.schema is None else Ladder(self._output.schema)
        self._repairs = repairs
        self._policy = context
        self._memory = memory
        self._knowledge = knowledge
        self._limits = limits
        self._hooks = hooks
        self._law = policy
        self._settings = settings
        self._junction = junction
        self._way = Way(hooks=hooks, cache=cache)
        self._roles = None if models is None else Roles(models, self._way, self._ladder)
        self._shaping = self._ladder
        if self._roles is not None and self._roles.finish:
            self._way, self._shaping = self._way._replace(as_thought=True), None
        self._specs = [tool.spec for tool in self._fixed.values()]
        self.graph = self._drawn(name, evolution)

    def _drawn(self, name: str, evolution: Evolution) -> Graph:
        roles, enter, first = self._roles, _enter, "think"
        says, parses = roles is not None and roles.output is not None, roles is not None and roles.parser is not None
        last = "say" if says else "parse" if parses else END
        ends = (Link("act"), Link(last))
        nodes = [
            Node(name="think", run=self._think, payload=int, policy=RETRY, links=ends),
            Node(name="act", run=self._act, then=("think",), payload=int),
        ]
        channels: dict[str, Channel] = {TALK: Conversation(), TURN: Ephemeral(int)}
        if roles is not None and roles.reasoning is not None:
            nodes.append(Node(name="reason", run=self._reason, then=("think",), policy=RETRY))
            enter, first = _enter_by_reason, "reason"
        if roles is not None and roles.finish:
            channels[DRAFT] = Ephemeral(Message)
        if says:
            after = Link("parse" if parses else END, sure=True)
            nodes.append(Node(name="say", run=self._say, payload=int, policy=RETRY, links=(after,)))
        if parses:
            nodes.append(Node(name="parse", run=self._parse, payload=int, policy=RETRY))
        start = (Link(first, sure=True),)
        return Graph(
            name, channels=channels, nodes=nodes, enter=enter, leave=self._leave, evolution=evolution, first=start
        )

    async def _think(self, state: State, payload: Any, ctx: Context[Any]) -> Update:
        """One turn: what the model sees, what it says, and what follows from it."""
        seen: Seen = state[TALK]
        turn = state.get(TURN, 0)
        ctx.run.meter.before_turn(self._limits, turn)
        if turn == 0 and self._memory is not None:
            await self._memory.begun(ctx, self._model)
        sayings: list[Saying] = []
        if (count := self._policy.cut(seen)) > 0:
            seen = await self._shorten(seen, count, sayings, ctx)
        request = Request(
            messages=await self._told(seen, ctx), tools=await self._tools(seen, ctx), settings=self._settings
        )
        if self._shaping is None and self._junction is None:
            answer, level = await ask(self._model, self._way, request, ctx), None
        else:
            answer, level = await self._answer(request, turn, ctx)
        message = answer.message
        calls = message.tool_calls
        if calls and not (level == "tool" and any([call.name == outputs.FINAL for call in calls])):
            sends = [Send("act", index) for index in range(len(calls))]
            return Update({TALK: [*sayings, message], TURN: turn + 1}, sends=sends)
        if self._roles is not None and self._roles.finish:
            aside(message, ctx)
            return self._last_word(message, sayings, turn)
        return self._ended(answer.message, answer.finish, [*sayings, message], turn, Send("think", payload or 0), ctx)

    async def _answer(self, request: Request, turn: int, ctx: Context[Any]) -> tuple[Answer, OutputLevel | None]:
        """What the model says, and how it was brought to the shape of the output."""
        model, ladder = self._model, self._shaping
        if ladder is None:
            assert self._junction is not None
            return await ask(await self._junction.model(request, turn, ctx), self._way, request, ctx), None
        level = await ladder.level(model)
        if self._junction is not None:
            model = await self._junction.model(ladder.shaped(request, level), turn, ctx)
            level = await ladder.level(model)
        if turn == 0 or self._junction is not None:
            ladder.tell(model, level, ctx)
        return await ladder.asked(model, self._way, request, level, ctx)

    def _last_word(self, draft: Message, sayings: list[Saying], turn: int) -> Update:
        """The agent's own model has answered; others go on from that."""
        assert self._roles is not None
        node = "parse" if self._roles.output is None else "say"
        return Update({TALK: sayings, DRAFT: draft, TURN: turn + 1}, sends=[Send(node, 0)])

    async def _reason(self, state: State, payload: Any, ctx: Context[Any]) -> Update:
        """Thoughts before the first turn."""
        assert self._roles is not None
        seen: Seen = state[TALK]
        thoughts = await self._roles.thoughts(await self._told(seen, ctx), await self._tools(seen, ctx), ctx)
        return Update({TALK: [thoughts]})

    async def _say(self, state: State, payload: Any, ctx: Context[Any]) -> Update:
        """The last word, by the output model."""
        assert self._roles is not None
        seen, draft, turn, repaired = _finishing(state, payload)
        ctx.run.meter.before_turn(self._limits, turn)
        told = await self._told(seen, ctx)
        split = len(told) - 2 * repaired
        said = await self._roles.say(told[:split], draft, told[split:], ctx)
        if self._roles.parser is not None:
            return Update({DRAFT: merged(draft, said), TURN: turn + 1}, sends=[Send("parse", 0)])
        return self._ended(merged(draft, said), "", [merged(draft, said)], turn, Send("say", repaired), ctx, draft)

    async def _parse(self, state: State, payload: Any, ctx: Context[Any]) -> Update:
        """The last word in the shape of the output, by the parser."""
        assert self._roles is not None
        seen, draft, turn, repaired = _finishing(state, payload)
        ctx.run.meter.before_turn(self._limits, turn)
        further = [one.message for one in seen.said[len(seen.said) - 2 * repaired :]]
        said = merged(draft, await self._roles.parse(draft, further, ctx))
        return self._ended(said, "", [said], turn, Send("parse", repaired), ctx, draft)

    async def _act(self, state: State, payload: Any, ctx: Context[Any]) -> Update:
        """One call of the last message."""
        seen: Seen = state[TALK]
        index: int = payload
        call = seen.said[-1].message.tool_calls[index]
        tools = self._fixed if not self._sets else await self._all(ctx)
        if call.name == READ.name:
            tools = {READ.name: READ, **tools}
        ctx.run.meter.before_tool(self._limits)
        permit = await self._permit(seen, ctx) if self._law is not None or may_be_held(ctx) else None
        result = await act(tools, self._hooks, call, ctx, permit)
        return Update({TALK: [Message(role="tool", parts=(result,))], TURN: state[TURN]})

    async def _permit(self, seen: Seen, ctx: Context[Any]) -> Permit | None:
        """What the call is held to. Who said what the agent remembers is not on record here: it counts as influence."""
        words = self._instructions if isinstance(self._instructions, str) else ""
        if self._memory is not None:
            seen = replace(seen, gone=(*seen.gone, "memory"))
        if self._knowledge is not None:
            seen = replace(seen, gone=(*seen.gone, *self._knowledge.sources))
        name = self.graph.name
        return await permit_of(self._law, seen, ctx, agent=name, instructions=words, limits=self._limits)

    def _ended(
        self,
        message: Message,
        finish: str,
        sayings: list[Saying],
        turn: int,
        here: Send,
        ctx: Context[Any],
        draft: Message | None = None,
    ) -> Update:
        """The last word is said: done, or once more (``here``) if it does not fit.

        Raises:
            OutputInvalid: it does not, after all corrections.
        """
        try:
            self._output.parse(message)
        except OutputInvalid as error:
            if finish != "length" and here.payload < self._repairs:
                update: dict[str, Any] = {TALK: [*sayings, outputs.correction(error)], TURN: turn + 1}
                if draft is not None:
                    wrong = replace(message, id=new_id("msg"))  # the draft's own id is for the last word
                    update |= {TALK: [wrong, outputs.correction(error)], DRAFT: draft}
                return Update(update, sends=[Send(here.node, here.payload + 1)])
            # The answer that ends a run is in no thread: whoever looks for what was wrong finds it here.
            ctx.emit(Custom(REFUSED, msgspec.to_builtins(message)))
            cause = "the model stopped at its token limit before the end of its answer"
            told = cause if finish == "length" else f"no valid output after {here.payload} corrections"
            raise OutputInvalid(f"{told}: {error}") from error
        return Update({TALK: sayings})

    async def _told(self, seen: Seen, ctx: Context[Any]) -> list[Message]:
        plain = self._instructions
        instructions = plain if isinstance(plain, str) else await told(plain, ctx)
        recalled, found = "", ()
        if self._memory is not None or self._knowledge is not None:
            with billing(ctx):
                if self._memory is not None:
                    instructions, recalled = await self._memory.minded(instructions, last_said(seen), ctx)
                if self._knowledge is not None:
                    found = await self._knowledge.minded(last_said(seen), ctx)
        return compose(instructions, seen, recalled, found)

    async def _tools(self, seen: Seen, ctx: Context[Any]) -> list[ToolSpec]:
        specs = self._specs
        if self._sets:
            said = (said.message for said in seen.said)
            specs = [tool.spec for tool in offered((await self._all(ctx)).values(), said)]
        if specs and cut(said.message for said in seen.said if said.tokens > LONG):
            specs = [*specs, READ.spec]
        return specs

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


def _enter_by_reason(input: Any) -> Update:
    return Update({TALK: [heard(input)]}, goto=("reason",))


def _finishing(state: State, payload: Any) -> tuple[Seen, Message, int, int]:
    """The conversation, what was said so far, the turn, and how often the last word was corrected."""
    return state[TALK], state[DRAFT], state.get(TURN, 0), payload or 0


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
