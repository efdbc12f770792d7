"""Recorded provider traffic: read from YAML, served over loopback, and what each answer must be read as.

The expectations are derived from the recorded bodies by the providers' own rules, independently of LiteLLM.
"""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.models.loopback import Reply
from tests.models.recorded_grpc import in_openais_words

ROOT = Path(os.environ.get("WEFT_RECORDED", Path(__file__).parents[2] / ".." / "shared" / "recorded")).resolve()

ENDPOINTS: tuple[tuple[str, str, str], ...] = (
    (r"api\.anthropic\.com/v1/messages(\?|$)", "anthropic", ""),
    (r"generativelanguage\.googleapis\.com/v1beta/openai/chat/completions", "openai", "/v1beta/openai"),
    (r"generativelanguage\.googleapis\.com/v1(beta)?/models/[^:]+:(stream)?[gG]enerateContent", "gemini", "/v1beta"),
    (r"api\.mistral\.ai/v1/chat/completions", "mistral", "/v1"),
    (r"api\.cohere\.com/v2/chat$", "cohere_chat", "/v2/chat"),
    (r"api\.deepseek\.com/(v1/)?chat/completions", "deepseek", ""),
    (r"api\.groq\.com/openai/v1/chat/completions", "groq", "/openai/v1"),
    (r"openrouter\.ai/api/v1/chat/completions", "openrouter", "/api/v1"),
    (r"api\.openai\.com/v1/responses$", "openai/responses", "/v1"),
    (r"api\.x\.ai/v1/chat/completions", "xai", "/v1"),
    (r"/chat/completions", "openai", "/v1"),
)
"""Address, LiteLLM's provider, and the path of its base URL."""

