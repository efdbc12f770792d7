"""May this call be made? An agent's conversation and the policies that hold, brought together before each tool call."""

from collections.abc import Mapping
from contextvars import ContextVar, Token
from hashlib import sha256
from typing import Any, NoReturn, cast

import msgspec

from weft import events
from weft.engine.context import Context
from weft.errors import ToolRefused
from weft.messages import Json, Text, ToolCall, ToolResult, foreign
from weft.runtime.conversation import Context as Seen
from weft.runtime.limits import Limits
from weft.security.policy import Policy, Use, Verdict, judged
from weft.security.provenance import UNTOUCHED, Influence, Provenance, Read
from weft.tools.base import Tool
from weft.tools.paging import NAME as READS_ON

ABOVE: "ContextVar[Permit | None]" = ContextVar("weft.permitting.above", default=None)
"""The tool call under which an agent works, if it works under one: then nobody but a model told it what to do."""


def may_be_held(ctx: Context[Any]) -> bool:
    """Whether there can be a policy that is not the agent's own."""
    return ctx.run.rules is not None or ABOVE.get() is not None


async def permit_of(
    own: Policy | None, seen: Seen, ctx: Context[Any], *, agent: str, instructions: str, limits: Limits
) -> "Permit | None":
    """What a call of an agent is held to; ``None`` where there is no policy.

    That is the agent's own, the workspace's, and whatever holds for the tool call that it works under.
    """
    if own is None and not may_be_held(ctx):
        return None
    rules, above = ctx.run.rules, ABOVE.get()
    policies = [] if above is None else [*above.policies]
    for policy in (own, None if rules is None else await rules.policy(ctx.run.workspace)):
        if policy is not None and policy not in policies:
            policies.append(policy)
    if not policies:
        return None
    return Permit(tuple(policies), seen, agent=agent, instructions=instructions, limits=limits, above=above)


def permit_below() -> "Permit | None":
    """What a call is held to that a tool makes by itself, as a program does that a model wrote."""
    above = ABOVE.get()
    return None if above is None else above.below()


