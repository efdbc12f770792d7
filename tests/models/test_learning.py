"""What calls show of a model corrects what is known of it, at its own address only."""

from typing import Any

import pytest

from tests.models.loopback import Reply, chat, serve, whole
from weft.errors import ModelError
from weft.messages import Media, Message, Text, ToolSpec, user
from weft.models.base import Request
from weft.models.capabilities import capabilities
from weft.models.direct import Direct

PICTURE = Message(role="user", parts=(Text("What is it?"), Media(mime="image/png", data=b"png")))
TOOL = ToolSpec(name="f", description="", parameters={"type": "object", "properties": {}})


async def after(reply: Reply, request: Request, name: str = "openai/a-model-of-my-own") -> Any:
    async with serve(reply) as server:
        model = Direct(name, server.url)
        try:
            async for _ in model.answer(request):
                pass
        except ModelError:
            pass
        assert not capabilities(Direct(name, "http://127.0.0.1:9/v1")).seen, "elsewhere it is as listed"
        return capabilities(model)


def refused(words: str) -> Reply:
    return whole({"error": {"message": words, "type": "invalid_request_error"}}, 400)


async def test_thoughts_calls_and_pictures_are_seen() -> None:
    call = {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    known = await after(chat({"reasoning_content": "hm"}, {"tool_calls": [call]}), Request(messages=[PICTURE]))
    assert (known.reasoning, known.tools, known.images) == (True, True, True)
    assert known.seen == {"reasoning", "tools", "images"}


@pytest.mark.parametrize(
    ("words", "size"),
    [
        ("This model's maximum context length is 8192 tokens. However, you requested 9000 tokens", 8192),
        ("the request exceeds the available context size (4096 tokens), try increasing it", 4096),
        ("prompt is too long: 208310 tokens > 200000 maximum", 200_000),
    ],
)
async def test_the_size_of_the_context_is_what_the_provider_says(words: str, size: int) -> None:
    known = await after(refused(words), Request(messages=[user("Hi")]), "openai/gpt-5-mini")
    assert (known.context_tokens, known.seen) == (size, {"context_tokens"})


async def test_tools_and_pictures_that_are_turned_down() -> None:
    without = await after(refused("llama2 does not support tools"), Request(messages=[user("Hi")], tools=[TOOL]))
    assert without.tools is False
    blind = await after(
        refused("This model does not support image input"), Request(messages=[PICTURE]), "openai/gpt-5-mini"
    )
    assert (blind.images, blind.output) == (False, "native")
    plain = await after(chat({"content": "yes"}), Request(messages=[user("Hi")]))
    assert not plain.seen
