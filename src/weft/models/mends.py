"""What LiteLLM 1.106 loses or breaks on the way, put right once when it is loaded.

Each mend names its case in the tests, and does nothing where LiteLLM is no longer as it was: when a case passes
without its mend, the mend can go.
"""

import importlib
import importlib.util
import sys
import types
from collections.abc import Callable
from typing import Any

from weft.messages import Json


def mend(library: Any) -> None:
    """Applies all of them to the imported library."""
    _no_log_worker()
    _no_gateway()
    _after(library, "GroqChatConfig", 1, _with_service_tier)
    _after(library, "CohereV2ChatConfig", 0, _with_all_of_cohere)


def _no_log_worker() -> None:
    """LiteLLM logs each call in a task that lives as long as the loop; we have our own events, so nothing is logged."""
    worker: Any = importlib.import_module("litellm.litellm_core_utils.logging_worker").GLOBAL_LOGGING_WORKER

    def forget(async_coroutine: Any) -> None:
        async_coroutine.close()

    worker.ensure_initialized_and_enqueue = forget


def _no_gateway() -> None:
    """OpenAI's Responses API is asked whether tools are for the gateway of LiteLLM's proxy; here none ever is.

    The answer would need the packages of the proxy, and ``_skip_mcp_handler`` is lost on the way to it.
    """
    name = "litellm.responses.mcp.litellm_proxy_mcp_handler"
    if importlib.util.find_spec("mcp") is None:
        gateway: Any = types.ModuleType(name)
        gateway.LiteLLM_Proxy_MCP_Handler = _Gateway
        sys.modules.setdefault(name, gateway)


class _Gateway:
    @staticmethod
    def should_use_litellm_mcp_gateway(tools: Any) -> bool:
        return False


def _after(library: Any, config: str, ancestor: int, change: Callable[[Any, Any], None]) -> None:
    """Lets ``change(answer, raw_response)`` have a look after a provider's answer was translated."""
    found: Any = getattr(library, config, None)
    if found is None:
        return
    owner: Any = found.__mro__[ancestor]
    translate: Callable[..., Any] = owner.transform_response

    def transform_response(self: Any, *args: Any, **options: Any) -> Any:
        answer = translate(self, *args, **options)
        change(answer, options.get("raw_response"))
        return answer

    owner.transform_response = transform_response


def _with_service_tier(answer: Any, raw: Any) -> None:
    """Groq's answers are read for a ``service_tier`` that not all of them have."""
    if getattr(answer, "service_tier", None) is None:
        answer.service_tier = None


def _with_all_of_cohere(answer: Any, raw: Any) -> None:
    """Cohere's thoughts, plan, finish and cached tokens are dropped."""
    if raw is None:
        return
    told: Json = raw.json()
    said: Json = told.get("message") or {}
    content: list[Json] = said.get("content") or []
    message = answer.choices[0].message
    if thought := "".join([part.get("thinking", "") for part in content if part.get("type") == "thinking"]):
        message.reasoning_content = thought
    if plan := said.get("tool_plan"):
        message.reasoning_content = (thought or "") + plan
    if not message.content:
        message.content = "".join([part.get("text", "") for part in content]) or None
    answer.choices[0].finish_reason = _FINISHES.get(told.get("finish_reason", ""), "stop")
    if cached := told.get("usage", {}).get("cached_tokens"):
        answer.usage = type(answer.usage)(
            **answer.usage.model_dump(exclude={"prompt_tokens_details"}),
            prompt_tokens_details={"cached_tokens": cached},
        )


_FINISHES = {"MAX_TOKENS": "length", "TOOL_CALL": "tool_calls", "ERROR_TOXIC": "content_filter"}
