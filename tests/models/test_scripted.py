"""The scripted model says its lines."""

import asyncio

import pytest

from weft.errors import RateLimited, UsageError
from weft.messages import Message, Reasoning, Text, ToolCall, Usage, assistant, user
from weft.models.base import Answer, Piece, Request
from weft.models.capabilities import Capabilities, capabilities
from weft.models.scripted import Line, Scripted, call

HI = Request(messages=[user("Hi")])


async def said(model: Scripted, request: Request = HI) -> tuple[list[Piece], Answer]:
    all_of_it = [each async for each in model.answer(request)]
    assert isinstance(all_of_it[-1], Answer)
    return [each for each in all_of_it if isinstance(each, Piece)], all_of_it[-1]


async def test_each_kind_of_line() -> None:
    look = call("look", at="x")
    whole = Answer(message=assistant("whole"), usage=Usage(requests=1, input_tokens=9), finish="length", model="m")
    lines: list[Line] = [
        "words",
        look,
        [call("a"), call("b")],
        Message(role="assistant", parts=(Reasoning("hm"), Text("so"))),
        whole,
        lambda request: f"you said {request.messages[-1].text}",
    ]
    model = Scripted(lines)
    answers = [await said(model) for _ in lines]
    assert [answer.message.text for _, answer in answers] == ["words", "", "", "so", "whole", "you said Hi"]
    assert answers[1][1].message.tool_calls == (look,)
    assert [answer.finish for _, answer in answers] == ["stop", "tool_calls", "tool_calls", "stop", "length", "stop"]
    assert answers[3][0] == [Piece("hm", "reasoning"), Piece("so")]
    assert answers[4][1] is whole
    assert len(model.asked) == len(lines)
    assert model.asked[0] is HI


async def test_a_failure_is_raised() -> None:
    model = Scripted([RateLimited("slow down"), "now"])
    with pytest.raises(RateLimited, match="slow down"):
        await said(model)
    assert (await said(model))[1].message.text == "now"


async def test_word_by_word_loses_nothing() -> None:
    text = "  two\nlines,  and\ttabs "
    pieces, answer = await said(Scripted([text], by="word"))
    assert len(pieces) == 4
    assert "".join([piece.text for piece in pieces]) == answer.message.text == text


async def test_the_end_of_the_script_says_so() -> None:
    model = Scripted(["only"], name="short")
    await said(model)
    with pytest.raises(UsageError, match=r"'short' is at its end: it has 1 lines.*'Hi'"):
        await said(model)


async def test_repeated_calls_have_ids_of_their_own() -> None:
    model = Scripted([[call("f"), call("g")]], order="repeat")
    ids = [each.id for _ in range(3) for each in (await said(model))[1].message.tool_calls]
    assert len(set(ids)) == 6


async def test_by_turn_any_number_of_runs_share_a_script() -> None:
    model = Scripted([call("f"), "done"], order="turn")

    async def run(name: str) -> str:
        messages = [user("earlier"), assistant("earlier"), user(name)]
        while True:
            _, answer = await said(model, Request(messages=messages))
            messages.append(answer.message)
            await asyncio.sleep(0)
            if not answer.message.tool_calls:
                return answer.message.text

    assert await asyncio.gather(*[run(str(number)) for number in range(50)]) == ["done"] * 50
    assert len(model.asked) == 100


def test_it_says_what_it_can() -> None:
    assert capabilities(Scripted([])).output == "native"
    assert capabilities(Scripted([], capabilities=Capabilities(output="prompt"))).output == "prompt"


def test_call() -> None:
    made = call("name", name="argument", id=3)
    assert isinstance(made, ToolCall)
    assert (made.name, made.arguments) == ("name", {"name": "argument", "id": 3})
