"""The doors to real models, over real sockets: what goes in, what comes out, and what happens when it does not."""

import asyncio
import json
import socket
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import Callable
from typing import Any, TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from tests.models.loopback import Loopback, Reply, chat, chunk, serve, stream, whole
from weft.errors import (
    AuthenticationFailed,
    ContentFiltered,
    ContextWindowExceeded,
    ModelError,
    ModelUnavailable,
    RateLimited,
    UsageError,
)
from weft.messages import Media, Message, Reasoning, Text, ToolCall, ToolResult, ToolSpec, user
from weft.models.base import Answer, Logprob, Model, OutputSchema, Piece, Request
from weft.models.capabilities import capabilities
from weft.models.direct import Direct
from weft.models.litellm import LiteLLM, close_connections, loaded

pytestmark = pytest.mark.usefixtures("litellm")
HI = Request(messages=[user("Hi")])


Door: TypeAlias = type[LiteLLM] | type[Direct]
At: TypeAlias = Callable[..., Model]


@pytest.fixture(params=[LiteLLM, Direct])
def door(request: pytest.FixtureRequest) -> Door:
    return request.param


@pytest.fixture
def at(door: Door) -> At:
    def at(server: Loopback, **options: Any) -> Model:
        return door("openai/gpt-5-mini", server.url, **options)

    return at


async def answer(model: Model, request: Request = HI) -> Answer:
    said = [each async for each in model.answer(request)]
    assert isinstance(said[-1], Answer)
    return said[-1]


async def test_text_usage_cost_and_the_name_of_the_model(at: At) -> None:
    counted = {
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "total_tokens": 120,
        "prompt_tokens_details": {"cached_tokens": 60},
        "completion_tokens_details": {"reasoning_tokens": 7},
    }
    async with serve(chat({"role": "assistant", "content": "Hel"}, {"content": "lo"}, usage=counted)) as server:
        got = await answer(at(server))
    assert got.message.text == "Hello"
    assert got.model == "served"
    usage = got.usage
    assert (usage.input_tokens, usage.output_tokens, usage.cached_tokens, usage.reasoning_tokens) == (100, 20, 60, 7)
    assert usage.cost == pytest.approx(40 * 2.5e-07 + 60 * 2.5e-08 + 20 * 2e-06)  # the local price list


async def test_an_unknown_price_is_none(door: Door) -> None:
    async with serve(chat({"content": "Hello"})) as server:
        got = await answer(door("llama-of-my-own", server.url))
    assert got.usage.input_tokens == 3
    assert got.usage.cost is None
    assert server.asked[0]["model"] == "llama-of-my-own"
    assert server.paths == ["/chat/completions"]


async def test_a_guess_by_the_name_is_no_price(door: Door) -> None:
    """LiteLLM gives every ``gemini-...`` the features of its family, and a price of nothing."""
    async with serve(chat({"content": "Hello"})) as server:
        got = await answer(door("openai/gemini-2.5-pro-preview-05-06", server.url))
    assert got.usage.cost is None


