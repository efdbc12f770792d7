"""What LiteLLM is told: Weft's messages, tools and schemas in the OpenAI shape that it takes for every provider.

Reasoning is the one thing that has no common shape on the way back. ``Dialect`` says how a provider
wants to see what its model thought before; where it wants nothing, nothing is sent.
"""

import base64
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit

from weft.errors import UsageError
from weft.messages import Json, Media, Message, Reasoning, Text, ToolCall, ToolResult, ToolSpec
from weft.models.base import OutputSchema, Request
from weft.models.capabilities import OutputLevel, speaks_responses

Dialect: TypeAlias = Literal["blocks", "signatures", "google", "content", "details", "items", "some", "none"]
"""How thoughts go back: Anthropic's blocks, Gemini's signatures (by LiteLLM, or in OpenAI's format as Google has it),
plain text, OpenRouter's details, the items of OpenAI's Responses API, whatever a server that nobody knows has given of
these, or not at all."""

GEMINI = "gemini:"
OPENROUTER = "openrouter:"
RESPONSES = "responses:"
"""Where ``Reasoning.redacted`` begins so, the thought belongs to that provider, and no other will accept it."""

_STRICT = re.compile(r"(^|\.)(openai|azure)\.com$")
"""Servers that refuse a message with a field that they do not know."""
_JSON_MODE = {"type": "json_object"}
_DIALECTS: dict[str, Dialect] = {
    "anthropic": "blocks",
    "bedrock": "blocks",
    "bedrock_converse": "blocks",
    "databricks": "blocks",
    "litellm_proxy": "blocks",
    "gemini": "signatures",
    "vertex_ai": "signatures",
    "vertex_ai_beta": "signatures",
    "deepseek": "content",
    "moonshot": "content",
    "zai": "content",
    "minimax": "content",
    "ollama_chat": "content",
    "openrouter": "details",
}


def dialect(provider: str, model: str, base_url: str | None = None) -> Dialect:
    """
    >>> dialect("vertex_ai", "claude-sonnet-4-5"), dialect("vertex_ai", "gemini-3-pro"), dialect("openai", "gpt-5")
    ('blocks', 'signatures', 'none')
    >>> dialect("openai", "claude-sonnet-4-6", "https://gateway.example.com/v1")
    'some'
    """
    if model.startswith("responses/") or speaks_responses(provider, model):
        return "items"
    if "claude" in model and provider in ("vertex_ai", "azure_ai"):
        return "blocks"
    if provider == "openai" and base_url is not None and not _STRICT.search(urlsplit(base_url).hostname or ""):
        return "some"
    return _DIALECTS.get(provider, "none")


def wire(request: Request, spoken: Dialect, output: OutputLevel = "native") -> Json:
    """The arguments of LiteLLM's ``acompletion`` that say what is asked; settings go through as they are.

    A schema is sent to models that keep to it (``native``); those with a JSON mode are put into it (``json``); to
    others it must be told in words or as a tool, which is the business of who asks.

    Raises:
        UsageError: a media part has neither an address nor content; blobs are loaded before a model is asked.
    """
    told: Json = dict(request.settings)
    told["messages"] = [line for message in request.messages for line in _message(message, spoken)]
    if request.tools:
        told["tools"] = [_tool(spec) for spec in request.tools]
    if request.output is not None and output in ("native", "json"):
        told.setdefault("response_format", _response_format(request.output) if output == "native" else _JSON_MODE)
    return told


def with_words(told: Json, output: OutputSchema) -> Json:
    """The same, with the schema in words, unless they are there: for a model that has turned out to keep to none."""
    schema = json.dumps(output.schema)
    messages: list[Json] = told["messages"]
    if any([schema in str(line.get("content")) for line in messages if line["role"] == "system"]):
        return told
    words = f"Answer with JSON only, no other words, matching this JSON Schema:\n{schema}"
    head, rest = (messages[:1], messages[1:]) if messages and messages[0]["role"] == "system" else ([], messages)
    said = f"{head[0]['content']}\n\n{words}" if head else words
    return {**told, "messages": [{"role": "system", "content": said}, *rest]}


