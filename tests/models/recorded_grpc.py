"""What xAI says over gRPC, in the words of its REST API."""

from typing import Any


def in_openais_words(body: dict[str, Any], *, streamed: bool) -> dict[str, Any]:
    where = "delta" if streamed else "message"
    outputs = [
        one for one in body.get("outputs", []) if one.get(where, {}).get("role", "ROLE_ASSISTANT") != "ROLE_TOOL"
    ]
    said = [one.get(where, {}) for one in outputs]
    calls = [
        {"index": index, "id": call["id"], "type": "function", "function": dict(call["function"])}
        for index, call in enumerate([call for one in said for call in one.get("tool_calls", ())])
        if call.get("type", "").endswith("CLIENT_SIDE_TOOL")
    ]
    ended = [one["finish_reason"] for one in outputs if one.get("finish_reason")]
    finish = "tool_calls" if calls else "stop" if ended[-1:] == ["REASON_STOP"] or not streamed else None
    told = {
        "role": "assistant",
        "content": "".join([one.get("content", "") for one in said]),
        "reasoning_content": "".join([one.get("reasoning_content", "") for one in said]) or None,
        "tool_calls": calls or None,
    }
    usage = body.get("usage", {})
    sent, made = usage.get("prompt_tokens", 0), usage.get("completion_tokens", 0)
    return {
        "id": body.get("id", ""),
        "object": "chat.completion.chunk" if streamed else "chat.completion",
        "created": 1,
        "model": body.get("model", ""),
        "choices": [{"index": 0, "finish_reason": finish, where: told}],
        "usage": {
            "prompt_tokens": sent,
            "completion_tokens": made,
            "total_tokens": sent + made,
            "prompt_tokens_details": {"cached_tokens": usage.get("cached_prompt_text_tokens", 0)},
        },
    }
