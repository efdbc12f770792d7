"""One tool call of an agent: found, approved, run, and answered in words whatever happens."""

import asyncio
import inspect
from collections.abc import Mapping
from functools import partial
from typing import Any

from weft import events
from weft.agents.approving import asked_of, decided_on, decision, must_ask, name_of_decision
from weft.agents.billing import billing
from weft.agents.hooks import Act, Hook
from weft.agents.permitting import Permit, permit_below
from weft.agents.unheld import unheld
from weft.engine.context import Context, ask_as
from weft.errors import ToolError, ToolRefused, ToolRetry
from weft.messages import Json, ToolCall, ToolResult
from weft.runtime.effects import Once
from weft.security.policy import Verdict
from weft.tools.base import Returned, Tool
from weft.tools.paging import kept
from weft.tools.results import returned
from weft.tools.run import Broke, run_tool
from weft.tools.threads import in_thread


async def act(
    tools: Mapping[str, Tool],
    hooks: tuple[Hook, ...],
    call: ToolCall,
    ctx: Context[Any],
    permit: Permit | None = None,
) -> ToolResult:
    """The result of one call. Failures are results too: the model reads them and goes on."""
    started = events.now()
    permit = permit or permit_below() or unheld(ctx)
    ctx.emit(events.ToolStarted(call.id, call.name, call.arguments))
    if ctx.run.recorded is not None and (past := ctx.run.recorded.result(ctx.path, call.id)) is not None:
        ctx.emit(events.ToolFinished(call.id, call.name, started, past.failed, past))
        return past
    inner: Act = partial(_call, tools, ctx, permit)
    for hook in reversed(hooks):
        inner = partial(_around, hook, ctx, inner)
    try:
        with billing(ctx):
            result = await inner(call)
    except ToolError as error:
        # What we say ourselves has no untrusted source.
        result = ToolResult(call.id, call.name, str(error), failed=True, trusted=isinstance(error, ToolRefused))
    judged = None if permit is None else permit.judgement(result)
    ctx.emit(events.ToolFinished(call.id, call.name, started, result.failed, result, judged))
    return result


async def _around(hook: Hook, ctx: Context[Any], next: Act, call: ToolCall) -> ToolResult:
    return await hook.around_tool(ctx, call, next)


async def _call(tools: Mapping[str, Tool], ctx: Context[Any], permit: Permit | None, call: ToolCall) -> ToolResult:
    tool = tools.get(call.name)
    if tool is None:
        known = ", ".join(sorted(tools)) or "none"
        raise ToolRetry(f"there is no tool {call.name!r}; the tools are: {known}")
    if call.invalid is not None:
        raise ToolRetry(f"the arguments of {call.name!r} are not a JSON object; write them again as one")
    verdict = None if permit is None else permit.check(tool, call, ctx)
    wanted = verdict is not None and verdict.decision == "ask"
    if wanted or (tool.approval and await must_ask(tool, call.arguments)):
        if tool.check is not None:
            tool.check(call.arguments)
        decided = _asked(tool, call, ctx, permit, verdict)
        if isinstance(decided, ToolResult):
            return decided
        call = decided
    if permit is None:
        return await _run(tool, call, ctx)
    token = permit.enter()
    try:
        return permit.heard(await _run(tool, call, ctx))
    finally:
        permit.leave(token)


def _asked(
    tool: Tool, call: ToolCall, ctx: Context[Any], permit: Permit | None, verdict: Verdict | None
) -> ToolCall | ToolResult:
    """What a person says of the call; one that they change is judged once more, and can only be denied then."""
    answer = ask_as(ctx, "approval", "approval", asked_of(call, verdict), decision(tool))
    if permit is None:
        return decided_on(call, answer)
    permit.answer = name_of_decision(answer)
    permit.tell(call, ctx)
    decided = decided_on(call, answer)
    if isinstance(decided, ToolCall) and decided.arguments != call.arguments:
        permit.check_edited(tool, decided, ctx)
    return decided


async def _run(tool: Tool, call: ToolCall, ctx: Context[Any]) -> ToolResult:
    if tool.effect == "once":
        returned = await _once(tool, call.arguments, ctx)
    else:
        returned = await run_tool(tool, call.arguments, ctx)
    content = await kept(returned.content, ctx)
    return ToolResult(call.id, call.name, content, media=returned.media, trusted=tool.trusted)


async def _once(tool: Tool, arguments: Json, ctx: Context[Any]) -> Returned:
    """Call a tool that must not be called twice, unless it said itself (``ToolError``) that nothing happened."""

    async def reconcile() -> Any:
        given = tool.reconcile
        assert given is not None
        async with asyncio.timeout(tool.timeout):
            if inspect.iscoroutinefunction(given):
                return await given(ctx, arguments)
            found = await in_thread(partial(given, ctx, arguments))
            return await found if inspect.isawaitable(found) else found

    once = Once(ctx, tool.name, arguments, reconcile=reconcile if tool.reconcile else None, known=_known)
    return returned(await once.run(partial(run_tool, tool, arguments, ctx)))


def _known(error: Exception) -> bool:
    """Whether the tool itself said that nothing happened."""
    return isinstance(error, ToolError) and not isinstance(error, Broke)
