"""What the MCP conformance suite starts as a client: our own ``MCP``, given to an agent that calls all that it sees."""

import asyncio
import json
import os
import sys
from typing import Any

import httpx2
import msgspec

from weft import Agent, App
from weft.events import Question
from weft.messages import ToolCall, ToolSpec
from weft.models.base import Request
from weft.models.scripted import Scripted, call
from weft.tools.mcp import MCP, OAuth, close_connections

SCENARIO = os.environ.get("MCP_CONFORMANCE_SCENARIO", "")
VERSION = os.environ.get("MCP_CONFORMANCE_PROTOCOL_VERSION", "2025-11-25")
GIVEN: dict[str, Any] = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT", "{}"))
ABOUT_US = "https://conformance-test.local/client-metadata.json"
SAMPLES: dict[str, Any] = {"string": "test", "integer": 5, "number": 3.5, "boolean": True, "array": [], "object": {}}


async def says_yes(url: str) -> None:
    """A person whose browser follows the authorization server back to us at once."""
    async with httpx2.AsyncClient(follow_redirects=True) as browser:
        await browser.get(url)


def oauth() -> OAuth | None:
    if not SCENARIO.startswith("auth/"):
        return None
    return OAuth(
        client_id=GIVEN.get("client_id"),
        client_secret=GIVEN.get("client_secret"),
        client_metadata=ABOUT_US,
        client_name="conformance-client",
        show=says_yes,
    )


def everything(request: Request) -> Any:
    """Call each tool once, with what the suite says or with arguments of the right types; then be done."""
    if any(message.role == "tool" for message in request.messages):
        return "done"
    if calls := GIVEN.get("toolCalls"):
        return [call(one["name"], **one["arguments"]) for one in calls]
    return [_called(tool) for tool in request.tools] or "there is nothing to call"


def _called(tool: ToolSpec) -> ToolCall:
    fields: dict[str, Any] = tool.parameters.get("properties", {})
    return call(tool.name, **{name: SAMPLES.get(str(field.get("type")), "test") for name, field in fields.items()})


def at_once(message: str, schema: Any) -> Any:
    """A person at hand, who takes every default, and else says yes."""
    if SCENARIO != "elicitation-sep1034-client-defaults":
        return None  # as people are asked in the midst of runs: the run waits
    return accepted(schema or {})


def answered(question: Question) -> Any:
    """The same person, later."""
    return accepted((question.schema or {}).get("properties", {}).get("content", {}))


def accepted(schema: Any) -> Any:
    fields: dict[str, Any] = schema.get("properties", {})
    content = {name: field.get("default", SAMPLES.get(str(field.get("type")))) for name, field in fields.items()}
    return {"action": "accept", "content": content}


async def main(url: str) -> None:
    era: Any = "2025" if VERSION < "2026" else "auto"
    mcp = MCP(url, auth=oauth(), era=era, elicit=at_once, required=True, timeout=30)
    agent = Agent("client", model=Scripted([everything] * 20), tools=[mcp])
    async with App(agents=[agent], store="sqlite://") as app:
        try:
            result = await app.run(agent, "Call every tool.")
            while result.paused:
                result = await app.resume(result.run_id, {one.id: answered(one) for one in result.questions})
            for message in result.messages:
                print(message.role, msgspec.json.encode(message.parts).decode(), file=sys.stderr)
            await _look_around(mcp)
        finally:
            await close_connections()


async def _look_around(mcp: MCP) -> None:
    """The rest of what a server may offer."""
    if SCENARIO != "http-standard-headers":
        return
    for resource in await mcp.resources():
        await mcp.read(resource["uri"])
    for prompt in await mcp.prompts():
        await mcp.prompt(prompt["name"])


if __name__ == "__main__":
    asyncio.run(main(sys.argv[-1]))