class Permit:
    """What one tool call is held to."""

    __slots__ = ("_above", "_agent", "_arguments", "_heard", "_influence", "_instructions", "_limits", "_provenance",
                 "_seen", "_tool", "_verdict", "answer", "policies")  # fmt: skip

    def __init__(
        self,
        policies: tuple[Policy, ...],
        seen: Seen,
        *,
        agent: str,
        instructions: str,
        limits: Limits,
        above: "Permit | None" = None,
    ) -> None:
        self.policies, self._seen, self._agent = policies, seen, agent
        self._instructions, self._limits, self._above = instructions, limits, above
        self._heard: dict[str, None] = {}
        self._provenance: Provenance | None = None
        self._influence: Influence | None = None
        self._tool: Tool | None = None
        self._arguments: Json = {}
        self._verdict: Verdict | None = None
        self.answer = ""
        """What a person said of the call, where one was asked."""

    def check(self, tool: Tool, call: ToolCall, ctx: Context[Any]) -> Verdict:
        """The verdict on a call as it is to be made.

        Raises:
            ToolRefused: it is denied; that is an event too.
        """
        self._tool, self._arguments = tool, call.arguments
        self._verdict = verdict = judged(self.policies, self._use(tool, call.arguments, ctx))
        if verdict.decision == "deny":
            self._refuse(call, verdict, ctx)
        return verdict

    def check_edited(self, tool: Tool, call: ToolCall, ctx: Context[Any]) -> None:
        """A person has changed the call, and so allowed it, as far as that is theirs to allow.

        Raises:
            ToolRefused: even so it is denied.
        """
        self._arguments, self._influence = call.arguments, None
        verdict = judged(self.policies, self._use(tool, call.arguments, ctx))
        if verdict.decision == "deny":
            self._verdict = verdict
            self._refuse(call, verdict, ctx)

    def _refuse(self, call: ToolCall, verdict: Verdict, ctx: Context[Any]) -> NoReturn:
        self.tell(call, ctx)
        raise ToolRefused(f"{call.name!r} is not allowed here by the rule {verdict.rule!r}" + _because(verdict))

    def tell(self, call: ToolCall, ctx: Context[Any]) -> None:
        """Put the verdict among the events of the run, with a person's answer where there is one."""
        verdict = self._verdict
        if verdict is not None and verdict.decision != "allow":
            told = events.ToolJudged(
                *(call.id, call.name, verdict.decision, verdict.rule, verdict.reason, verdict.sources, self.answer)
            )
            ctx.emit(told)

    def judgement(self, result: ToolResult | None) -> events.Judgement | None:
        """For the audit; ``None`` where there was nothing to judge, as no tool was reached."""
        tool, verdict = self._tool, self._verdict
        if tool is None or verdict is None:
            return None
        called = result is not None and verdict.decision != "deny" and self.answer not in ("reject", "respond")
        return events.Judgement(
            decision=verdict.decision,
            rule=verdict.rule,
            effect=tool.effect,
            arguments=hash_of_arguments(self._arguments),
            result=sha256(result.content.encode()).hexdigest() if called and result is not None else None,
            answer=self.answer,
            sources=verdict.sources,
        )

    def heard(self, result: ToolResult) -> ToolResult:
        """The result with the sources behind it, which whoever called this agent as a tool is to know too."""
        if result.trusted:
            return result
        if self._tool is not None and self._tool.name == READS_ON:
            id = str(self._arguments.get("id", ""))
            for said in self._seen.said:
                for each in said.message.tool_results:
                    if id and not each.trusted and each.name != READS_ON and id in each.content:
                        self._heard |= dict.fromkeys((each.name, *each.behind))
        behind = tuple([name for name in self._heard if name != result.name])
        if self._above is not None:
            read = self._seen.said if self._seen.said else ()
            names = [name for said in read for name, _ in foreign(said.message)]
            self._above._heard |= dict.fromkeys((*names, result.name, *behind))
        return msgspec.structs.replace(result, behind=behind) if behind else result

    def enter(self) -> "Token[Permit | None]":
        """From here on, agents that the tool calls can know what influenced it; give back what this returns."""
        return ABOVE.set(self)

    def leave(self, token: "Token[Permit | None]") -> None:
        ABOVE.reset(token)

    def below(self) -> "Permit":
        """For calls that the tool makes by itself: what those before them gave is read too, though nobody said it."""
        name = "" if self._tool is None else self._tool.name
        seen = msgspec.structs.replace(self._seen, gone=(*self._seen.gone, name))
        return Permit(
            *(self.policies, seen),
            agent=self._agent,
            instructions=self._instructions,
            limits=self._limits,
            above=self._above,
        )

    def _use(self, tool: Tool, arguments: Json, ctx: Context[Any]) -> Use:
        used, limits = ctx.run.usage, self._limits
        return Use(
            tool=tool.name,
            arguments={**_unsaid(tool.spec.parameters), **arguments},
            effect=tool.effect,
            agent=self._agent,
            user=ctx.run.user_id,
            usd_left=None if limits.usd is None else max(0.0, limits.usd - (used.cost or 0.0)),
            tokens_left=None if limits.tokens is None else max(0, limits.tokens - used.total_tokens),
            influence=self.influence,
        )

    def influence(self) -> Influence:
        """What influenced the call that is judged; worked out once, and only where it is wanted."""
        if self._influence is None:
            tool = self._tool
            usual = None if tool is None else _defaults(tool.spec.parameters)
            self._influence = self._traced().influence(self._arguments, usual)
        return self._influence

    def _traced(self) -> Provenance:
        if self._provenance is None:
            self._provenance = traced(
                self._seen, self._instructions, UNTOUCHED if self._above is None else self._above.influence()
            )
        return self._provenance


def traced(seen: Seen, instructions: str, above: Influence = UNTOUCHED) -> Provenance:
    """What of a conversation comes from the user and the developer, and what from elsewhere.

    Where a tool call that others influenced led to this conversation, what its agent was told is theirs as well. A
    refusal of ours repeats what a model wrote: it has no source, and shows nothing either.
    """
    trusted: list[str] = [instructions]
    read: list[Read] = []
    if seen.summary and not seen.gone:
        trusted.append(seen.summary)
    for said in seen.said:
        message = said.message
        if message.role == "assistant":
            continue
        read.extend([Read(*one) for one in foreign(message)])
        ours = [part.text for part in message.parts if isinstance(part, Text) and not part.source]
        if message.role == "user" and above.sources:
            read.extend([Read(source, text) for source in above.sources for text in ours])
        else:
            trusted.extend(ours)
        trusted.extend([result.content for result in message.tool_results if result.trusted and not result.failed])
    return Provenance(trusted, read, seen.gone)


def hash_of_arguments(arguments: Mapping[str, Any]) -> str:
    """SHA-256 of arguments as JSON with sorted keys, in hex.

    >>> hash_of_arguments({"b": 1, "a": 2}) == hash_of_arguments({"a": 2, "b": 1})
    True
    """
    return sha256(msgspec.json.encode(arguments, order="deterministic")).hexdigest()


def _defaults(parameters: Json) -> Json:
    properties: Mapping[str, Any] = parameters.get("properties", {})
    known = {name: cast("Json", each) for name, each in properties.items() if isinstance(each, dict)}
    return {name: each["default"] for name, each in known.items() if "default" in each}


def _unsaid(parameters: Json) -> Json:
    """What a tool takes where a model says nothing, as far as that says something."""
    return {name: value for name, value in _defaults(parameters).items() if value not in (None, "", [], {})}


def _because(verdict: Verdict) -> str:
    return f": {verdict.reason}" if verdict.reason else ""
