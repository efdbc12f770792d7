"""Pictures, speech and transcripts by models, in the providers' own form over real sockets."""

import base64
from pathlib import Path

import pytest

from tests.models.loopback import Reply, serve, whole
from weft import Agent, App, Budget
from weft.agents.media import image_generation, speech, transcription
from weft.agents.trying import members, tried
from weft.errors import UsageError
from weft.messages import Media
from weft.models.endpoint import Endpoint
from weft.models.prices import Price
from weft.models.scripted import Scripted, call
from weft.runtime.replaying import all_events
from weft.storage.base import Scope
from weft.tools.catalogue import builtin
from weft.tools.sets import Fixed

PNG = b"\x89PNG\r\n\x1a\n" + b"p" * 100


def drawn(*images: dict[str, str]) -> Reply:
    parts = {"text_tokens": 7, "image_tokens": 0}
    usage = {"input_tokens": 7, "output_tokens": 272, "total_tokens": 279, "input_tokens_details": parts}
    return whole({"created": 1, "data": list(images), "usage": usage})


def inline(content: bytes = PNG) -> dict[str, str]:
    return {"b64_json": base64.b64encode(content).decode()}


async def test_a_picture_is_shown_and_stored_and_counted(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/weft.db"
    async with serve(drawn(inline())) as server, App(store=store) as app:
        painter = Endpoint("openai/gpt-image-1", server.url)
        told = [call("draw_picture", prompt="a cat", name="../My cat!"), "There."]
        tool = image_generation(painter, root=tmp_path / "files", size="1024x1024")
        result = await app.run(Agent("artist", model=Scripted(told, order="turn"), tools=[tool]), "A cat, please")
        (part,) = [part for message in result.messages for part in message.tool_results]
        assert part.content == "drew 1\n[file ---My cat-.png: image/png, 108 bytes]"
        assert part.media[0].mime == "image/png"
        (file,) = (tmp_path / "files").rglob("*.png")
        assert file.read_bytes() == PNG
        assert result.usage.output_tokens >= 272
        scope = Scope("default", "local")
        kept = [each.event for each in await all_events(app.store, scope, result.run_id)]
        (made,) = [event.data for event in kept if getattr(event, "name", "") == "tool.file"]
        assert await app.store.blobs.get(scope, made["blob"]) == (PNG, "image/png")
    asked = server.asked[0]
    assert (asked["prompt"], asked["size"], server.paths) == ("a cat", "1024x1024", ["/images/generations"])


async def test_pictures_at_an_address(tmp_path: Path) -> None:
    async with (
        serve(Reply(mime="image/webp", chunks=[b"RIFF"])) as site,
        serve(drawn({"url": f"{site.url}/a.webp"})) as server,
    ):
        painter = Endpoint("openai/dall-e-3", server.url)
        open = Fixed(image_generation(painter, folder=tmp_path, allow=["127.0.0.1"]))
        got = (await tried(open, "", {"prompt": "x", "name": "a"})).output
        assert got.media == (Media(mime="image/webp", data=b"RIFF", name="a.webp"),)
        shut = Fixed(image_generation(painter, folder=tmp_path))
        refused = (await tried(shut, "", {"prompt": "x"})).output
        assert refused.failed
        assert "not a public address" in refused.content


async def test_speech(tmp_path: Path) -> None:
    async with serve(Reply(mime="audio/mpeg", chunks=[b"ID3", b"sound"])) as server:
        tools = Fixed(speech(Endpoint("openai/tts-1", server.url), voice="nova", folder=tmp_path))
        got = (await tried(tools, "speak", {"text": "Hello", "name": "hi"})).output
        assert (got.content, got.media) == ("spoke 5 characters\n[file hi.mp3: audio/mpeg, 8 bytes]", ())
        assert (tmp_path / "hi.mp3").read_bytes() == b"ID3sound"
        assert (await tried(tools, "", {"text": " "})).output.failed
    assert [(each["input"], each["voice"], each["response_format"]) for each in server.asked] == [
        ("Hello", "nova", "mp3")
    ]


async def test_transcripts(tmp_path: Path) -> None:
    (tmp_path / "talk.mp3").write_bytes(b"ID3sound")
    async with serve(whole({"text": "Hello there", "language": "english", "duration": 61.5})) as server:
        tools = Fixed(
            transcription(Endpoint("openai/whisper-1", server.url), folder=tmp_path, response_format="verbose_json")
        )
        got = (await tried(tools, "transcribe", {"path": "talk.mp3"})).output
        assert got.content == "[english, 62 s]\nHello there"
        for path in ("talk.txt", "none.mp3", "../talk.mp3"):
            assert (await tried(tools, "", {"path": path})).output.failed
    assert b"ID3sound" in server.bodies[0]
    assert b'filename="talk.mp3"' in server.bodies[0]


async def test_what_a_model_refuses_is_told(tmp_path: Path) -> None:
    async with serve(Reply(status=400, chunks=[b'{"error": {"message": "Your prompt was rejected"}}'])) as server:
        tools = Fixed(image_generation(Endpoint("openai/gpt-image-1", server.url), folder=tmp_path))
        got = (await tried(tools, "", {"prompt": "x"})).output
    assert got.failed
    assert "Your prompt was rejected" in got.content


async def test_in_the_catalogue() -> None:
    for name, tool in (("image_generation", "draw_picture"), ("speech", "speak"), ("transcription", "transcribe")):
        assert [each.name for each in await members(builtin(name))] == [tool]
    with pytest.raises(UsageError, match="no name of a model"):
        builtin("speech", model="tts")


async def test_what_a_budget_has_not_is_not_drawn_said_or_heard(tmp_path: Path) -> None:
    (tmp_path / "talk.mp3").write_bytes(b"x" * 2_000_000)
    async with serve(whole({"text": "Hello"})) as server:
        tools = [
            image_generation(Endpoint("openai/gpt-image-1", server.url), folder=tmp_path),
            speech(Endpoint("openai/tts-1", server.url), folder=tmp_path),
            transcription(Endpoint("openai/whisper-1", server.url), folder=tmp_path),
        ]
        asks = (
            call("draw_picture", prompt="a cat"),
            call("speak", text="x" * 5_000),
            call("transcribe", path="talk.mp3"),
        )
        free = Price(input=0.0, output=0.0)
        agents = [
            Agent(f"a{n}", model=Scripted([made, "There."], order="turn", price=free), tools=tools)
            for n, made in enumerate(asks)
        ]
        store = f"sqlite:///{tmp_path}/weft.db"
        async with App(agents=agents, store=store, budgets=[Budget("thread", usd=0.02)]) as app:
            paused = [await app.run(each, "Go") for each in agents]
            assert [each.stop.code for each in paused if each.paused] == ["budget"] * 3
            assert not server.asked
            await app.set_budget(Budget("thread", usd=0.50))
            assert (await app.resume(paused[-1].run_id, {})).output == "There."
        assert len(server.bodies) == 1
