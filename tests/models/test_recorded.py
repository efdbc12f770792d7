"""What providers really said, read through LiteLLM and our door, and sent back to them on the next turn."""

import json
from collections.abc import Sequence
from typing import Any, TypeAlias

import pytest
from pydantic import SecretStr

from tests.models.loopback import serve
from tests.models.recorded import ROOT, Interaction, interactions
from weft.errors import ModelError
from weft.messages import Message, Reasoning, ToolResult, user
from weft.models.addresses import PROVIDERS
from weft.models.base import Answer, Piece, Request
from weft.models.direct import Direct
from weft.models.litellm import LiteLLM

pytestmark = [
    pytest.mark.skipif(not ROOT.is_dir(), reason=f"no recorded traffic at {ROOT} (WEFT_RECORDED)"),
    pytest.mark.usefixtures("litellm"),
]
Door: TypeAlias = type[LiteLLM] | type[Direct]
RECORDED = list(interactions())
BY_DOOR = [
    pytest.param(door, each, id=f"{door.__name__}-{each.id}")
    for each in RECORDED
    for door in (LiteLLM, Direct)
    if door is LiteLLM or each.provider in PROVIDERS.keys() - {"gemini"}  # recorded in Google's own format
]


def model(door: Door, interaction: Interaction, url: str) -> LiteLLM | Direct:
    return door(
        f"{interaction.provider}/{interaction.model}",
        url + interaction.base,
        api_key=SecretStr("a-key-for-tests"),
        stream=interaction.streamed,
    )


async def answered(model: LiteLLM | Direct, messages: Sequence[Message]) -> tuple[list[Piece], Answer]:
    said = [each async for each in model.answer(Request(messages=messages))]
    assert isinstance(said[-1], Answer)
    pieces = [each for each in said[:-1] if isinstance(each, Piece)]
    assert len(pieces) == len(said) - 1
    return pieces, said[-1]


@pytest.mark.parametrize(("door", "interaction"), BY_DOOR)
async def test_what_was_said_is_what_is_read(door: Door, interaction: Interaction) -> None:
    if interaction.why_not:
        pytest.skip(interaction.why_not)
    expected = interaction.expected
    async with serve(interaction.reply) as server:
        asking = model(door, interaction, server.url)
        if expected.error:
            with pytest.raises(ModelError):
                await answered(asking, [user("Hi")])
            return
        pieces, answer = await answered(asking, [user("Hi")])
    thoughts = [part for part in answer.message.parts if isinstance(part, Reasoning)]
    calls = answer.message.tool_calls
    assert answer.message.text.strip() == expected.text.strip()
    assert "".join([part.text for part in thoughts]).strip() == expected.thought.strip()
    assert [(call.name, call.arguments, call.invalid) for call in calls] == [(n, a, None) for n, a, _ in expected.calls]
    for call, (_, _, given) in zip(calls, expected.calls, strict=True):
        assert call.id
        assert not given or call.id == given
    assert len({call.id for call in calls}) == len(calls)
    assert expected.signatures <= signatures(answer.message)
    assert "".join([each.text for each in pieces if each.kind == "text"]) == answer.message.text
    assert "".join([each.text for each in pieces if each.kind == "reasoning"]).strip() == expected.thought.strip()
    assert answer.finish == expected.finish
    assert answer.usage.requests == 1
    assert answer.usage.cached_tokens == expected.cached_tokens
    if expected.input_tokens is not None:
        assert answer.usage.input_tokens == expected.input_tokens
    if expected.output_tokens is not None:
        assert answer.usage.output_tokens == expected.output_tokens


@pytest.mark.parametrize(("door", "interaction"), BY_DOOR)
async def test_what_was_said_goes_back_unchanged(door: Door, interaction: Interaction) -> None:
    """The next turn repeats the words, the calls under their ids, the results, and every proof of thought."""
    if interaction.why_not or interaction.expected.error:
        pytest.skip(interaction.why_not or "an error has no next turn")
    async with serve(interaction.reply) as server:
        asking = model(door, interaction, server.url)
        _, answer = await answered(asking, [user("Hi")])
        results = tuple(ToolResult(call.id, call.name, f"result of {call.id}") for call in answer.message.tool_calls)
        then = Message(role="tool", parts=results) if results else user("And then?")
        await answered(asking, [user("Hi"), answer.message, then])
    told = server.asked[-1]
    sent = json.dumps(told, ensure_ascii=False)
    text = answer.message.text
    assert (
        json.dumps(text, ensure_ascii=False)[1:-1] in sent or json.dumps(text.strip(), ensure_ascii=False)[1:-1] in sent
    )
    for signature in signatures(answer.message):
        assert signature in sent, f"a proof of thought is not sent back: {signature[:40]}"
    for call in answer.message.tool_calls:
        assert call.name in sent
        assert f"result of {call.id}" in sent
        if interaction.provider != "gemini":  # Gemini's calls have no ids: they go by name and order
            assert sent.count(f'"{call.id}"') == 2
        assert call.arguments in [_decoded(each) for each in _arguments(told)]


def signatures(message: Message) -> set[str]:
    found: set[str] = {call.signature for call in message.tool_calls if call.signature}
    for part in message.parts:
        if isinstance(part, Reasoning):
            found |= {part.signature} if part.signature else set()
            if part.redacted and part.redacted.startswith("openrouter:"):
                data = json.loads(part.redacted.removeprefix("openrouter:")).get("data")
                found |= {data} if data else set()
            elif part.redacted and part.redacted.startswith("responses:"):
                encrypted = json.loads(part.redacted.removeprefix("responses:")).get("encrypted_content")
                found |= {encrypted} if encrypted else set()
            elif part.redacted and part.redacted.startswith("gemini:{"):
                found |= {json.loads(part.redacted.removeprefix("gemini:")).get("thoughtSignature", "")} - {""}
            elif part.redacted and ":" not in part.redacted:
                found.add(part.redacted)
    return found


def _arguments(told: Any) -> list[Any]:
    """Every value under a name that providers give to the arguments of a call."""
    if isinstance(told, dict):
        here = [value for name, value in told.items() if name in ("arguments", "input", "args")]
        return here + [each for value in told.values() for each in _arguments(value)]
    if isinstance(told, list):
        return [each for value in told for each in _arguments(value)]
    return []


def _decoded(arguments: Any) -> Any:
    return json.loads(arguments) if isinstance(arguments, str) else arguments
