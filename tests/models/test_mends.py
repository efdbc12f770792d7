"""What LiteLLM would lose: citations of files, empty custom calls, thoughts, ids, what Gemini's own tools did."""

import json
from typing import Any

import pytest
from pydantic import SecretStr

from tests.models.loopback import Reply, chunk, serve, stream, whole
from weft.messages import Reasoning, user
from weft.models.base import Answer, Request
from weft.models.direct import Direct
from weft.models.litellm import LiteLLM

pytestmark = pytest.mark.usefixtures("litellm")


async def said(name: str, reply: Reply, base: str = "/v1", door: type[LiteLLM] | type[Direct] = LiteLLM) -> Answer:
    async with serve(reply) as server:
        model = door(
            name, server.url + base, api_key=SecretStr("a-key-for-tests"), stream=reply.mime != "application/json"
        )
        *_, last = [each async for each in model.answer(Request(messages=[user("Hi")]))]
        assert isinstance(last, Answer)
        return last


def answered(usage: dict[str, Any] | None = None, **message: Any) -> Reply:
    told = {"role": "assistant", "content": "yes", **message}
    choice = {"index": 0, "message": told, "finish_reason": "stop"}
    counted = usage or {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}
    return whole({**chunk({}), "object": "chat.completion", "choices": [choice], "usage": counted})


async def test_a_citation_of_a_file_costs_no_answer() -> None:
    cited = {"type": "file", "file": {"hash": "a", "name": "a.pdf", "content": []}}
    page = {
        "type": "url_citation",
        "url_citation": {"url": "https://a.org", "title": "A", "start_index": 0, "end_index": 1},
    }
    assert (await said("openrouter/openai/gpt-5", answered(annotations=[cited, page]))).message.text == "yes"


async def test_an_empty_custom_call_is_none() -> None:
    function = {"name": "f", "arguments": '{"x": 1}'}
    call = {"id": "a", "type": "function", "function": function, "custom": {"name": "", "input": ""}}
    answer = await said("openai/claude", answered(content="", tool_calls=[call]))
    assert [(each.name, each.arguments) for each in answer.message.tool_calls] == [("f", {"x": 1})]


@pytest.mark.parametrize("door", [LiteLLM, Direct])
async def test_what_mistral_had_in_its_cache(door: type[LiteLLM] | type[Direct]) -> None:
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110, "num_cached_tokens": 64}
    answer = await said("mistral/mistral-large-latest", answered(usage), door=door)
    assert (answer.usage.input_tokens, answer.usage.cached_tokens) == (100, 64)


def thought(id: str, *texts: str) -> dict[str, Any]:
    summary = [{"type": "summary_text", "text": text} for text in texts]
    return {"type": "reasoning", "id": id, "encrypted_content": f"e{id}", "summary": summary}


def responses(*output: dict[str, Any]) -> Reply:
    told = {"id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "gpt-5"}
    counted = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}
    more = {"error": None, "parallel_tool_calls": True, "tools": [], "tool_choice": "auto", "usage": counted}
    return whole({**told, **more, "output": list(output)})


WORDS = {"type": "output_text", "text": "yes", "annotations": []}
MESSAGE = {"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": [WORDS]}


async def test_all_thoughts_of_the_responses_api() -> None:
    action = {"type": "search", "query": "q"}
    searched = {"type": "web_search_call", "id": "ws", "status": "completed", "action": action}
    reply = responses(thought("1", "**one**", "**one and a half**"), searched, thought("2", "**two**"), MESSAGE)
    answer = await said("openai/responses/gpt-5", reply)
    thoughts = [part for part in answer.message.parts if isinstance(part, Reasoning)]
    assert "".join([part.text for part in thoughts]) == "**one**\n\n**one and a half**\n\n**two**"
    assert [f"e{number}" in (part.redacted or "") for number, part in enumerate(thoughts, 1)] == [True, True]


async def test_streamed_thoughts_stand_apart_as_whole_ones_do() -> None:
    def part(kind: str, item: str, **told: Any) -> dict[str, Any]:
        return {"type": f"response.reasoning_summary_{kind}", "item_id": item, "output_index": 0, **told}

    begins = {"summary_index": 0, "part": {"type": "summary_text", "text": ""}}
    done = json.loads(responses(thought("1", "**one**"), thought("2", "**two**"), MESSAGE).chunks[0])
    events = [
        part("part.added", "1", **begins),
        part("text.delta", "1", summary_index=0, delta="**one**"),
        part("part.added", "2", **begins),
        part("text.delta", "2", summary_index=0, delta="**two**"),
        {"type": "response.output_text.delta", "item_id": "m", "output_index": 2, "content_index": 0, "delta": "yes"},
        {"type": "response.completed", "response": done},
    ]
    answer = await said("openai/responses/gpt-5", stream(*events, done=False))
    assert "".join([part.text for part in answer.message.parts if isinstance(part, Reasoning)]) == "**one**\n\n**two**"
    assert answer.message.text == "yes"


@pytest.mark.parametrize(("given", "kept"), [("call_" + "0" * 24, "call_" + "0" * 24), ("call_0", "fc_1")])
async def test_an_id_of_digits_is_an_id_and_a_mere_number_none(given: str, kept: str) -> None:
    call = {"type": "function_call", "id": "fc_1", "call_id": given, "name": "f", "arguments": "{}"}
    answer = await said("openai/responses/gpt-5", responses({**call, "status": "completed"}))
    assert [each.id for each in answer.message.tool_calls] == [kept]


