"""Thoughts in tags, proofs that go back, ends without a reason, and no key: by both doors."""

import pytest

from tests.models.loopback import chat, chunk, serve, stream, whole
from tests.models.test_doors import HI, At, Door, answer
from tests.models.test_doors import at as at
from tests.models.test_doors import door as door
from weft.errors import AuthenticationFailed, ModelUnavailable
from weft.messages import Reasoning, Text, user
from weft.models.base import Answer, Piece, Request

pytestmark = pytest.mark.usefixtures("litellm")


@pytest.mark.parametrize("tag", ["think", "thinking", "thought"])
@pytest.mark.parametrize("streamed", [True, False])
async def test_a_thought_in_tags_is_a_thought(at: At, tag: str, streamed: bool) -> None:
    text = f"\n<{tag}>\nHm, a <b> or </{tag[:2]}.\n</{tag}>\n\nYes, <think> is a tag."
    if streamed:
        reply = chat(*[{"content": character} for character in text])
    else:
        told = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        reply = whole({**chunk({}), "object": "chat.completion", "choices": [told], "usage": None})
    async with serve(reply) as server:
        said = [each async for each in at(server, stream=streamed).answer(HI)]
    got = said[-1]
    assert isinstance(got, Answer)
    assert got.message.text == "Yes, <think> is a tag."
    [thought] = [part.text for part in got.message.parts if isinstance(part, Reasoning)]
    assert thought.strip() == f"Hm, a <b> or </{tag[:2]}."
    pieces = [each for each in said if isinstance(each, Piece)]
    assert "".join([each.text for each in pieces if each.kind == "text"]) == got.message.text
    assert "".join([each.text for each in pieces if each.kind == "reasoning"]).strip() == thought.strip()


@pytest.mark.parametrize("text", ["<b>Yes</b>", "<thi", " <", "\n", "<thinker> or </think>"])
async def test_what_is_no_thought_in_tags_is_words(at: At, text: str) -> None:
    async with serve(chat(*[{"content": character} for character in text])) as server:
        got = await answer(at(server))
    assert got.message.parts == (Text(text),)


async def test_a_stream_that_is_counted_at_its_end_has_one(at: At) -> None:
    counted = chunk({}, choices=[], usage={"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5})
    async with serve(stream(chunk({"content": "yes"}), counted)) as server:
        got = await answer(at(server))
    assert (got.message.text, got.finish, got.usage.output_tokens) == ("yes", "stop", 2)
    async with serve(stream(chunk({"content": "yes"}, usage={"prompt_tokens": 3}), done=False)) as server:
        with pytest.raises(ModelUnavailable):
            await answer(at(server))


@pytest.mark.parametrize("streamed", [True, False])
async def test_an_unknown_server_gets_back_the_proofs_that_it_gave(at: At, streamed: bool) -> None:
    detail = {"type": "reasoning.text", "text": "Hm", "signature": "proof", "index": 0, "format": "f"}
    said = {"role": "assistant", "content": "yes", "reasoning_details": [detail]}
    if streamed:
        reply = chat(said)
    else:
        told = {"index": 0, "message": said, "finish_reason": ""}
        reply = whole({**chunk({}), "object": "chat.completion", "choices": [told], "usage": None})
    async with serve(reply) as server:
        model = at(server, stream=streamed)
        pieces = [each async for each in model.answer(HI)]
        got = pieces.pop()
        assert isinstance(got, Answer)
        assert [each.text for each in pieces if isinstance(each, Piece) and each.kind == "reasoning"] == ["Hm"]
        await answer(model, Request(messages=[*HI.messages, got.message, user("And then?")]))
    assert server.asked[-1]["messages"][1]["reasoning_details"] == [detail]


@pytest.mark.parametrize("name", ["openai/gpt-5-mini"])
async def test_no_key_at_all_is_told_and_not_tried_again(
    monkeypatch: pytest.MonkeyPatch, door: Door, name: str
) -> None:
    for variable in ("OPENAI_API_KEY", "GROQ_API_KEY"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(AuthenticationFailed) as caught:
        await answer(door(name))
    assert not caught.value.retryable
