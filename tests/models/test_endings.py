"""How answers end that end oddly: refused, cut for their length, in forms of long ago, or with no answer in them."""

from typing import Any, TypeAlias

import pytest

from tests.models.loopback import Reply, chat, chunk, serve, stream, whole
from weft.errors import MalformedAnswer, ModelError, ModelUnavailable, RateLimited
from weft.messages import user
from weft.models.base import Answer, Piece, Request
from weft.models.direct import Direct
from weft.models.failures import ProviderError, translated
from weft.models.litellm import LiteLLM

pytestmark = pytest.mark.usefixtures("litellm")
Door: TypeAlias = type[LiteLLM] | type[Direct]
BOTH = pytest.mark.parametrize("door", [LiteLLM, Direct])
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


async def asked(model: LiteLLM | Direct) -> tuple[str, Answer]:
    said = [each async for each in model.answer(Request(messages=[user("Hi")]))]
    assert isinstance(said[-1], Answer)
    return "".join([each.text for each in said if isinstance(each, Piece)]), said[-1]


def message(told: dict[str, Any], finish: str = "stop") -> Reply:
    choice = {"index": 0, "message": {"role": "assistant", **told}, "finish_reason": finish}
    return whole(chunk({}, choices=[choice], usage=USAGE) | {"object": "chat.completion"})


@BOTH
async def test_mistral_ends_by_length(door: Door) -> None:
    async with serve(chat({"content": "x"}, finish="model_length")) as server:
        model = door("mistral/mistral-large-latest", server.url, api_key=None)
        assert (await asked(model))[1].finish == "length"


