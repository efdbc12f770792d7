"""What the MCP conformance suite wants of a server, served by our own layer: ``everything.py PORT``."""

import asyncio
import base64
import sys
from typing import Any

from pydantic import BaseModel, Field

from weft import App, Tool, tool
from weft.engine.context import Context
from weft.messages import Media, ToolSpec
from weft.protocols.mcp import Serving, elicit, log, progress, prompt, resource, roots, sample, together
from weft.server.alone import serve_alone
from weft.server.listen import bind
from weft.tools.base import Returned

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="
)
WAV = base64.b64decode("UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=")
NAME = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
serving: list[Serving] = []
"""The one that this process serves, once it does."""


@tool
def test_simple_text() -> str:
    """Words."""
    return "This is a simple text response for testing."


@tool
def test_image_content() -> Media:
    """A picture."""
    return Media(mime="image/png", data=PNG)


@tool
def test_audio_content() -> Media:
    """A sound."""
    return Media(mime="audio/wav", data=WAV)


@tool
def test_embedded_resource() -> Media:
    """A text under an address."""
    words = b"This is an embedded resource content."
    return Media(mime="text/plain", data=words, name="test://embedded-resource")


@tool
def test_multiple_content_types() -> list[Any]:
    """Words, a picture, and JSON under an address."""
    return [
        "Multiple content types test:",
        Media(mime="image/png", data=PNG),
        Media(mime="application/json", data=b'{"test":"data","value":123}', name="test://mixed-content-resource"),
    ]


@tool
async def test_tool_with_logging(ctx: Context[Any]) -> str:
    """Writes to the client's log."""
    for words in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        log(ctx, words)
        await asyncio.sleep(0.05)
    return "done"


@tool
async def test_logging_tool(ctx: Context[Any]) -> str:
    """Writes to the log, for those who want to read it."""
    log(ctx, "one line")
    return "done"


@tool
async def test_tool_with_progress(ctx: Context[Any]) -> str:
    """Tells how far it is."""
    for done in (0, 50, 100):
        progress(ctx, done, 100, f"Completed step {done} of 100")
        await asyncio.sleep(0.05)
    return "done"


@tool
def test_error_handling() -> str:
    """Fails."""
    raise RuntimeError("This tool intentionally returns an error for testing")


@tool
async def test_sampling(prompt: str, ctx: Context[Any]) -> str:
    """Asks the client's model."""
    answer = sample(ctx, prompt, max_tokens=100)
    return f"LLM response: {answer['content']['text']}"


class Answer(BaseModel):
    username: str = Field(description="User's response")
    email: str = Field(description="User's email address")


@tool
async def test_elicitation(message: str, ctx: Context[Any]) -> str:
    """Asks the person at the client."""
    reply = elicit(ctx, message, Answer)
    return f"User response: action={reply.action}, content={reply.content}"


DEFAULTS = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "description": "User name", "default": "John Doe"},
        "age": {"type": "integer", "description": "User age", "default": 30},
        "score": {"type": "number", "description": "User score", "default": 95.5},
        "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
        "verified": {"type": "boolean", "description": "Verification status", "default": True},
    },
}


@tool
async def test_elicitation_sep1034_defaults(ctx: Context[Any]) -> str:
    """Asks with a default for every kind of field."""
    reply = elicit(ctx, "Please provide user information", DEFAULTS)
    return f"Elicitation completed: action={reply.action}, content={reply.content}"


def _titled(**titles: str) -> list[dict[str, str]]:
    return [{"const": name, "title": title} for name, title in titles.items()]


ENUMS = {
    "type": "object",
    "properties": {
        "untitledSingle": {"type": "string", "enum": ["option1", "option2", "option3"]},
        "titledSingle": {"type": "string", "oneOf": _titled(value1="First Option", value2="Second", value3="Third")},
        "legacyEnum": {
            "type": "string",
            "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"],
        },
        "untitledMulti": {"type": "array", "items": {"type": "string", "enum": ["option1", "option2", "option3"]}},
        "titledMulti": {"type": "array", "items": {"anyOf": _titled(value1="First", value2="Second", value3="Third")}},
    },
}


@tool
async def test_elicitation_sep1330_enums(ctx: Context[Any]) -> str:
    """Asks for choices of every form."""
    reply = elicit(ctx, "Please select options", ENUMS)
    return f"Elicitation completed: action={reply.action}, content={reply.content}"


# 2026: what is asked in results


@tool
async def test_missing_capability(ctx: Context[Any]) -> str:
    """Works only for clients that lend their model."""
    return str(sample(ctx, "Say something.", max_tokens=10))


@tool
async def test_streaming_elicitation(ctx: Context[Any]) -> str:
    """Asks a person, after telling how far it is."""
    progress(ctx, 1, 2)
    return elicit(ctx, "Go on?", NAME).action


@tool
async def test_trigger_tool_change() -> str:
    """Says that the tools are other ones."""
    await serving[0].changed("tools")
    return "changed"


@tool
async def test_trigger_prompt_change() -> str:
    """Says that the prompts are other ones."""
    await serving[0].changed("prompts")
    return "changed"


