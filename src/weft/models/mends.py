"""What LiteLLM 1.106 loses or breaks on the way, put right once when it is loaded.

Each mend names its case in the tests, and does nothing where LiteLLM is no longer as it was: when a case passes
without its mend, the mend can go.
"""

import importlib
import importlib.util
import sys
import types
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from weft.messages import Json
from weft.models.gemini import mend_gemini
from weft.models.responses import mend_responses

priced_here: ContextVar[bool] = ContextVar("priced_here", default=False)
"""Set while LiteLLM makes a call whose price it need not look for."""


def mend(library: Any) -> None:
    """Applies all of them to the imported library."""
    _no_price_twice()
    _no_log_worker()
    _no_gateway()
    _after(library, "GroqChatConfig", 1, _with_service_tier)
    _after(library, "CohereV2ChatConfig", 0, _with_all_of_cohere)
    _lenient_messages(library)
    _ends_otherwise()
    mend_responses(library)
    mend_gemini()


def _ends_otherwise() -> None:
    """Some words for an answer that was cut, or that is broken, are taken for a good end."""
    known: Any = getattr(importlib.import_module("litellm.litellm_core_utils.core_helpers"), "_FINISH_REASON_MAP", {})
    for word in ("model_length", "model_context_window_exceeded"):
        known.setdefault(word, "length")
    for word in ("MALFORMED_FUNCTION_CALL", "MALFORMED_RESPONSE", "UNEXPECTED_TOOL_CALL", "malformed_function_call"):
        known[word] = "malformed_function_call"
    for word in ("insufficient_system_resource", "network_error", "finish_reason_unspecified"):
        known[word] = "finish_reason_unspecified"


def _no_log_worker() -> None:
    """LiteLLM logs each call in a task that lives as long as the loop; we have our own events, so nothing is logged."""
    worker: Any = importlib.import_module("litellm.litellm_core_utils.logging_worker").GLOBAL_LOGGING_WORKER

    def forget(async_coroutine: Any) -> None:
        async_coroutine.close()

    worker.ensure_initialized_and_enqueue = forget


def _no_price_twice() -> None:
    """A tenth of a call goes into its price, also where the rules that are known here give it in no time."""
    owner: Any = importlib.import_module("litellm.litellm_core_utils.litellm_logging").Logging
    calculate: Callable[..., float | None] = owner.response_cost_calculator

    def response_cost_calculator(self: Any, *args: Any, **options: Any) -> float | None:
        return None if priced_here.get() else calculate(self, *args, **options)

    owner.response_cost_calculator = response_cost_calculator


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


def _lenient_messages(library: Any) -> None:
    """An answer is lost to a citation that is not of a web page, and to a call with an empty ``custom`` beside it."""
    owner: Any = library.Message
    make: Callable[..., None] = owner.__init__

    def __init__(self: Any, *args: Any, **options: Any) -> None:
        if annotations := options.get("annotations"):
            options["annotations"] = [each for each in annotations if _of(each, "type") == "url_citation"] or None
        make(self, *args, **options)

    owner.__init__ = __init__
    kinds: Any = importlib.import_module("litellm.types.utils")
    kinds.is_custom_tool_call_dict = _is_custom


def _of(thing: Any, name: str) -> Any:
    return thing.get(name) if isinstance(thing, dict) else getattr(thing, name, None)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # LiteLLM gives both


def _is_custom(call: Any) -> bool:
    return call.get("type") == "custom"


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
