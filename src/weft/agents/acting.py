"""One tool call of an agent: found, approved, run, and answered in words whatever happens."""

import asyncio
import inspect
import time
from collections.abc import Mapping
from functools import partial
from typing import Any

from weft import events
from weft.agents.approving import asked_of, decided_on, decision, must_ask
from weft.agents.hooks import Act, Hook
from weft.engine.context import Context, ask_as
from weft.errors import ToolError, ToolRetry
from weft.messages import Json, ToolCall, ToolResult
from weft.runtime.effects import Once
from weft.tools.base import Returned, Tool
from weft.tools.results import returned
from weft.tools.run import Broke, run_tool
from weft.tools.threads import in_thread

LONGEST = 60_000
"""Characters of a tool's result that reach the thread and the model: some 15,000 tokens."""


async def act(tools: Mapping[str, Tool], hooks: tuple[Hook, ...], call: ToolCall, ctx: Context[Any]) -> ToolResult:
    """The result of one call. Failures are results too: the model reads them and goes on."""
    started = time.time()
    ctx.emit(events.ToolStarted(call.id, call.name, call.arguments))
    if ctx.run.recorded is not None and (past := ctx.run.recorded.result(ctx.path, call.id)) is not None:
        ctx.emit(events.ToolFinished(call.id, call.name, started, past.failed, past))
        return past
    inner: Act = partial(_call, tools, ctx)
    for hook in reversed(hooks):
        inner = partial(_around, hook, ctx, inner)
    try:
        result = await inner(call)
    except ToolError as error:
        result = ToolResult(call.id, call.name, str(error), failed=True)
    ctx.emit(events.ToolFinished(call.id, call.name, started, result.failed, result))
    return result


async def _around(hook: Hook, ctx: Context[Any], next: Act, call: ToolCall) -> ToolResult:
    return await hook.around_tool(ctx, call, next)


async def _call(tools: Mapping[str, Tool], ctx: Context[Any], call: ToolCall) -> ToolResult:
    tool = tools.get(call.name)
    if tool is None:
        known = ", ".join(sorted(tools)) or "none"
        raise ToolRetry(f"there is no tool {call.name!r}; the tools are: {known}")
    if call.invalid is not None:
        raise ToolRetry(f"the arguments of {call.name!r} are not a JSON object; write them again as one")
    if tool.approval and await must_ask(tool, call.arguments):
        decided = decided_on(call, ask_as(ctx, "approval", "approval", asked_of(call), decision(tool)))
        if isinstance(decided, ToolResult):
            return decided
        call = decided
    if tool.effect == "once":
        returned = await _once(tool, call.arguments, ctx)
    else:
        returned = await run_tool(tool, call.arguments, ctx)
    return ToolResult(call.id, call.name, shortened(returned.content), media=returned.media)


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


def shortened(content: str) -> str:
    """A result that a model can take in: beyond ``LONGEST`` its middle is left out, and it says so.

    >>> len(shortened("x" * 1_000_000)) < LONGEST + 200
    True
    """
    if len(content) <= LONGEST:
        return content
    half = LONGEST // 2
    left_out = len(content) - 2 * half
    note = f"\n[... {left_out:,} of {len(content):,} characters left out: ask for less at once ...]\n"
    return content[:half] + note + content[-half:]
