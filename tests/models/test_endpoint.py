"""Vectors, ranks, pictures and speech, in the wire formats of OpenAI (and Cohere's, for ranks), over real sockets."""

import base64
from pathlib import Path
from typing import Any

import pytest

from tests.models.loopback import Reply, serve, whole
from weft.errors import LiveCallForbidden, ModelError, RateLimited, ReplayMissed, UsageError
from weft.messages import Media
from weft.models.endpoint import Endpoint
from weft.models.ports import Rank
from weft.models.tape import no_live_calls, tape

pytestmark = pytest.mark.usefixtures("litellm")


async def test_vectors_come_in_the_order_of_the_texts() -> None:
    data = [{"object": "embedding", "index": index, "embedding": [index, 0.5]} for index in (1, 0)]
    body = {"object": "list", "data": data, "model": "m", "usage": {"prompt_tokens": 4, "total_tokens": 4}}
    async with serve(whole(body)) as server:
        got = await Endpoint("openai/text-embedding-3-small", server.url).embed(["a", "b"], dimensions=2)
    assert got.vectors == ((0.0, 0.5), (1.0, 0.5))
    assert (got.usage.input_tokens, got.usage.requests) == (4, 1)
    assert got.usage.cost == pytest.approx(4 * 2e-8)
    asked = server.asked[0]
    assert (asked["input"], asked["model"], asked["dimensions"]) == (["a", "b"], "text-embedding-3-small", 2)
    assert server.paths == ["/embeddings"]
    assert (await Endpoint("openai/x").embed([])).vectors == ()


async def test_vectors_that_are_too_few() -> None:
    body = {"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [1]}], "model": "m"}
    async with serve(whole(body)) as server:
        with pytest.raises(ModelError, match="2 texts were sent, and 1 vectors"):
            await Endpoint("openai/m", server.url).embed(["a", "b"])


async def test_ranks() -> None:
    found = [{"index": 2, "relevance_score": 0.1}, {"index": 0, "relevance_score": 0.9}]
    async with serve(whole({"id": "1", "results": found, "meta": {}})) as server:
        got = await Endpoint("cohere/rerank-v3.5", server.url).rank("q", ["a", "b", "c"], top=2)
    assert got == [Rank(0, 0.9), Rank(2, 0.1)]
    asked = server.asked[0]
    assert (asked["query"], asked["documents"], asked["top_n"]) == ("q", ["a", "b", "c"], 2)


async def test_pictures() -> None:
    body = {"created": 1, "data": [{"b64_json": base64.b64encode(b"\x89PNG").decode()}, {"url": "http://x/y.png"}]}
    async with serve(whole(body)) as server:
        got = await Endpoint("openai/gpt-image-1", server.url).draw("a cat", n=2, size="1024x1024")
    assert got.images == (Media(mime="image/png", data=b"\x89PNG"), Media(mime="image/png", url="http://x/y.png"))
    asked = server.asked[0]
    assert (asked["prompt"], asked["n"], asked["size"]) == ("a cat", 2, "1024x1024")
    assert server.paths == ["/images/generations"]


async def test_speech() -> None:
    async with serve(Reply(mime="audio/wav", chunks=[b"RIFF", b"rest"])) as server:
        got = await Endpoint("openai/tts-1", server.url).speak("Hello", voice="alloy", form="wav")
    assert got == Media(mime="audio/wav", data=b"RIFFrest")
    asked: dict[str, Any] = server.asked[0]
    assert (asked["input"], asked["voice"], asked["response_format"]) == ("Hello", "alloy", "wav")


async def test_transcripts() -> None:
    async with serve(whole({"text": "Hello there", "language": "english", "duration": 1.5})) as server:
        model = Endpoint("openai/whisper-1", server.url)
        got = await model.transcribe(Media(mime="audio/x-wav", data=b"RIFF"), response_format="verbose_json")
    assert (got.text, got.language, got.seconds) == ("Hello there", "english", 1.5)
    assert server.paths == ["/audio/transcriptions"]
    assert b"RIFF" in server.bodies[0]
    assert b'filename="sound.wav"' in server.bodies[0]
    with pytest.raises(UsageError, match="must be loaded"):
        await model.transcribe(Media(mime="audio/wav", url="http://x"))


async def test_errors_are_ours() -> None:
    busy = Reply(status=429, chunks=[b'{"error": {"message": "Slow down"}}'])
    async with serve(busy) as server:
        model = Endpoint("openai/m", server.url)
        for asking in (
            model.embed(["a"]),
            model.draw("a"),
            model.speak("a", voice="alloy"),
            model.transcribe(Media(mime="audio/wav", data=b"RIFF")),
            Endpoint("cohere/rerank-v3.5", server.url).rank("q", ["a"]),
        ):
            with pytest.raises(RateLimited, match="Slow down"):
                await asking


async def test_what_has_no_form_of_an_answer_is_an_error_of_ours() -> None:
    async with serve(whole({"nonsense": 1})) as server:
        model = Endpoint("openai/m", server.url)
        for asking in (model.embed(["a"]), model.draw("a")):
            with pytest.raises(ModelError):
                await asking


async def test_no_live_call_is_made_where_none_may_be() -> None:
    async with serve(whole({"object": "list", "model": "e", "data": []})) as server:
        model = Endpoint("openai/m", server.url)
        with no_live_calls():
            for asking in (
                model.embed(["a"]),
                model.rank("q", ["a"]),
                model.draw("a"),
                model.speak("a", voice="alloy"),
                model.transcribe(Media(mime="audio/wav", data=b"RIFF")),
            ):
                with pytest.raises(LiveCallForbidden, match="openai/m would really be asked"):
                    await asking
    assert server.paths == []


async def test_on_a_cassette(tmp_path: Path) -> None:
    vectors = {"object": "list", "model": "e", "data": [{"index": 0, "embedding": [0.5, 1.0]}]}
    path = tmp_path / "all.yaml"
    async with serve(
        whole(vectors),
        whole({"data": [{"b64_json": "UE5H"}]}),
        whole({"results": [{"index": 0, "relevance_score": 0.5}]}),
        whole({"text": "Call ada@b.org"}),
    ) as server:
        said: list[list[Any]] = []
        for mode in ("record", "replay"):
            with tape(path, mode):
                model = Endpoint("openai/m", server.url)
                ranker = Endpoint("cohere/rerank-v3.5", server.url)
                sound = Media(mime="audio/wav", data=b"RIFF")
                said.append([
                    await model.embed(["from ada@b.org"]),
                    (await model.draw("a cat")).images,
                    await ranker.rank("q", ["a"]),
                    (await model.transcribe(sound, prompt="ada@b.org speaks")).text,
                ])  # fmt: skip
    assert said[0] == said[1]
    assert len(server.paths) == 4
    assert "ada@b.org" not in path.read_text()
    with tape(path, "replay"), pytest.raises(ReplayMissed, match=r"-.*person1@example.com"):
        await model.embed(["something else"])