async def test_parallel_calls_by_index(at: At) -> None:
    deltas: list[dict[str, Any]] = [
        {"tool_calls": [{"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}]},
        {"tool_calls": [{"index": 1, "id": "b", "type": "function", "function": {"name": "g", "arguments": '{"y"'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"x": 1}'}}]},
        {"tool_calls": [{"index": 1, "function": {"arguments": ": 2}"}}]},
    ]
    async with serve(chat(*deltas, finish="tool_calls")) as server:
        got = await answer(at(server))
    assert got.message.tool_calls == (ToolCall("a", "f", {"x": 1}), ToolCall("b", "g", {"y": 2}))
    assert got.finish == "tool_calls"


async def test_calls_without_ids_or_indices_are_told_apart_and_named_alike_each_time(at: At) -> None:
    deltas = [
        {"tool_calls": [{"type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}]},
        {"tool_calls": [{"type": "function", "function": {"name": "f", "arguments": '{"x": 2}'}}]},
    ]
    async with serve(chat(*deltas, finish="stop")) as server:
        first, second = await answer(at(server)), await answer(at(server))
    assert [call.arguments for call in first.message.tool_calls] == [{"x": 1}, {"x": 2}]
    assert len({call.id for call in first.message.tool_calls}) == 2
    assert first.message.tool_calls == second.message.tool_calls
    assert first.finish == "tool_calls"


async def test_arguments_that_are_no_json_are_kept_and_go_back_as_json(at: At) -> None:
    broken = {"tool_calls": [{"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": "{x"}}]}
    async with serve(chat(broken, finish="tool_calls"), chat({"content": "ok"})) as server:
        got = await answer(at(server))
        (call,) = got.message.tool_calls
        result = Message(role="tool", parts=(ToolResult("a", "f", "no JSON", failed=True),))
        await answer(at(server), Request(messages=[user("Hi"), got.message, result]))
    assert (call.arguments, call.invalid) == ({}, "{x")
    sent = server.asked[1]["messages"][1]["tool_calls"][0]["function"]["arguments"]
    assert json.loads(sent) == {"invalid_json": "{x"}


async def test_how_sure_it_was(door: Door) -> None:
    token = {"token": "Hel", "logprob": -0.5, "bytes": None, "top_logprobs": [{"token": "Hal", "logprob": -2.0}]}
    events = [
        chunk(
            {"content": "Hel"}, choices=[{"index": 0, "delta": {"content": "Hel"}, "logprobs": {"content": [token]}}]
        ),
        chunk({}, "stop"),
    ]
    async with serve(stream(*events)) as server:
        model = door("openai/gpt-4o", server.url)
        got = await answer(model, Request(messages=HI.messages, settings={"logprobs": True, "top_logprobs": 1}))
    assert got.logprobs == (Logprob("Hel", -0.5, (("Hal", -2.0),)),)
    assert (server.asked[0]["logprobs"], server.asked[0]["top_logprobs"]) == (True, 1)


async def test_what_it_says_aloud(door: Door) -> None:
    sound = {"id": "a", "data": "UklGRg==", "transcript": "Hello", "expires_at": 1}
    body = chunk({}, choices=[{"index": 0, "message": {"role": "assistant", "audio": sound}, "finish_reason": "stop"}])
    body["object"] = "chat.completion"
    spoken = {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "mp3"}}
    async with serve(whole(body)) as server:
        model = door("openai/gpt-4o-audio-preview", server.url, stream=False)
        got = await answer(model, Request(messages=HI.messages, settings=spoken))
    assert got.message.parts == (Text("Hello"), Media(mime="audio/mp3", data=b"RIFF"))


async def test_how_long_to_wait(at: At) -> None:
    busy = Reply(status=429, chunks=[b'{"error": {"message": "Slow down"}}'], headers={"retry-after": "7"})
    async with serve(busy) as server:
        with pytest.raises(RateLimited, match="Retry after 7 s") as caught:
            await answer(at(server))
    assert caught.value.retry_after == 7


async def test_a_schema_that_is_refused_becomes_a_tool_then_json_then_words(door: Door) -> None:
    refused = whole({"error": {"message": "This response_format type is unavailable now"}}, 400)
    toolless = whole({"error": {"message": "the model does not support tools"}}, 400)
    call = {"index": 0, "id": "a", "type": "function", "function": {"name": "final_answer", "arguments": '{"a": "x"}'}}
    schema = OutputSchema(name="A", schema={"type": "object", "properties": {"a": {"type": "string"}}})
    request = Request(messages=[user("Hi")], output=schema)
    in_words = chat({"content": "{}"})
    async with serve(refused, chat({"tool_calls": [call]}), toolless, in_words, refused, in_words) as server:
        model = door("openai/gpt-5-mini", server.url)
        assert capabilities(model).output == "native"
        by_tool = await answer(model, request)
        assert (by_tool.message.text, by_tool.message.tool_calls, by_tool.finish) == ('{"a": "x"}', (), "stop")
        assert capabilities(model).output == "tool"
        assert (await answer(model, request)).message.text == "{}"
        assert capabilities(model).output == "json"
        assert (await answer(model, request)).message.text == "{}"
        assert capabilities(model).output == "prompt"
        other = door("openai/gpt-5-mini", f"{server.url}/v1")
        assert capabilities(other).output == "native"
    native, tool, again, json_mode, json_again, prompt = server.asked
    assert native["response_format"]["type"] == "json_schema"
    for each in (tool, again):
        assert [one["function"]["name"] for one in each["tools"]] == ["final_answer"]
        assert "response_format" not in each
    for each in (json_mode, json_again):
        assert (each["response_format"], "tools" in each) == ({"type": "json_object"}, False)
    assert "response_format" not in prompt
    for each in (json_mode, json_again, prompt):
        assert '"properties": {"a"' in each["messages"][0]["content"]


async def test_thoughts_come_first(at: At) -> None:
    async with serve(chat({"reasoning_content": "Hmm"}, {"reasoning_content": "."}, {"content": "Yes"})) as server:
        said = [each async for each in at(server).answer(HI)]
    assert said[:3] == [Piece("Hmm", "reasoning"), Piece(".", "reasoning"), Piece("Yes")]
    assert isinstance(said[-1], Answer)
    assert said[-1].message.parts == (Reasoning("Hmm."), Text("Yes"))


async def test_a_refusal_is_an_answer(at: At) -> None:
    async with serve(chat({"refusal": "I will "}, {"refusal": "not."})) as server:
        got = await answer(at(server))
    assert (got.message.text, got.finish) == ("I will not.", "content_filter")


async def test_an_empty_answer_is_one(at: At) -> None:
    async with serve(chat({"role": "assistant", "content": ""}, finish="length")) as server:
        got = await answer(at(server))
    assert (got.message.parts, got.finish) == ((), "length")


async def test_all_that_a_request_says_arrives(at: At) -> None:
    tool = ToolSpec(name="f", description="Does f.", parameters={"type": "object", "properties": {"x": {}}})
    schema = {
        "type": "object",
        "properties": {"a": {"type": "string"}},
        "required": ["a"],
        "additionalProperties": False,
    }
    picture = Media(mime="image/png", data=b"\x89PNG")
    request = Request(
        messages=[
            Message(role="system", parts=(Text("Be brief."),)),
            Message(role="user", parts=(Text("Look"), picture)),
            Message(role="assistant", parts=(Reasoning("Hm", signature="sig"), ToolCall("a", "f", {"x": 1}))),
            Message(role="tool", parts=(ToolResult("a", "f", "see", media=(picture,)),)),
        ],
        tools=[tool],
        output=OutputSchema(name="A", schema=schema),
        settings={"reasoning_effort": "low", "max_completion_tokens": 9},
    )
    async with serve(chat({"content": "{}"})) as server:
        await answer(at(server), request)
    told = server.asked[0]
    shown = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}}
    assert [{name: said for name, said in line.items() if said is not None} for line in told["messages"]] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Look"}, shown]},
        {
            "role": "assistant",
            "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}],
        },
        {"role": "tool", "tool_call_id": "a", "name": "f", "content": "see"},
        {"role": "user", "content": [{"type": "text", "text": "Returned by f (a):"}, shown]},
    ]
    assert told["tools"][0]["function"] == {"name": "f", "description": "Does f.", "parameters": tool.parameters}
    assert told["response_format"]["json_schema"] == {"name": "A", "schema": schema, "strict": True}
    assert (told["reasoning_effort"], told["max_completion_tokens"]) == ("low", 9)
    assert (told["stream"], told["stream_options"]) == (True, {"include_usage": True})


async def test_keys_come_from_where_they_are_named_and_nowhere_else(
    monkeypatch: pytest.MonkeyPatch, door: Door, at: At
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-for-openai-only")
    monkeypatch.setenv("OTHER_KEY", "sk-other")
    async with serve(chat({"content": "Hello"})) as server:
        for model, sent in (
            (at(server), "Bearer none"),
            (at(server, api_key="os.environ/OTHER_KEY"), "Bearer sk-other"),
            (at(server, api_key=SecretStr("sk-hidden")), "Bearer sk-hidden"),
        ):
            await answer(model)
            assert server.headers[-1].get("authorization", "Bearer none") == sent
            assert "sk-" not in repr(model)
    with pytest.raises(UsageError, match=r"os\.environ/NAME"):
        door("openai/gpt-5-mini", api_key="sk-a-literal-key")
    with pytest.raises(AuthenticationFailed, match="NO_SUCH_KEY is not set"):
        await answer(door("openai/gpt-5-mini", api_key="os.environ/NO_SUCH_KEY"))


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (
            401,
            {"error": {"message": "Incorrect API key provided: sk-hidden-key"}},
            AuthenticationFailed,
            "Incorrect API key",
        ),
        (403, {"error": {"message": "Not for you"}}, AuthenticationFailed, "Not for you"),
        (404, {"error": {"message": "The model `x` does not exist"}}, ModelError, "does not exist"),
        (429, {"error": {"message": "Rate limit reached"}}, RateLimited, "Rate limit reached"),
        (
            429,
            {"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}},
            ModelError,
            "quota",
        ),
        (500, {"error": {"message": "The server had an error"}}, ModelUnavailable, "The server had an error"),
        (503, {"error": {"message": "Overloaded"}}, ModelUnavailable, "Overloaded"),
        (400, {"error": {"message": "max_tokens is too large"}}, ModelError, "max_tokens is too large"),
        (
            400,
            {
                "error": {
                    "message": "This model's maximum context length is 10 tokens",
                    "code": "context_length_exceeded",
                }
            },
            ContextWindowExceeded,
            "maximum context length",
        ),
        (
            400,
            {
                "error": {
                    "message": "Your request was rejected by our safety system",
                    "code": "content_policy_violation",
                }
            },
            ContentFiltered,
            "safety system",
        ),
    ],
)
@pytest.mark.parametrize("streamed", [True, False])
async def test_errors(
    status: int, body: dict[str, Any], kind: type[ModelError], words: str, streamed: bool, at: At
) -> None:
    async with serve(whole(body, status)) as server:
        with pytest.raises(ModelError) as caught:
            await answer(at(server, api_key=SecretStr("sk-hidden-key"), stream=streamed))
    said = str(caught.value)
    assert type(caught.value) is kind, said
    assert words in said
    assert said.startswith("openai/gpt-5-mini: ")
    assert "sk-hidden-key" not in said
    assert "litellm" not in said.lower()
    assert len(server.asked) == 1  # nothing is tried twice behind our back


async def test_nobody_there(door: Door) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    for streamed in (True, False):
        with pytest.raises(ModelUnavailable, match="Is the server running"):
            await answer(door("openai/gpt-5-mini", url, stream=streamed))


async def test_an_answer_in_no_known_format(at: At) -> None:
    async with serve(whole({"hello": "world"})) as server:
        with pytest.raises(ModelError, match="base_url") as caught:
            await answer(at(server, stream=False))
    assert not caught.value.retryable


@pytest.mark.parametrize("hung", [Reply(hang=True), chat({"content": "Hel"}, finish=None, done=False, hang=True)])
async def test_silence_ends(hung: Reply, at: At) -> None:
    async with serve(hung) as server:
        began = time.monotonic()
        with pytest.raises(ModelUnavailable, match=r"no word for 0\.3 s"):
            await answer(at(server, idle_timeout=0.3))
        assert time.monotonic() - began < 10
        await asyncio.wait_for(server.left.wait(), 10)


async def test_a_stream_without_end_ends(at: At) -> None:
    slow = chat(*[{"content": "x"}] * 100, pause=0.05)
    async with serve(slow) as server:
        with pytest.raises(ModelUnavailable, match=r"no end after 0\.5 s"):
            await answer(at(server, timeout=0.5))


@pytest.mark.parametrize("said", [[], [{"content": "Hel"}]], ids=["before the first word", "in the middle"])
async def test_cancelling_hangs_up(said: list[dict[str, Any]], at: At) -> None:
    async with serve(chat(*said, finish=None, done=False, hang=True)) as server:
        task = asyncio.create_task(answer(at(server)))
        await asyncio.wait_for(server.started.wait(), 5)
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(server.left.wait(), 10)


async def test_a_cut_stream_is_no_answer(at: At) -> None:
    for reply in (
        chat({"content": "Hel"}, finish=None, done=False),
        chat({"content": "Hel"}, finish=None, done=True),
        chat({"content": "Hel"}, finish=None, done=False, cut=True),
    ):
        async with serve(reply) as server:
            with pytest.raises(ModelUnavailable):
                await answer(at(server))


WHOLE = b"".join(
    chat(
        {"role": "assistant", "content": "Zürich"},
        {
            "tool_calls": [
                {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}
            ]
        },
        finish="tool_calls",
    ).chunks
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cut=st.integers(0, len(WHOLE)), pieces=st.integers(1, 7), noise=st.sampled_from([b"", b"\xff{", b"data: {]\n\n"])
)
async def test_a_stream_cut_anywhere_gives_an_error_of_ours_or_the_answer(
    cut: int, pieces: int, noise: bytes, at: At
) -> None:
    body = WHOLE[:cut] + noise
    size = max(1, len(body) // pieces)
    chunks = [body[start : start + size] for start in range(0, len(body), size)]
    async with serve(Reply(mime="text/event-stream", chunks=chunks)) as server, asyncio.timeout(5):
        try:
            got = await answer(at(server))
        except ModelError:
            assert cut < len(WHOLE) or noise
        else:
            assert got.message.text == "Zürich"
            assert [call.arguments for call in got.message.tool_calls] == [{"x": 1}]
        finally:
            await close_connections()


@pytest.mark.parametrize("name", ["LiteLLM", "Direct"])
async def test_connections_end_with_the_loop(name: str) -> None:
    """Nobody closes anything here, as in most programs; and two loops after each other are no trouble."""
    code = (
        "import gc, sys\n"
        "from weft import Agent\n"
        f"from weft.models.{name.lower()} import {name}\n"
        f"agent = Agent('a', model={name}('openai/gpt-5-mini', sys.argv[1]))\n"
        "print(agent.run_sync('hi').output, agent.run_sync('hi').output)\n"
        "gc.collect()"
    )
    async with serve(chat({"content": "Hello"})) as server:
        program = [sys.executable, "-W", "always::ResourceWarning", "-c", code, server.url]
        process = await asyncio.create_subprocess_exec(*program, stdout=PIPE, stderr=PIPE)
        said, complained = await asyncio.wait_for(process.communicate(), 60)
    assert said == b"Hello Hello\n", complained.decode()
    assert b"nclosed" not in complained


async def test_both_doors_ask_the_same_price() -> None:
    counted = {
        "prompt_tokens": 300_000,
        "completion_tokens": 900,
        "prompt_tokens_details": {"cached_tokens": 1000},
        "completion_tokens_details": {"reasoning_tokens": 100},
    }
    names = ["gpt-5-mini", "gpt-4o", "gpt-5.4", "gpt-4.1-mini", "o3", "no-such-model"]
    async with serve(chat({"content": "Hello"}, usage=counted | {"total_tokens": 300_900})) as server:
        for name in names:
            direct = await answer(Direct(f"openai/{name}", server.url))
            library = await loaded()
            try:
                usage = library.Usage(**counted, total_tokens=300_900)
                price = sum(library.cost_per_token(model=name, custom_llm_provider="openai", usage_object=usage))
            except Exception:
                price = None
            assert direct.usage.cost == (None if price is None else pytest.approx(price)), name
