"""What was recorded is replayed, piece by piece; what was not is missed, with a reason."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from weft.errors import ReplayMissed, UsageError
from weft.messages import Message, Reasoning, Text, ToolCall, ToolResult, ToolSpec, assistant, user
from weft.models.base import Answer, OutputSchema, Piece, Request, Stream, close
from weft.models.cassette import canonical, digest
from weft.models.replay import Replay
from weft.models.scripted import Scripted, call


async def drained(stream: Stream) -> tuple[list[Piece], Answer]:
    said = [each async for each in stream]
    assert isinstance(said[-1], Answer)
    return [each for each in said if isinstance(each, Piece)], said[-1]


def asking(text: str = "Hi", **more: object) -> Request:
    return Request(messages=[user(text)], **more)  # pyright: ignore[reportArgumentType]  # options of a request


async def test_what_was_recorded_is_replayed(tmp_path: Path) -> None:
    line = Message(
        role="assistant", parts=(Reasoning("hm", signature="sig"), Text("two words\nand a line"), call("f", x=1))
    )
    path = tmp_path / "folder" / "cassette.yaml"
    recorder = Replay(path, Scripted([line], by="word"))
    recorded = await drained(recorder.answer(asking()))
    player = Replay(path)
    replayed = await drained(player.answer(asking()))
    assert replayed[0] == recorded[0]
    assert replayed[1].message.parts == line.parts
    assert replayed[1].usage == recorded[1].usage
    assert replayed[1].message.id != recorded[1].message.id
    assert player.name == "scripted"


async def test_a_person_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "cassette.yaml"
    await drained(Replay(path, Scripted(["Hello"])).answer(asking("How are\nyou?")))
    (entry,) = yaml.safe_load(path.read_text())["interactions"]
    assert entry["asked"] == {"messages": [{"role": "user", "parts": [{"type": "text", "text": "How are\nyou?"}]}]}
    assert entry["pieces"] == [["text", "Hello"]]
    assert "text: |-\n" in path.read_text()


async def test_ids_and_times_do_not_matter_and_words_do(tmp_path: Path) -> None:
    def history(text: str, at: str) -> Request:
        made = call("f", x=1)
        result = Message(role="tool", parts=(ToolResult(made.id, "f", f"{text}, for {made.id}, at {at}"),))
        return Request(messages=[user("Hi"), Message(role="assistant", parts=(made,)), result])

    first, again = history("ok", "2026-11-21T10:00:00Z"), history("ok", "2026-11-22 11:30:00.5")
    assert digest(canonical(first)) == digest(canonical(again))
    assert digest(canonical(first)) != digest(canonical(history("other", "2026-11-21T10:00:00Z")))
    for different in (
        asking("Ho"),
        asking(settings={"temperature": 1}),
        asking(tools=[ToolSpec(name="f", description="", parameters={})]),
        asking(output=OutputSchema(name="A", schema={})),
    ):
        assert digest(canonical(different)) != digest(canonical(asking()))


async def test_a_miss_shows_what_differs_from_the_nearest(tmp_path: Path) -> None:
    path = tmp_path / "cassette.yaml"
    recorder = Replay(path, Scripted(["one", "two"]))
    await drained(recorder.answer(asking("What is the capital of France?")))
    await drained(recorder.answer(asking("Something else entirely")))
    with pytest.raises(ReplayMissed) as caught:
        await drained(Replay(path).answer(asking("What is the capital of Italy?")))
    said = str(caught.value)
    assert "recorded, request 1" in said
    assert "-    text: What is the capital of France?" in said
    assert "+    text: What is the capital of Italy?" in said
    assert "mode='record'" in said


async def test_equal_requests_are_answered_in_order(tmp_path: Path) -> None:
    path = tmp_path / "cassette.yaml"
    recorder = Replay(path, Scripted(["one", "two"]))
    await drained(recorder.answer(asking()))
    await drained(recorder.answer(asking()))
    player = Replay(path)
    assert [(await drained(player.answer(asking())))[1].message.text for _ in range(4)] == ["one", "two", "two", "two"]


async def test_the_modes(tmp_path: Path) -> None:
    path = tmp_path / "cassette.yaml"
    with pytest.raises(UsageError, match="no cassette"):
        Replay(path)
    with pytest.raises(UsageError, match="needs a model"):
        Replay(path, mode="record")
    await drained(Replay(path, Scripted(["first"])).answer(asking()))
    asked = Scripted(["second"])
    assert (await drained(Replay(path, asked).answer(asking())))[1].message.text == "first"
    assert asked.asked == []
    with pytest.raises(ReplayMissed):
        await drained(Replay(path, asked, mode="replay").answer(asking("new")))
    assert (await drained(Replay(path, asked, mode="live").answer(asking())))[1].message.text == "second"
    assert (await drained(Replay(path).answer(asking())))[1].message.text == "second"
    path.write_text("- nonsense")
    with pytest.raises(UsageError, match="no cassette"):
        Replay(path)


async def test_secrets_are_never_stored(tmp_path: Path) -> None:
    path = tmp_path / "cassette.yaml"
    secrets = ["sk-abcdefghijklmnop123", "AIzaSyA1234567890abcdefghij", "ghp_abcdefghijklmnopqrstuv"]
    request = Request(
        messages=[user(f"my key is {secrets[0]}"), assistant(secrets[1])],
        settings={"api_key": "plain", "extra_headers": {"Authorization": "Bearer abcdefgh12345"}, "max_tokens": 5},
    )
    for _ in range(2):  # and are found again
        await drained(Replay(path, Scripted([f"I keep {secrets[2]}"])).answer(request))
    kept = path.read_text()
    for secret in (*secrets, "plain", "abcdefgh12345"):
        assert secret not in kept
    (entry,) = yaml.safe_load(kept)["interactions"]
    assert entry["asked"]["settings"]["max_tokens"] == 5
    assert "I keep <hidden>" in json.dumps(entry)


async def test_an_answer_that_was_left_early_is_not_recorded(tmp_path: Path) -> None:
    path = tmp_path / "cassette.yaml"
    async for _ in Replay(path, Scripted(["two words"], by="word")).answer(asking()):
        break
    assert not path.exists()


class Watched:
    """Knows whether its stream was ended."""

    name = "watched"
    ended = False

    async def answer(self, request: Request) -> AsyncIterator[Piece | Answer]:
        try:
            while True:
                yield Piece("and ")
        finally:
            self.ended = True


async def test_leaving_ends_the_recorded_stream_too(tmp_path: Path) -> None:
    model = Watched()
    stream = Replay(tmp_path / "cassette.yaml", model).answer(asking())
    await anext(stream)
    await close(stream)
    assert model.ended


async def test_signatures_do_not_make_a_difference(tmp_path: Path) -> None:
    def signed(signature: str) -> Request:
        parts = (Reasoning("hm", signature=signature), ToolCall("call_abcdef", "f", signature=signature))
        return Request(messages=[user("Hi"), Message(role="assistant", parts=parts)])

    assert canonical(signed("a")) == canonical(signed("b"))