async def test_an_answer_without_words_is_one() -> None:
    call = {"type": "tool_search_call", "id": "t", "call_id": "c", "execution": "client", "arguments": {"queries": []}}
    answer = await said("openai/responses/gpt-5", responses({**call, "status": "completed"}))
    assert (answer.message.parts, answer.finish) == ((), "stop")


def anthropic(*blocks: dict[str, Any], usage: dict[str, Any] | None = None) -> Reply:
    told = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "stop_reason": "end_turn",
    }
    return whole({**told, "content": list(blocks), "usage": usage or {"input_tokens": 3, "output_tokens": 2}})


async def test_calls_that_the_provider_answers_are_none_of_ours() -> None:
    theirs = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "a"}}
    ours = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}
    text = {"type": "text", "text": "yes"}
    only = await said("anthropic/claude-sonnet-4-5", anthropic(theirs, text), base="")
    assert (only.message.tool_calls, only.finish) == ((), "stop")
    both = await said("anthropic/claude-sonnet-4-5", anthropic(theirs, text, ours), base="")
    assert [call.name for call in both.message.tool_calls] == ["f"]


async def test_words_alone_are_read_fast() -> None:
    answer = await said("openai/gpt-5-mini", stream(chunk({"content": "a"}), chunk({"content": "b"}, "stop")))
    assert answer.message.text == "ab"


async def test_what_a_tool_asked_another_model_is_counted_at_that_models_price() -> None:
    def turn(model: str | None = None, **counts: int) -> dict[str, Any]:
        return {"type": "message", **counts, **({"model": model} if model else {})}

    turns = [
        turn(input_tokens=1000, output_tokens=100),
        turn("claude-opus-4-5", input_tokens=2000, output_tokens=50),
        turn(input_tokens=10, output_tokens=5, cache_read_input_tokens=1000),
    ]
    usage = {"input_tokens": 1010, "output_tokens": 105, "cache_read_input_tokens": 1000, "iterations": turns}
    answer = await said("anthropic/claude-sonnet-4-5", anthropic({"type": "text", "text": "yes"}, usage=usage), base="")
    told = answer.usage
    assert (told.input_tokens, told.output_tokens, told.cached_tokens) == (4010, 155, 1000)
    own = (1010 * 3 + 1000 * 0.3 + 105 * 15) / 1e6
    assert told.cost == pytest.approx(own + (2000 * 5 + 50 * 25) / 1e6)


GEMINI_PARTS = [
    {"toolCall": {"id": "1", "toolType": "GOOGLE_SEARCH_WEB", "args": {"queries": ["q"]}}, "thoughtSignature": "s1"},
    {"toolResponse": {"id": "1", "toolType": "GOOGLE_SEARCH_WEB", "response": {}}, "thoughtSignature": "s2"},
    {"executableCode": {"code": "1+1", "language": "PYTHON"}, "thoughtSignature": "s3"},
    {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "2"}},
    {"text": "yes", "thoughtSignature": "s4"},
]


@pytest.mark.parametrize("streamed", [True, False])
async def test_what_geminis_tools_did_goes_back_with_its_proofs(streamed: bool) -> None:
    def told(*parts: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {"candidates": [{"content": {"role": "model", "parts": list(parts)}, "index": 0, **more}]}

    counted = {"promptTokenCount": 9, "candidatesTokenCount": 2, "totalTokenCount": 11}
    ending = {"finishReason": "STOP"}
    if streamed:
        *before, last = [told(part, **(ending if "text" in part else {})) for part in GEMINI_PARTS]
        reply = stream(*before, {**last, "usageMetadata": counted}, done=False)
    else:
        reply = whole({**told(*GEMINI_PARTS, **ending), "usageMetadata": counted})
    async with serve(reply) as server:
        key = SecretStr("a-key-for-tests")
        model = LiteLLM("gemini/gemini-3-flash-preview", f"{server.url}/v1beta", api_key=key, stream=streamed)
        *_, answer = [each async for each in model.answer(Request(messages=[user("Hi")]))]
        assert isinstance(answer, Answer)
        assert answer.message.text == "yes"
        async for _ in model.answer(Request(messages=[user("Hi"), answer.message, user("And then?")])):
            pass
    sent = server.asked[-1]["contents"][1]["parts"]
    assert sorted(sent, key=json.dumps) == sorted(GEMINI_PARTS, key=json.dumps)


@pytest.mark.parametrize(("searched", "paid"), [(True, 9), (False, 109)])
async def test_what_googles_search_found_is_paid_by_the_search(searched: bool, paid: int) -> None:
    counted = {"promptTokenCount": 9, "candidatesTokenCount": 2, "toolUsePromptTokenCount": 100, "totalTokenCount": 111}
    grounded = {"groundingMetadata": {"webSearchQueries": ["q"]}} if searched else {}
    candidate = {"content": {"role": "model", "parts": [{"text": "yes"}]}, "finishReason": "STOP", **grounded}
    reply = whole({"candidates": [candidate], "usageMetadata": counted})
    answer = await said("gemini/gemini-2.5-pro", reply, base="/v1beta")
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (paid, 2)
