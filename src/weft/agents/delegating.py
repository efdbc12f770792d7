"""Agents as tools of other agents."""

from typing import Any

from weft.engine.context import Context, Target
from weft.errors import ToolRetry
from weft.messages import Json, ToolSpec
from weft.tools.base import Approval, Returned, Tool
from weft.tools.mcp.names import safe
from weft.tools.results import returned


def tool_of(
    target: Target, *, name: str | None, description: str | None, approval: Approval, timeout: float | None
) -> Tool:
    """A tool that runs ``target`` inside the run that calls it. A call that was finished is not repeated."""

    async def call(arguments: Json, ctx: Context[Any]) -> Returned:
        told = arguments.get("input")
        if not isinstance(told, str) or set(arguments) != {"input"}:
            raise ToolRetry("Wrong arguments:\n- input: wanted string (what is to be done), and nothing else")
        return returned(await ctx.call(target, told))

    words: str = getattr(target, "description", "")
    return Tool(
        spec=ToolSpec(
            name=safe(name or target.name),
            description=words if description is None else description,
            parameters={
                "type": "object",
                "properties": {
                    "input": {"type": "string", "description": "What is to be done, with all that it must know."}
                },
                "required": ["input"],
                "additionalProperties": False,
            },
        ),
        call=call,
        approval=approval,
        timeout=timeout,
    )
