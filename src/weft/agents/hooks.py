"""Code around every model call and every tool call: an onion, like ASGI middleware.

A guardrail is a hook that raises. A cache is a hook that does not call ``next``.
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from weft.engine.context import Context
from weft.messages import ToolCall, ToolResult
from weft.models.base import Request, Stream

Ask: TypeAlias = Callable[[Request], Stream]
Act: TypeAlias = Callable[[ToolCall], Awaitable[ToolResult]]


class Hook:
    """Override what you need; call ``next`` to go on."""

    def around_model(self, ctx: Context[Any], request: Request, next: Ask) -> Stream:
        """Around one model call. Yield the pieces and the answer of ``next(request)``, changed or not."""
        return next(request)

    async def around_tool(self, ctx: Context[Any], call: ToolCall, next: Act) -> ToolResult:
        """Around one tool call."""
        return await next(call)