@tool
async def test_input_required_result_elicitation(ctx: Context[Any]) -> str:
    """Asks for a name."""
    reply = elicit(ctx, "What is your name?", NAME, key="user_name")
    return f"Hello, {(reply.content or {}).get('name')}!"


@tool
async def test_input_required_result_sampling(ctx: Context[Any]) -> str:
    """Asks the client's model."""
    answer = sample(ctx, "What is the capital of France?", max_tokens=100, key="capital_question")
    return answer["content"]["text"]


@tool
async def test_input_required_result_list_roots(ctx: Context[Any]) -> str:
    """Asks for the client's folders."""
    return str(roots(ctx, key="client_roots"))


@tool
async def test_input_required_result_request_state(ctx: Context[Any]) -> str:
    """Asks for a yes."""
    wanted = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
    return f"state-ok {elicit(ctx, 'Please confirm', wanted, key='confirm').action}"


@tool
async def test_input_required_result_multiple_inputs(ctx: Context[Any]) -> str:
    """Asks three things at once."""
    answers = together(
        lambda: elicit(ctx, "What is your name?", NAME, key="user_name"),
        lambda: sample(ctx, "Generate a greeting", max_tokens=50, key="greeting"),
        lambda: roots(ctx, key="client_roots"),
    )
    return f"{answers}"


@tool
async def test_input_required_result_multi_round(ctx: Context[Any]) -> str:
    """Asks one thing after the other."""
    name = elicit(ctx, "Step 1: What is your name?", NAME, key="step1")
    wanted = {"type": "object", "properties": {"color": {"type": "string"}}, "required": ["color"]}
    color = elicit(ctx, "Step 2: What is your favorite color?", wanted, key="step2")
    return f"{name.content} {color.content}"


@tool
async def test_input_required_result_tampered_state(ctx: Context[Any]) -> str:
    """Asks for a yes, and trusts nobody's state."""
    wanted = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
    return elicit(ctx, "Please confirm", wanted, key="confirm").action


@tool
async def test_input_required_result_capabilities(ctx: Context[Any]) -> str:
    """Asks for what the client can give."""
    answers = together(
        lambda: sample(ctx, "Say something.", max_tokens=10, key="sampled"),
        lambda: elicit(ctx, "What is your name?", NAME, key="user_name"),
    )
    return str(answers)


async def _echo(arguments: dict[str, Any], ctx: Context[Any]) -> Returned:
    return Returned(content=str(arguments))


SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}
schemed = Tool(
    spec=ToolSpec(name="json_schema_2020_12_tool", description="Has a schema of 2020-12.", parameters=SCHEMA),
    call=_echo,
)


headed = Tool(
    spec=ToolSpec(
        name="test_custom_headers",
        description="Has arguments that are repeated in headers.",
        parameters={
            "type": "object",
            "properties": {
                "region": {"type": "string", "x-mcp-header": "Region"},
                "query": {"type": "string"},
                "priority": {"type": "integer", "x-mcp-header": "Priority"},
            },
            "required": ["region"],
        },
    ),
    call=_echo,
)


@resource("test://static-text", mime="text/plain")
def static_text() -> str:
    """A text."""
    return "This is the content of the static text resource."


@resource("test://static-binary", mime="image/png")
def static_binary() -> bytes:
    """A picture."""
    return PNG


@resource("test://watched-resource", mime="text/plain")
def watched() -> str:
    """Something to subscribe to."""
    return "Watched resource content"


@resource("test://template/{id}/data", mime="application/json")
def template(id: str) -> dict[str, Any]:
    """One of many."""
    return {"id": id, "templateTest": True, "data": f"Data for ID: {id}"}


@prompt()
def test_simple_prompt() -> str:
    """Plain words."""
    return "This is a simple prompt for testing."


@prompt(complete={"arg1": ["paris", "park", "party"]})
def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
    """Words with holes.

    Args:
        arg1: First test argument
        arg2: Second test argument
    """
    return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"


@prompt()
def test_prompt_with_embedded_resource(resourceUri: str) -> list[Any]:
    """Words, and a text under an address."""
    embedded = Media(mime="text/plain", data=b"Embedded resource content for testing.", name=resourceUri)
    return [embedded, "Please process the embedded resource above."]


@prompt()
def test_prompt_with_image() -> list[Any]:
    """Words and a picture."""
    return [Media(mime="image/png", data=PNG), "Please analyze the image above."]


@prompt()
async def test_input_required_result_prompt(ctx: Context[Any]) -> str:
    """Asks before it says anything."""
    wanted = {"type": "object", "properties": {"context": {"type": "string"}}, "required": ["context"]}
    reply = elicit(ctx, "What context should the prompt use?", wanted, key="user_context")
    return f"Use {(reply.content or {}).get('context')}."


def made() -> Serving:
    """All of the above."""
    values = list(globals().values())
    app = App(store="sqlite://")
    return app.mcp(
        tools=[one for one in values if isinstance(one, (type(test_simple_text), Tool))],
        resources=[one for one in values if isinstance(one, type(template))],
        prompts=[one for one in values if isinstance(one, type(test_simple_prompt))],
        name="everything",
    )


if __name__ == "__main__":
    serving.append(made())
    serve_alone(serving[0], bind("127.0.0.1", int(sys.argv[1])), ready=lambda: print("ready", flush=True))