async def test_a_full_window_is_no_good_end() -> None:
    told = {"id": "m", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5", "stop_sequence": None}
    usage = {"input_tokens": 5, "output_tokens": 2}
    body = told | {
        "content": [{"type": "text", "text": "so far"}],
        "stop_reason": "model_context_window_exceeded",
        "usage": usage,
    }
    async with serve(whole(body)) as server:
        model = LiteLLM("anthropic/claude-sonnet-4-5", server.url, stream=False)
        assert (await asked(model))[1].finish == "length"


@BOTH
@pytest.mark.parametrize("streamed", [True, False])
async def test_a_call_in_the_first_form(door: Door, streamed: bool) -> None:
    call = {"name": "f", "arguments": '{"a": 1}'}
    deltas = [
        chunk({"function_call": {"name": "f", "arguments": ""}}),
        chunk({"function_call": {"arguments": '{"a": 1}'}}),
    ]
    reply = (
        stream(*deltas, chunk({}, "function_call"), chunk({}, choices=[], usage=USAGE))
        if streamed
        else message({"content": None, "function_call": call}, "function_call")
    )
    async with serve(reply) as server:
        answer = (await asked(door("openai/gpt-4", server.url, stream=streamed)))[1]
    assert [(each.name, each.arguments, each.invalid) for each in answer.message.tool_calls] == [("f", {"a": 1}, None)]
    assert answer.finish == "tool_calls"
    assert answer.message.tool_calls[0].id


@BOTH
async def test_no_choices_are_no_answer(door: Door) -> None:
    async with serve(whole(chunk({}, choices=[], usage=USAGE) | {"object": "chat.completion"})) as server:
        with pytest.raises(ModelError, match="no choices"):
            await asked(door("openai/gpt-4", server.url, stream=False))


@pytest.mark.parametrize("streamed", [True, False])
async def test_a_refusal_of_the_responses_api(streamed: bool) -> None:
    part = {"type": "refusal", "refusal": "I will not."}
    item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
    body = {"id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "gpt-5.2"}
    body |= {"output": [item], "error": None, "incomplete_details": None, "parallel_tool_calls": True, "tools": []}
    body |= {"tool_choice": "auto", "usage": {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}}
    at = {"item_id": "msg_1", "output_index": 0, "content_index": 0, "sequence_number": 1}
    begun = {"type": "response.output_item.added", "output_index": 0, "item": item | {"content": []}}
    events = (
        {"type": "response.created", "response": body | {"output": [], "status": "in_progress"}},
        begun,
        {"type": "response.refusal.delta", "delta": "I will ", **at},
        {"type": "response.refusal.delta", "delta": "not.", **at},
        {"type": "response.refusal.done", "refusal": "I will not.", **at},
        {"type": "response.completed", "response": body},
    )
    async with serve(stream(*events, done=False) if streamed else whole(body)) as server:
        shown, answer = await asked(LiteLLM("openai/responses/gpt-5.2", server.url, stream=streamed))
    assert (shown, answer.message.text, answer.finish) == ("I will not.", "I will not.", "content_filter")


def test_words_are_the_providers_and_no_traceback() -> None:
    error = translated(Exception("Invalid response object Traceback (most recent call last):\n  File x"), "m")
    assert str(error) == "m: Invalid response object."


def test_google_says_in_the_body_how_long_to_wait() -> None:
    body = (
        '{"error": {"code": 429, "message": "Exhausted", "details": [{"@type": "x.RetryInfo", "retryDelay": "17s"}]}}'
    )
    error = translated(ProviderError(429, body), "m")
    assert isinstance(error, RateLimited)
    assert error.retry_after == 17


async def test_a_cut_stream_of_geminis_is_no_answer() -> None:
    told = {"content": {"parts": [{"text": "So"}], "role": "model"}, "index": 0}
    usage = {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15}
    cut = {"candidates": [told], "usageMetadata": usage, "modelVersion": "gemini-2.5-pro"}
    async with serve(
        stream(cut, done=False), stream(cut, cut | {"candidates": [told | {"finishReason": "STOP"}]}, done=False)
    ) as server:
        model = LiteLLM("gemini/gemini-2.5-pro", server.url + "/v1beta")
        with pytest.raises(ModelUnavailable, match="ended before"):
            await asked(model)
        assert (await asked(model))[1].finish == "stop"


@BOTH
async def test_an_error_in_a_stream_is_told_in_the_providers_words(door: Door) -> None:
    ended = chunk({}, "error", error={"code": "server_error", "message": "Provider disconnected"})
    async with serve(stream(chunk({"content": "x"}), ended)) as server:
        with pytest.raises(ModelUnavailable, match="Provider disconnected"):
            await asked(door("openrouter/openai/gpt-5", server.url))


@BOTH
@pytest.mark.parametrize("streamed", [True, False])
async def test_an_answer_that_its_provider_gave_up_is_none(door: Door, streamed: bool) -> None:
    end = "insufficient_system_resource"
    reply = chat({"content": "So"}, finish=end) if streamed else message({"content": "So"}, end)
    async with serve(reply) as server:
        with pytest.raises(ModelUnavailable, match=r"too little|failed before the end"):
            await asked(door("deepseek/deepseek-chat", server.url, stream=streamed))


@pytest.mark.parametrize("streamed", [True, False])
async def test_a_call_that_gemini_cannot_read_is_tried_again(streamed: bool) -> None:
    told = {"content": {"parts": [], "role": "model"}, "index": 0, "finishReason": "MALFORMED_FUNCTION_CALL"}
    usage = {"promptTokenCount": 10, "totalTokenCount": 10}
    body = {"candidates": [told], "usageMetadata": usage, "modelVersion": "gemini-2.5-pro"}
    async with serve(stream(body, done=False) if streamed else whole(body)) as server:
        with pytest.raises(MalformedAnswer, match="tool") as caught:
            await asked(LiteLLM("gemini/gemini-2.5-pro", server.url + "/v1beta", stream=streamed))
    assert caught.value.retryable


@BOTH
async def test_a_call_that_groq_cannot_read_is_tried_again(door: Door) -> None:
    told = {"message": "Failed to call a function.", "type": "invalid_request_error", "code": "tool_use_failed"}
    async with serve(whole({"error": told | {"failed_generation": "<function=f{}"}}, 400)) as server:
        with pytest.raises(MalformedAnswer, match="Failed to call a function") as caught:
            await asked(door("groq/llama-3.3-70b-versatile", server.url))
    assert caught.value.retryable


@pytest.mark.parametrize("kind", ["error", "response.failed"])
async def test_an_error_event_of_the_responses_api_keeps_its_words(kind: str) -> None:
    body = {"id": "resp_1", "object": "response", "created_at": 1, "status": "in_progress", "model": "gpt-5.2"}
    body |= {"output": [], "error": None, "tools": [], "parallel_tool_calls": True, "tool_choice": "auto"}
    why = {"code": "server_error", "message": "The disk fell off"}
    failed = body | {"status": "failed", "error": why}
    ending = {"type": kind, "response": failed} if kind == "response.failed" else {"type": kind, **why, "param": None}
    async with serve(stream({"type": "response.created", "response": body}, ending, done=False)) as server:
        with pytest.raises(ModelUnavailable, match="The disk fell off"):
            await asked(LiteLLM("openai/responses/gpt-5.2", server.url))
