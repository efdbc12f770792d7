"""Prompt-cache markers as a provider receives them."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.models.deployments import answer
from tests.models.loopback import chat, serve, whole
from weft.errors import UsageError
from weft.messages import Message, Text, ToolCall, ToolResult, ToolSpec, user
from weft.models.base import Model, Request
from weft.models.direct import Direct
from weft.models.litellm import LiteLLM

pytestmark = pytest.mark.usefixtures("litellm")
CLAUDE: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-5",
    "content": [{"type": "text", "text": "Hi"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 3, "cache_creation_input_tokens": 7, "cache_read_input_tokens": 11, "output_tokens": 1},
}
TOOLS = [ToolSpec(name=name, description="A tool.", parameters={"type": "object"}) for name in ("one", "two")]
SYSTEM = Message(role="system", parts=(Text("Be brief."),), id="m0")


def request(prompt_cache: Any, *more: Message) -> Request:
    return Request(messages=[SYSTEM, user("Hello"), *more], tools=TOOLS, settings={"prompt_cache": prompt_cache})


def markers(told: Any) -> Iterator[Any]:
    """All markers in a request, in order."""
    if isinstance(told, dict):
        for name, value in told.items():  # pyright: ignore[reportUnknownVariableType]  # JSON
            if name == "cache_control":
                yield value
            else:
                yield from markers(value)
    elif isinstance(told, list):
        for each in told:  # pyright: ignore[reportUnknownVariableType]  # JSON
            yield from markers(each)


async def test_anthropic_gets_them_at_the_ends_of_tools_system_and_messages() -> None:
    called = Message(role="assistant", parts=(ToolCall(id="c1", name="one", arguments={}),), id="m2")
    result = Message(role="tool", parts=(ToolResult(call_id="c1", name="one", content="1"),), id="m3")
    async with serve(whole(CLAUDE)) as server:
        model = LiteLLM("anthropic/claude-sonnet-4-5", server.url, stream=False)
        for asked in (request("1h"), request(True, called, result)):
            async for _ in model.answer(asked):
                pass
        first, second = server.asked
        assert "prompt_cache" not in first
        long = {"type": "ephemeral", "ttl": "1h"}
        assert first["tools"][1]["cache_control"] == first["system"][0]["cache_control"] == long
        assert first["messages"][-1]["content"][-1]["cache_control"] == long
        assert len(list(markers(first))) == len(list(markers(second))) == 3
        assert second["messages"][-1]["content"][0]["type"] == "tool_result"
        assert second["messages"][-1]["content"][0]["cache_control"] == {"type": "ephemeral"}
        usage = (await answer(model)).usage
        assert (usage.input_tokens, usage.cached_tokens, usage.cache_write_tokens) == (21, 11, 7)


@pytest.mark.parametrize(
    ("door", "name", "count"),
    [
        (LiteLLM, "openrouter/anthropic/claude-sonnet-4.5", 3),
        (Direct, "openrouter/anthropic/claude-sonnet-4.5", 3),
        (LiteLLM, "openai/gpt-5-mini", 0),
        (Direct, "openai/gpt-5-mini", 0),
        (Direct, "groq/llama-3.3-70b-versatile", 0),
    ],
)
async def test_whoever_does_not_want_them_is_not_told(door: Any, name: str, count: int) -> None:
    async with serve(chat({"content": "Hi"})) as server:
        model: Model = door(name, server.url)
        async for _ in model.answer(request(True)):
            pass
        assert len(list(markers(server.asked[0]))) == count
        assert "prompt_cache" not in server.asked[0]


async def test_another_word_is_refused() -> None:
    async with serve(chat({"content": "Hi"})) as server:
        with pytest.raises(UsageError, match=r"True, .5m. or .1h., not 'forever'"):
            async for _ in Direct("qwen3", server.url).answer(request("forever")):
                pass
        assert server.asked == []
