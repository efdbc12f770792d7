"""What every model must do, whatever is behind it: pieces, then exactly one answer; an end when it is closed."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.models.loopback import Reply, chat, serve, whole
from weft.errors import ModelError, RateLimited
from weft.messages import Reasoning, Text, user
from weft.models.base import Answer, Model, Piece, Request, close
from weft.models.demo import Demo
from weft.models.direct import Direct
from weft.models.litellm import LiteLLM
from weft.models.replay import Replay
from weft.models.scripted import Scripted
from weft.testing import Chaos

Opened: TypeAlias = Callable[[Path], AbstractAsyncContextManager[Model]]
REQUEST = Request(messages=[user("I am Ada")])
SAID = "[demo] Hello Ada, I will remember that."


@asynccontextmanager
async def scripted(folder: Path) -> AsyncIterator[Model]:
    yield Scripted([SAID], order="repeat")


@asynccontextmanager
async def scripted_by_word(folder: Path) -> AsyncIterator[Model]:
    yield Scripted([SAID], order="turn", by="word")


@asynccontextmanager
async def demo(folder: Path) -> AsyncIterator[Model]:
    yield Demo(delay=0)


@asynccontextmanager
async def streamed(folder: Path) -> AsyncIterator[Model]:
    async with serve(
        chat(*[{"content": f"{word} "} for word in SAID.split()[:-1]], {"content": SAID.split()[-1]})
    ) as at:
        yield LiteLLM("openai/gpt-5-mini", at.url)


@asynccontextmanager
async def direct(folder: Path) -> AsyncIterator[Model]:
    async with serve(
        chat(*[{"content": f"{word} "} for word in SAID.split()[:-1]], {"content": SAID.split()[-1]})
    ) as at:
        yield Direct("openai/gpt-5-mini", at.url)


@asynccontextmanager
async def chaotic(folder: Path) -> AsyncIterator[Model]:
    yield Chaos(Demo(delay=0))


@asynccontextmanager
async def in_one_piece(folder: Path) -> AsyncIterator[Model]:
    body = {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": SAID}}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
    async with serve(whole(body)) as at:
        yield LiteLLM("some-local-model", at.url, stream=False)


@asynccontextmanager
async def recording(folder: Path) -> AsyncIterator[Model]:
    yield Replay(folder / "cassette.yaml", Demo(delay=0))


@asynccontextmanager
async def replayed(folder: Path) -> AsyncIterator[Model]:
    path = folder / "cassette.yaml"
    async for _ in Replay(path, Demo(delay=0)).answer(REQUEST):
        pass
    yield Replay(path)


MODELS: list[Opened] = [scripted, scripted_by_word, demo, streamed, direct, in_one_piece, chaotic, recording, replayed]
pytestmark = pytest.mark.usefixtures("litellm")


@pytest.fixture(params=MODELS, ids=lambda opened: opened.__name__)
async def model(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Model]:
    async with request.param(tmp_path) as opened:
        yield opened


async def test_pieces_then_exactly_one_answer(model: Model) -> None:
    said = [each async for each in model.answer(REQUEST)]
    assert [type(each) for each in said].count(Answer) == 1
    assert isinstance(said[-1], Answer)
    assert len(said) > 1


async def test_the_pieces_are_the_answer(model: Model) -> None:
    said = [each async for each in model.answer(REQUEST)]
    answer = said[-1]
    assert isinstance(answer, Answer)
    assert "".join([each.text for each in said[:-1] if isinstance(each, Piece) and each.kind == "text"]) == SAID
    assert answer.message.text == SAID
    assert answer.message.role == "assistant"
    assert {type(part) for part in answer.message.parts} <= {Text, Reasoning}
    assert answer.finish == "stop"
    assert answer.usage.requests == 1
    assert answer.model
    assert model.name


async def test_each_answer_is_a_message_of_its_own(model: Model) -> None:
    ids = {each.message.id for _ in range(3) async for each in model.answer(REQUEST) if isinstance(each, Answer)}
    assert len(ids) == 3


async def test_closing_ends_it(model: Model) -> None:
    stream = model.answer(REQUEST)
    assert isinstance(await anext(stream), Piece)
    await close(stream)
    with pytest.raises(StopAsyncIteration):
        await anext(stream)
    assert [each async for each in model.answer(REQUEST)]  # and the model is none the worse


async def test_many_at_once(model: Model) -> None:
    async def text() -> str:
        said = [each async for each in model.answer(REQUEST)]
        assert isinstance(said[-1], Answer)
        return said[-1].message.text

    assert await asyncio.gather(*[text() for _ in range(20)]) == [SAID] * 20


async def test_errors_are_ours(tmp_path: Path) -> None:
    busy = Reply(status=429, chunks=[b'{"error": {"message": "Slow down"}}'])
    async with serve(busy) as at:
        failing: list[Model] = [
            Scripted([RateLimited("Slow down")]),
            LiteLLM("openai/gpt-5-mini", at.url),
            LiteLLM("openai/gpt-5-mini", at.url, stream=False),
            Direct("openai/gpt-5-mini", at.url),
            Replay(tmp_path / "cassette.yaml", LiteLLM("openai/gpt-5-mini", at.url)),
        ]
        for model in failing:
            with pytest.raises(ModelError, match="Slow down") as caught:
                [each async for each in model.answer(REQUEST)]
            assert isinstance(caught.value, RateLimited)
            assert caught.value.retryable
