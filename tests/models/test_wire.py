"""How a conversation is told to each kind of provider."""

import pytest

from weft.errors import UsageError
from weft.messages import Json, Media, Message, Reasoning, Text, ToolCall, ToolResult, assistant, user
from weft.models.base import OutputSchema, Request
from weft.models.wire import Dialect, dialect, wire

SIGNED = Reasoning("hm", signature="sig")
HIDDEN = Reasoning("", redacted="opaque")
GEMINIS = Reasoning("", signature="gsig", redacted="gemini:")
ROUTED = Reasoning("so", signature="rsig", redacted='openrouter:{"format": "f", "index": 0, "type": "reasoning.text"}')
SUMMED = Reasoning("in short", redacted='openrouter:{"index": 1, "type": "reasoning.summary"}')
ITEM = Reasoning("", redacted='responses:{"encrypted_content": "e", "id": "rs_1", "summary": [], "type": "reasoning"}')
PLAIN = Reasoning("just words")
CALL = ToolCall("id", "f", {"x": 1}, signature="csig")
THOUGHTFUL = Message(role="assistant", parts=(SIGNED, HIDDEN, GEMINIS, ROUTED, SUMMED, ITEM, PLAIN, Text("yes"), CALL))


def lines(*messages: Message, spoken: Dialect = "none") -> list[Json]:
    return wire(Request(messages=messages), spoken)["messages"]


@pytest.mark.parametrize(
    ("spoken", "thoughts", "extras"),
    [
        ("none", {}, {}),
        (
            "blocks",
            {
                "thinking_blocks": [
                    {"type": "thinking", "thinking": "hm", "signature": "sig"},
                    {"type": "redacted_thinking", "data": "opaque"},
                ]
            },
            {},
        ),
        (
            "signatures",
            {"provider_specific_fields": {"thought_signatures": ["gsig"]}},
            {"provider_specific_fields": {"thought_signature": "csig"}},
        ),
        ("content", {"reasoning_content": "hmsoin shortjust words"}, {}),
        (
            "items",
            {"reasoning_items": [{"encrypted_content": "e", "id": "rs_1", "summary": [], "type": "reasoning"}]},
            {},
        ),
        (
            "details",
            {
                "reasoning_details": [
                    {"format": "f", "index": 0, "type": "reasoning.text", "text": "so", "signature": "rsig"},
                    {"index": 1, "type": "reasoning.summary", "summary": "in short"},
                ]
            },
            {},
        ),
    ],
)
def test_each_provider_gets_its_own_thoughts_back_and_no_others(spoken: Dialect, thoughts: Json, extras: Json) -> None:
    (line,) = lines(THOUGHTFUL, spoken=spoken)
    call = {"id": "id", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}, **extras}
    assert line == {"role": "assistant", "content": "yes", "tool_calls": [call], **thoughts}


def test_dialects() -> None:
    for provider, model, spoken in (
        ("anthropic", "claude-sonnet-4-5", "blocks"),
        ("bedrock", "anthropic.claude-sonnet-4-5", "blocks"),
        ("vertex_ai", "claude-sonnet-4-5", "blocks"),
        ("vertex_ai", "gemini-3-pro", "signatures"),
        ("gemini", "gemini-3-pro", "signatures"),
        ("deepseek", "deepseek-reasoner", "content"),
        ("openrouter", "openai/o3", "details"),
        ("openai", "gpt-5", "none"),
        ("openai", "gpt-5-pro", "items"),
        ("openai", "responses/o3", "items"),
        ("groq", "openai/gpt-oss-20b", "none"),
    ):
        assert dialect(provider, model) == spoken


def test_who_said_nothing_is_not_quoted() -> None:
    nothing = Message(role="assistant", parts=())
    unsigned = Message(role="assistant", parts=(PLAIN,))
    assert lines(user("a"), nothing, unsigned, user("b"), spoken="blocks") == lines(user("a"), user("b"))


def test_results_are_lines_of_their_own_and_pictures_follow_them() -> None:
    picture = Media(mime="image/png", url="https://example.com/a.png")
    told = lines(
        Message(
            role="tool", parts=(ToolResult("a", "f", "one", media=(picture,)), ToolResult("b", "g", "two", failed=True))
        )
    )
    assert [line["role"] for line in told] == ["tool", "tool", "user"]
    assert [line.get("tool_call_id") for line in told] == ["a", "b", None]
    assert told[2]["content"][1] == {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}


@pytest.mark.parametrize(
    ("media", "part"),
    [
        (
            Media(mime="audio/mpeg", data=b"a"),
            {"type": "input_audio", "input_audio": {"data": "YQ==", "format": "mp3"}},
        ),
        (Media(mime="text/plain", data=b"a", name="n.txt"), {"type": "text", "text": "n.txt:\na"}),
        (
            Media(mime="application/pdf", data=b"a", name="n.pdf"),
            {"type": "file", "file": {"filename": "n.pdf", "file_data": "data:application/pdf;base64,YQ=="}},
        ),
        (
            Media(mime="application/pdf", url="https://example.com/n.pdf"),
            {"type": "file", "file": {"file_id": "https://example.com/n.pdf", "format": "application/pdf"}},
        ),
    ],
)
def test_media(media: Media, part: Json) -> None:
    assert lines(Message(role="user", parts=(media,)))[0]["content"] == [part]


def test_a_blob_must_be_loaded_first() -> None:
    with pytest.raises(UsageError, match=r"picture\.png must be loaded"):
        lines(Message(role="user", parts=(Media(mime="image/png", blob="0" * 64, name="picture.png"),)))


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        ({"type": "object", "properties": {}, "additionalProperties": False}, True),
        ({"type": "object", "properties": {"a": {}}, "additionalProperties": False}, False),
        ({"type": "object", "properties": {"a": {}}, "required": ["a"]}, False),
        ({"$defs": {"x": {"type": "object"}}, "type": "object", "additionalProperties": False}, False),
    ],
)
def test_schemas_are_strict_where_providers_take_them_so(schema: Json, strict: bool) -> None:
    request = Request(messages=[user("a")], output=OutputSchema(name="N", schema=schema))
    told = wire(request, "none")["response_format"]
    assert told == {"type": "json_schema", "json_schema": {"name": "N", "schema": schema, "strict": strict}}
    assert wire(request, "none", "json")["response_format"] == {"type": "json_object"}
    assert "response_format" not in wire(request, "none", "prompt")
    assert "response_format" not in wire(request, "none", "tool")


def test_settings_go_through_and_are_not_changed() -> None:
    settings = {"temperature": 0.5, "response_format": {"type": "text"}}
    request = Request(messages=[assistant("a")], settings=settings, output=OutputSchema(name="N", schema={}))
    told = wire(request, "none")
    assert told["temperature"] == 0.5
    assert told["response_format"] == {"type": "text"}
    assert settings == {"temperature": 0.5, "response_format": {"type": "text"}}
