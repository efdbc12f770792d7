"""One tool call of an agent: found, approved, run, and answered in words whatever happens."""

import time
from collections.abc import Mapping
from functools import partial
from typing import Any, cast

from msgspec.structs import replace

from weft import events
from weft.agents.hooks import Act, Hook
from weft.engine.context import Context
from weft.errors import ToolError, ToolFailed, ToolRetry
from weft.messages import Json, ToolCall, ToolResult
from weft.tools.base import Tool
from weft.tools.run import run_tool

DECISION: Json = {
    "anyOf": [
        {"type": "boolean"},
        {
            "type": "object",
            "properties": {
                "decision": {"enum": ["approve", "edit", "reject", "respond"]},
                "arguments": {"type": "object"},
                "reason": {"type": "string"},
                "response": {"type": "string"},
            },
            "required": ["decision"],
        },
    ]
}
"""What a person may answer when a tool asks for approval."""

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
    if tool.approval:
        decided = _decided(call, ctx.ask({"tool": call.name, "arguments": call.arguments}, schema=DECISION))
        if isinstance(decided, ToolResult):
            return decided
        call = decided
    returned = await run_tool(tool, call.arguments, ctx)
    return ToolResult(call.id, call.name, shortened(returned.content), media=returned.media)


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


def _decided(call: ToolCall, answer: Any) -> ToolCall | ToolResult:
    """The call to make, or the result that a person put in its place."""
    given = (
        cast("Json", answer) if isinstance(answer, dict) else {"decision": "approve" if answer is True else "reject"}
    )
    match given.get("decision"):
        case "approve":
            return call
        case "edit":
            return replace(call, arguments=cast("Json", given.get("arguments", call.arguments)))
        case "respond":
            return ToolResult(call.id, call.name, str(given.get("response", "")))
        case _:
            reason = given.get("reason")
            raise ToolFailed("a person said no" + (f": {reason}" if reason else ""))