OUT_OF_SCOPE: tuple[tuple[str, str], ...] = (
    (r"count_tokens", "counts tokens, and is no chat"),
    (r"/moderations|/embeddings|/audio/|/images/|/models$|/files|/batches|/rerank|/caches|cachedContents", "no chat"),
    (r"w3\.org|githubusercontent|github\.com|wikimedia|pydantic\.dev/|/upload/", "a download beside the chat"),
)


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What an answer says, whoever reads it."""

    text: str = ""
    thought: str = ""
    calls: tuple[tuple[str, Any, str], ...] = ()
    """Name, arguments, id; an id that the provider did not give is empty."""
    signatures: frozenset[str] = frozenset()
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int = 0
    finish: str | None = None
    error: bool = False


@dataclass(frozen=True, kw_only=True)
class Interaction:
    """One request and its answer, as a provider gave it."""

    file: str
    number: int
    provider: str
    base: str
    model: str
    streamed: bool
    body: dict[str, Any]
    status: int
    reply: Reply
    payloads: tuple[Any, ...] = field(repr=False)
    """The JSON of a whole answer, or of each event of a stream."""
    why_not: str | None = None

    @property
    def id(self) -> str:
        return f"{self.file}#{self.number}"

    @property
    def expected(self) -> Expected:
        if self.status >= 400:
            return Expected(error=True)
        read = {"anthropic": _anthropic, "gemini": _gemini, "cohere_chat": _cohere, "openai/responses": _responses}.get(
            self.provider, _openai
        )
        return read(self.payloads)


def interactions() -> Iterator[Interaction]:
    """All that is recorded, in order; what LiteLLM's chat does not speak says why in ``why_not``."""
    for path in sorted(ROOT.glob("**/*.yaml")):
        recorded = yaml.load(path.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        name = f"{path.parent.name}/{path.name.removesuffix('.yaml')}"
        for number, each in enumerate(recorded["interactions"]):
            if "request" in each:
                yield _http(name, number, each)
            elif each.keys() & {"response_sample", "response_stream"}:
                yield from _grpc(name, number, each)


def _http(name: str, number: int, each: dict[str, Any]) -> Interaction:
    request, response = each["request"], each["response"]
    uri = request["uri"]
    why_not = next((why for pattern, why in OUT_OF_SCOPE if re.search(pattern, uri)), None)
    found = next(((provider, base) for pattern, provider, base in ENDPOINTS if re.search(pattern, uri)), None)
    if why_not is None and found is None:
        why_not = f"LiteLLM's chat does not speak to {uri.partition('?')[0]}"
    provider, base = found or ("", "")
    body = request.get("parsed_body") or {}
    in_path = re.search(r"models/([^:/]+):", uri)
    raw = b"" if "parsed_body" in response else _raw(response.get("body", {}).get("string", ""))
    streamed = "parsed_body" not in response and (b"data:" in raw)
    payloads = (
        tuple(_events(raw)) if streamed else (response["parsed_body"] if "parsed_body" in response else _json(raw),)
    )
    status = int(response["status"]["code"])
    chunks = _chunks(raw) if streamed else [raw if raw else json.dumps(payloads[0]).encode()]
    return Interaction(
        file=name,
        number=number,
        provider=provider,
        base=base,
        model=str(body.get("model") or (in_path.group(1) if in_path else "unknown")),
        streamed=streamed,
        body=body,
        status=status,
        reply=Reply(status=status, mime="text/event-stream" if streamed else "application/json", chunks=chunks),
        payloads=payloads,
        why_not=why_not,
    )


def _raw(text: Any) -> bytes:
    return text if isinstance(text, bytes) else str(text).encode()


def _json(raw: bytes) -> Any:
    """What is no JSON object is told as an error."""
    try:
        told = json.loads(raw)
    except ValueError:
        told = None
    return told if isinstance(told, dict) else {"error": raw.decode(errors="replace") or "nothing"}


def _chunks(raw: bytes) -> list[bytes]:
    return [chunk + b"\n\n" for chunk in re.split(rb"\r?\n\r?\n", raw) if chunk.strip()]


def _events(raw: bytes) -> Iterator[Any]:
    for chunk in _chunks(raw):
        data = b"\n".join([line[5:].strip() for line in chunk.splitlines() if line.startswith(b"data:")])
        if data and data != b"[DONE]":
            yield json.loads(data)


def _openai(payloads: tuple[Any, ...]) -> Expected:
    """OpenAI's format, and what Mistral, DeepSeek, Groq, xAI and OpenRouter added to it."""
    text, thought, detailed, refusal, finish, usage = "", "", "", "", None, None
    calls: list[dict[str, Any]] = []
    at: dict[Any, dict[str, Any]] = {}
    signatures: set[str] = set()
    ended = "message" in ((payloads[0].get("choices") or [{}])[0] if len(payloads) == 1 else {})
    for payload in payloads:
        if payload.get("error") or not isinstance(payload.get("choices"), list):
            return Expected(error=True)
        usage = payload.get("usage") or usage
        ended = ended or (not payload["choices"] and usage is not None)
        for choice in payload["choices"][:1]:
            said = choice.get("message") or choice.get("delta") or {}
            content = said.get("content") or ""
            for part in [{"type": "text", "text": content}] if isinstance(content, str) else content:
                if part["type"] == "thinking":
                    thought += "".join([each["text"] for each in part["thinking"]])
                else:
                    text += part.get("text", "")
            thought += said.get("reasoning_content") or said.get("reasoning") or ""
            refusal += said.get("refusal") or ""
            finish = choice.get("finish_reason") or finish
            for detail in said.get("reasoning_details") or ():
                signatures |= {detail[key] for key in ("signature", "data") if detail.get(key)}
                detailed += detail.get("text") or detail.get("summary") or ""
            for call in said.get("tool_calls") or ():
                index = call.get("index", len(calls) if "message" in choice else 0)
                function = call["function"]
                known = None if "message" in choice else at.get(index)
                if known is None or (call.get("id") and known["id"] not in ("", call["id"])):
                    known = at[index] = {"id": "", "name": "", "arguments": ""}
                    calls.append(known)
                known["id"] = known["id"] or call.get("id") or ""
                known["name"] = known["name"] or function.get("name") or ""
                arguments = function.get("arguments") or ""
                known["arguments"] += arguments if isinstance(arguments, str) else json.dumps(arguments)
    if finish is None and not ended:
        return Expected(error=True)
    tagged, text = _tagged(text)
    read = tuple((call["name"], json.loads(call["arguments"] or "{}"), _given(call["id"])) for call in calls)
    details = (usage or {}).get("prompt_tokens_details") or {}
    return Expected(
        text=text + refusal,
        thought=thought or detailed or tagged,
        calls=read,
        signatures=frozenset(signatures),
        input_tokens=(usage or {}).get("prompt_tokens"),
        output_tokens=(usage or {}).get("completion_tokens"),
        cached_tokens=details.get("cached_tokens") or (usage or {}).get("num_cached_tokens") or 0,
        finish="content_filter" if refusal else _finish(finish, read),
    )


def _tagged(text: str) -> tuple[str, str]:
    """A thought that stands in tags before the words, and the words."""
    found = re.match(r"\s*<think>(.*?)(</think>|$)", text, re.DOTALL)
    return (found.group(1), text[found.end() :]) if found else ("", text)


def _given(id: str) -> str:
    return "" if id == "null" else id


def _finish(finish: str | None, calls: tuple[Any, ...]) -> str:
    if calls and finish in (None, "stop", "tool_calls", "function_call", "end_turn", "tool_use", "STOP"):
        return "tool_calls"
    return {
        "length": "length",
        "max_tokens": "length",
        "MAX_TOKENS": "length",
        "content_filter": "content_filter",
        "refusal": "content_filter",
        "SAFETY": "content_filter",
        "PROHIBITED_CONTENT": "content_filter",
        "RECITATION": "content_filter",
    }.get(finish or "", "stop")


def _summed(usage: dict[str, Any]) -> dict[str, int]:
    """All that is paid for: Anthropic leaves out what it compacted, and what its tools asked other models."""
    names = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    turns = usage.get("iterations") or [usage]
    return {name: sum([turn.get(name) or 0 for turn in turns]) for name in names}


def _anthropic(payloads: tuple[Any, ...]) -> Expected:
    blocks: list[dict[str, Any]] = []
    usage: dict[str, Any] = {}
    finish = None
    for payload in payloads:
        kind = payload.get("type")
        if kind == "error" or payload.get("error"):
            return Expected(error=True)
        if kind == "message":
            blocks, usage, finish = payload["content"], payload["usage"], payload["stop_reason"]
        elif kind == "message_start":
            usage = dict(payload["message"]["usage"])
        elif kind == "content_block_start":
            blocks.append(dict(payload["content_block"]))
        elif kind == "content_block_delta":
            for key, value in payload["delta"].items():
                if key in ("text", "thinking", "signature", "partial_json"):
                    blocks[payload["index"]][key] = (blocks[payload["index"]].get(key) or "") + value
        elif kind == "message_delta":
            finish = payload["delta"].get("stop_reason") or finish
            usage |= {name: count for name, count in payload.get("usage", {}).items() if count is not None}
    calls = tuple(
        (block["name"], json.loads(block["partial_json"]) if block.get("partial_json") else block["input"], block["id"])
        for block in blocks
        if block["type"] == "tool_use"
    )
    paid = _summed(usage)
    cached = paid["cache_read_input_tokens"]
    return Expected(
        text="".join([block["text"] for block in blocks if block["type"] == "text"]),
        thought="".join([block["thinking"] for block in blocks if block["type"] == "thinking"]),
        calls=calls,
        signatures=frozenset(
            [block["signature"] for block in blocks if block.get("signature")]
            + [block["data"] for block in blocks if block["type"] == "redacted_thinking"]
        ),
        input_tokens=paid["input_tokens"] + cached + paid["cache_creation_input_tokens"],
        output_tokens=paid["output_tokens"],
        cached_tokens=cached,
        finish=_finish(finish, calls),
    )


def _gemini(payloads: tuple[Any, ...]) -> Expected:
    text, thought, finish = "", "", None
    calls: list[tuple[str, Any, str]] = []
    signatures: set[str] = set()
    usage: dict[str, Any] = {}
    searched = False
    for payload in payloads:
        if payload.get("error"):
            return Expected(error=True)
        usage |= payload.get("usageMetadata", {})
        for candidate in payload.get("candidates", [])[:1]:
            finish = candidate.get("finishReason") or finish
            searched |= bool(candidate.get("groundingMetadata", {}).get("webSearchQueries"))
            for part in candidate.get("content", {}).get("parts", []):
                if part.get("thoughtSignature"):
                    signatures.add(part["thoughtSignature"])
                if call := part.get("functionCall"):
                    calls.append((call["name"], call.get("args") or {}, ""))
                elif part.get("thought"):
                    thought += part.get("text", "")
                else:
                    text += part.get("text", "")
    found = 0 if searched else usage.get("toolUsePromptTokenCount", 0)  # Google's search is paid by the search
    return Expected(
        text=text,
        thought=thought,
        calls=tuple(calls),
        signatures=frozenset(signatures),
        input_tokens=usage.get("promptTokenCount", 0) + found if usage else None,
        cached_tokens=usage.get("cachedContentTokenCount") or 0,
        finish=_finish(finish, tuple(calls)),
    )


def _cohere(payloads: tuple[Any, ...]) -> Expected:
    (payload,) = payloads
    if "message" not in payload or isinstance(payload["message"], str):
        return Expected(error=True)
    message = payload["message"]
    content = message.get("content") or []
    calls = tuple(
        (call["function"]["name"], json.loads(call["function"]["arguments"] or "{}"), call["id"])
        for call in message.get("tool_calls") or ()
    )
    return Expected(
        text="".join([part["text"] for part in content if part["type"] == "text"]),
        thought="".join([part["thinking"] for part in content if part["type"] == "thinking"])
        + (message.get("tool_plan") or ""),
        calls=calls,
        input_tokens=payload["usage"]["tokens"]["input_tokens"],
        output_tokens=payload["usage"]["tokens"]["output_tokens"],
        cached_tokens=payload["usage"].get("cached_tokens") or 0,
        finish=_finish("length" if payload["finish_reason"] == "MAX_TOKENS" else None, calls),
    )


def _responses(payloads: tuple[Any, ...]) -> Expected:
    """OpenAI's Responses API: a list of items, which a stream repeats whole at its end."""
    done = [
        payload["response"] for payload in payloads if str(payload.get("type", "")).startswith("response.completed")
    ]
    payload = done[-1] if done else payloads[-1]
    if payload.get("error") or not payload.get("output"):
        return Expected(error=True)
    items: list[dict[str, Any]] = payload["output"]
    calls = tuple(
        (item["name"], json.loads(item["arguments"] or "{}"), item["call_id"])
        for item in items
        if item["type"] == "function_call"
    )
    thoughts = [item for item in items if item["type"] == "reasoning"]
    return Expected(
        text="".join([part.get("text", "") for item in items if item["type"] == "message" for part in item["content"]]),
        thought="\n\n".join([part["text"] for item in thoughts for part in item.get("summary") or ()]),
        calls=calls,
        signatures=frozenset([item["encrypted_content"] for item in thoughts if item.get("encrypted_content")]),
        input_tokens=payload["usage"]["input_tokens"],
        output_tokens=payload["usage"]["output_tokens"],
        cached_tokens=(payload["usage"].get("input_tokens_details") or {}).get("cached_tokens") or 0,
        finish="length" if payload.get("status") == "incomplete" else _finish(None, calls),
    )


def _grpc(name: str, number: int, each: dict[str, Any]) -> Iterator[Interaction]:
    """xAI's SDK speaks gRPC; LiteLLM speaks its REST API, which says the same in OpenAI's format.

    What xAI's own tools did is left out, as it is there: they are answered before the reply comes.
    """
    streamed = "response_stream" in each
    bodies = [one["chunk"] for one in each["response_stream"]["chunks_json"]] if streamed else []
    bodies = bodies or [each["response_sample"]["json"]]
    payloads = tuple([in_openais_words(body, streamed=streamed) for body in bodies])
    if streamed:
        events = [f"data: {json.dumps(payload)}\n\n".encode() for payload in payloads]
        ended = any([choice["finish_reason"] for payload in payloads for choice in payload["choices"]])
        reply = Reply(mime="text/event-stream", chunks=[*events, *([b"data: [DONE]\n\n"] if ended else [])])
    else:
        reply = Reply(chunks=[json.dumps(payloads[0]).encode()])
    yield Interaction(
        file=name,
        number=number,
        provider="xai",
        base="/v1",
        model=next((str(body["model"]) for body in bodies if body.get("model")), "grok"),
        streamed=streamed,
        body={},
        status=200,
        reply=reply,
        payloads=payloads,
    )
