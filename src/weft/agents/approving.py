"""A person's say over a tool call: what is asked, what may be answered, and what becomes of the call."""

from inspect import isawaitable
from typing import Any, cast

from msgspec.structs import replace

from weft.errors import ToolRefused
from weft.messages import Json, ToolCall, ToolResult
from weft.security.policy import Verdict
from weft.tools.base import Tool
from weft.tools.results import returned


async def must_ask(tool: Tool, arguments: Json) -> bool:
    """Whether this call needs a yes; where the tool's own predicate fails on the arguments, it does."""
    if isinstance(tool.approval, bool):
        return tool.approval
    try:
        wanted = tool.approval(arguments)
        return bool(await wanted if isawaitable(wanted) else wanted)
    except Exception:  # a predicate that cannot tell does not let the call through
        return True


def asked_of(call: ToolCall, verdict: Verdict | None = None) -> Json:
    """What the person sees; with the rule, where it is one that asks."""
    asked: Json = {"tool": call.name, "arguments": call.arguments}
    if verdict is not None and verdict.decision == "ask":
        asked |= {"rule": verdict.rule, "reason": verdict.reason, "sources": list(verdict.sources)}
    return asked


def decision(tool: Tool) -> Json:
    """What the person may answer: yes, no, or a decision; edited arguments must fit the tool's parameters."""
    parameters = {key: value for key, value in tool.spec.parameters.items() if key != "$defs"} or {"type": "object"}
    schema: Json = {
        "anyOf": [
            {"type": "boolean"},
            {
                "type": "object",
                "properties": {
                    "decision": {"enum": ["approve", "edit", "reject", "respond"]},
                    "arguments": parameters,
                    "reason": {"type": "string"},
                    "response": {},
                },
                "required": ["decision"],
                "additionalProperties": False,
            },
        ]
    }
    shared = tool.spec.parameters.get("$defs")
    return schema if shared is None else {**schema, "$defs": shared}


def name_of_decision(answer: Any) -> str:
    """``approve``, ``edit``, ``reject`` or ``respond``."""
    if isinstance(answer, dict):
        return str(cast("Json", answer).get("decision", "reject"))
    return "approve" if answer is True else "reject"


def decided_on(call: ToolCall, answer: Any) -> ToolCall | ToolResult:
    """The call to make, or the result that a person put in its place.

    Raises:
        ToolRefused: the person said no.
    """
    given: Json = cast("Json", answer) if isinstance(answer, dict) else {}
    match name_of_decision(answer):
        case "approve":
            return call
        case "edit":
            return replace(call, arguments=cast("Json", given.get("arguments", call.arguments)))
        case "respond":
            return ToolResult(call.id, call.name, returned(given.get("response", "")).content, trusted=True)
        case _:
            reason = given.get("reason")
            raise ToolRefused("a person said no" + (f": {reason}" if reason else ""))