def _tool(spec: ToolSpec) -> Json:
    function = {"name": spec.name, "description": spec.description, "parameters": spec.parameters}
    return {"type": "function", "function": function}


def _response_format(output: OutputSchema) -> Json:
    described = {"name": output.name, "schema": output.schema, "strict": _closed(output.schema)}
    return {"type": "json_schema", "json_schema": described}


def _closed(schema: Any) -> bool:
    """Whether the schema is one that providers accept as ``strict``: all properties required, no others allowed.

    >>> _closed({"type": "object", "properties": {"a": {}}, "required": ["a"], "additionalProperties": False})
    True
    """
    if isinstance(schema, list):
        return all([_closed(each) for each in schema])  # pyright: ignore[reportUnknownVariableType]  # JSON
    if not isinstance(schema, dict):
        return True
    known: Json = schema  # pyright: ignore[reportUnknownVariableType]  # JSON
    if known.get("type") == "object" and (
        known.get("additionalProperties") is not False
        or set(known.get("properties", ())) != set(known.get("required", ()))
    ):
        return False
    return all([_closed(each) for each in known.values()])


def _message(message: Message, spoken: Dialect) -> Iterator[Json]:
    """One message of ours is one line of theirs, but for tool results: each is a line of its own."""
    if message.role == "system":
        yield {"role": "system", "content": message.text}
    elif message.role == "assistant":
        yield from _assistant(message, spoken)
    else:
        yield from _results(message.tool_results)
        parts = [part for part in message.parts if isinstance(part, Text | Media)]
        if parts:
            yield {"role": "user", "content": _content(parts)}


def _content(parts: Sequence[Text | Media]) -> str | list[Json]:
    if len(parts) == 1 and isinstance(parts[0], Text):
        return parts[0].text
    return [{"type": "text", "text": part.text} if isinstance(part, Text) else _media(part) for part in parts]


def _results(results: Sequence[ToolResult]) -> Iterator[Json]:
    """Tool lines carry words only, so pictures and files follow all of them in a user line that says whose they are."""
    shown: list[Json] = []
    for result in results:
        yield {"role": "tool", "tool_call_id": result.call_id, "name": result.name, "content": result.content}
        if result.media:
            shown.append({"type": "text", "text": f"Returned by {result.name} ({result.call_id}):"})
            shown.extend(_media(media) for media in result.media)
    if shown:
        yield {"role": "user", "content": shown}


def _media(media: Media) -> Json:
    kind, _, form = media.mime.partition("/")
    if media.url is None and media.data is None:
        raise UsageError(f"the content of {media.name or media.mime} must be loaded before a model can see it")
    if kind == "text" and media.data is not None:
        return {"type": "text", "text": f"{media.name or 'File'}:\n{media.data.decode(errors='replace')}"}
    if kind == "audio" and media.data is not None:
        sound = {
            "data": base64.b64encode(media.data).decode(),
            "format": {"mpeg": "mp3", "x-wav": "wav"}.get(form, form),
        }
        return {"type": "input_audio", "input_audio": sound}
    if kind == "image":
        return {"type": "image_url", "image_url": {"url": media.url or _data_url(media)}}
    if media.data is not None:
        return {"type": "file", "file": {"filename": media.name or f"file.{form}", "file_data": _data_url(media)}}
    return {"type": "file", "file": {"file_id": media.url, "format": media.mime}}


def _data_url(media: Media) -> str:
    return f"data:{media.mime};base64,{base64.b64encode(media.data or b'').decode()}"


