"""The schema of an answer as the arguments of a tool: for models that know tools, but no output schema of their own."""

import json

from msgspec.structs import replace

from weft.messages import Message, Part, Text, ToolCall, ToolSpec
from weft.models.base import Answer, OutputSchema, Request
from weft.models.capabilities import OutputLevel

FINAL = "final_answer"
"""The tool through which such a model answers."""


def final_tool(schema: OutputSchema) -> ToolSpec:
    """The output as a tool."""
    return ToolSpec(name=FINAL, description="Give your final answer, once you have it.", parameters=schema.schema)


def with_tool(request: Request, level: OutputLevel) -> Request:
    """The same request; where an output is brought about by a tool, with that tool among the others."""
    if level != "tool" or request.output is None:
        return request
    return replace(request, tools=[*request.tools, final_tool(request.output)])


def unwrapped(answer: Answer, request: Request) -> Answer:
    """The answer in words, where it came as the arguments of the tool and nobody but a door asked for that."""
    if request.output is None:
        return answer
    final = next((call for call in answer.message.tool_calls if call.name == FINAL), None)
    if final is None:
        return answer
    said = json.dumps(final.arguments) if final.invalid is None else final.invalid
    parts: list[Part] = [part for part in answer.message.parts if not isinstance(part, Text | ToolCall)]
    message = Message(role="assistant", parts=(*parts, Text(said)), id=answer.message.id)
    return replace(answer, message=message, finish="stop" if answer.finish == "tool_calls" else answer.finish)