def _assistant(message: Message, spoken: Dialect) -> Iterator[Json]:
    """Providers refuse an assistant that said nothing, so an empty answer is left out."""
    calls = [_call(call, spoken) for call in message.tool_calls]
    thoughts = _thoughts([part for part in message.parts if isinstance(part, Reasoning)], spoken)
    text = message.text
    if not (text or calls or thoughts.keys() & {"thinking_blocks", "reasoning_items"} or _did_something(thoughts)):
        return
    line: Json = {"role": "assistant", "content": text or None, **thoughts}
    if calls:
        line["tool_calls"] = calls
    yield line


def _did_something(thoughts: Json) -> bool:
    return bool(thoughts.get("provider_specific_fields", {}).get(GEMINI))


def _call(call: ToolCall, spoken: Dialect) -> Json:
    arguments = call.arguments if call.invalid is None else {"invalid_json": call.invalid}
    line: Json = {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": json.dumps(arguments)},
    }
    if call.signature is not None and spoken == "signatures":
        line["provider_specific_fields"] = {"thought_signature": call.signature}
    if call.signature is not None and spoken in ("google", "some"):
        line["extra_content"] = {"google": {"thought_signature": call.signature}}
    return line


def _thoughts(thoughts: Sequence[Reasoning], spoken: Dialect) -> Json:
    """What a provider wants back of its model's thoughts, and only what that provider made."""
    if spoken == "blocks":
        blocks = [block for thought in thoughts if (block := _block(thought)) is not None]
        return {"thinking_blocks": blocks} if blocks else {}
    if spoken == "signatures":
        return _signatures(thoughts)
    if spoken == "google":
        return _googles(thoughts)
    if spoken == "content":
        text = "".join([thought.text for thought in thoughts])
        return {"reasoning_content": text} if text else {}
    if spoken == "details":
        return _details(thoughts)
    if spoken == "some":
        return {**_details(thoughts), **_googles(thoughts)}
    if spoken == "items":
        items = [json.loads(redacted[len(RESPONSES) :]) for redacted in _marked(thoughts, RESPONSES)]
        return {"reasoning_items": items} if items else {}
    return {}


def _details(thoughts: Sequence[Reasoning]) -> Json:
    details = [_detail(thought) for thought in thoughts if (thought.redacted or "").startswith(OPENROUTER)]
    return {"reasoning_details": details} if details else {}


def _googles(thoughts: Sequence[Reasoning]) -> Json:
    """Gemini's proof, as Google has it in OpenAI's format."""
    signature = next((each.signature for each in thoughts if each.redacted == GEMINI), None)
    return {"extra_content": {"google": {"thought_signature": signature}}} if signature else {}


def _signatures(thoughts: Sequence[Reasoning]) -> Json:
    """Gemini's proofs. One stands beside the words; further ones are parts without words, beside the tools' own."""
    first, *more = [thought.signature for thought in thoughts if thought.redacted == GEMINI] or [None]
    parts: list[Json] = [json.loads(marked[len(GEMINI) :]) for marked in _marked(thoughts, GEMINI) if marked != GEMINI]
    parts.extend([{"text": "", "thoughtSignature": each} for each in more])
    told: Json = {**({"thought_signatures": [first]} if first else {}), **({GEMINI: parts} if parts else {})}
    return {"provider_specific_fields": told} if told else {}


def _marked(thoughts: Sequence[Reasoning], mark: str) -> list[str]:
    return [thought.redacted for thought in thoughts if thought.redacted and thought.redacted.startswith(mark)]


def _block(thought: Reasoning) -> Json | None:
    if thought.redacted is not None:
        foreign = thought.redacted.startswith((GEMINI, OPENROUTER, RESPONSES))
        return None if foreign else {"type": "redacted_thinking", "data": thought.redacted}
    if thought.signature is None:
        return None
    return {"type": "thinking", "thinking": thought.text, "signature": thought.signature}


def _detail(thought: Reasoning) -> Json:
    detail: Json = json.loads((thought.redacted or "").removeprefix(OPENROUTER))
    if thought.text:
        detail["summary" if detail.get("type") == "reasoning.summary" else "text"] = thought.text
    if thought.signature is not None:
        detail["signature"] = thought.signature
    return detail
