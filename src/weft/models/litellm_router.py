"""A LiteLLM Router made of a router of ours, and our errors in the words by which it decides."""

import asyncio
import math
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from weft.errors import (
    AuthenticationFailed,
    ContentFiltered,
    ContextWindowExceeded,
    ModelError,
    ModelUnavailable,
    RateLimited,
)
from weft.messages import Json
from weft.models.litellm import spoken
from weft.models.places import Place, Seen, door_to
from weft.models.reports import Used
from weft.models.routing import Deployment, Routing, Strategy

_STRATEGIES = {
    "simple-shuffle": "simple-shuffle",
    "least-busy": "least-busy",
    "usage-based": "usage-based-routing-v2",
    "latency-based": "latency-based-routing",
    "cost-based": "cost-based-routing",
}
_CALLBACKS = (
    "callbacks",
    "input_callback",
    "success_callback",
    "failure_callback",
    "service_callback",
    "_async_success_callback",
    "_async_failure_callback",
)
_CLASSES: tuple[tuple[type[ModelError], str], ...] = (
    (RateLimited, "RateLimitError"),
    (AuthenticationFailed, "AuthenticationError"),
    (ContextWindowExceeded, "ContextWindowExceededError"),
    (ContentFiltered, "ContentPolicyViolationError"),
    (ModelUnavailable, "ServiceUnavailableError"),
)
_REFUSED = {400: "BadRequestError", 413: "BadRequestError", 422: "BadRequestError", 404: "NotFoundError"}
_making = threading.Lock()
_rehearsals: list[bool] = []


def litellm_router(router: Routing, places: Mapping[str, Place], library: Any) -> Any:
    """A LiteLLM Router that nobody in LiteLLM knows of."""
    with _making:
        kept = {name: list(getattr(library, name)) for name in _CALLBACKS}
        try:
            made: Any = library.Router(
                model_list=[_listed(place, library) for place in places.values()],
                routing_strategy=_STRATEGIES[router.strategy],
                num_retries=router.retries,
                fallbacks=_rules(router.fallbacks) or [],
                context_window_fallbacks=_rules(router.context_window_fallbacks),
                content_policy_fallbacks=_rules(router.content_policy_fallbacks),
                default_fallbacks=list(router.default_fallbacks) or None,
                cooldown_time=router.cooldown,
                disable_cooldowns=router.cooldown == 0,
                allowed_fails=router.allowed_fails,
                enable_pre_call_checks=router.pre_call_checks,
                enable_tag_filtering=any([place.deployment.tags for place in places.values()]),
            )
        finally:
            for name, callbacks in kept.items():
                setattr(library, name, callbacks)
    if made.lowesttpm_logger_v2 is not None:
        made.lowesttpm_logger_v2.cancel_sync_task()  # it brings Redis up to date, and here is none
    made.service_logger_obj = _Silent()
    return made


def _rules(fallbacks: dict[str, tuple[str, ...]]) -> list[dict[str, list[str]]] | None:
    return [{group: list(others)} for group, others in fallbacks.items()] or None


def _listed(place: Place, library: Any) -> Json:
    """The deployment in LiteLLM's words, without its key: LiteLLM's Router never makes the call."""
    one = place.deployment
    known = one.via == "litellm" or one.base_url is not None or one.model.partition("/")[0] in library.provider_list
    at = spoken(one.model if known else f"openai/{one.model}", one.base_url)
    limits: Json = {
        "weight": one.weight,
        "rpm": one.rpm,
        "tpm": one.tpm,
        "order": one.order,
        "max_parallel_requests": one.max_parallel,
        "tags": list(one.tags) or None,
    }
    names = (f"{at.provider}/{at.model}", at.model)  # prices are on the list by one or the other
    priced = next((each for each in names if "input_cost_per_token" in library.model_cost.get(each, ())), None)
    return {
        "model_name": place.group,
        "litellm_params": {
            "model": at.asked,
            "custom_llm_provider": at.provider,
            "api_base": one.base_url,
            **{name: value for name, value in limits.items() if value is not None},
        },
        "model_info": {
            "id": place.id,
            **({"base_model": priced} if priced is not None else {}),
            **({"max_input_tokens": one.context_tokens} if one.context_tokens is not None else {}),
        },
    }


class _Silent:
    """LiteLLM times its own decisions in a task for each; nobody reads them here."""

    async def async_service_success_hook(self, **_: Any) -> None: ...

    async def async_service_failure_hook(self, **_: Any) -> None: ...


def theirs(library: Any, error: ModelError) -> Exception:
    """Our error as LiteLLM's, by which its Router decides what to do next."""
    name = next((name for kind, name in _CLASSES if isinstance(error, kind)), None)
    if name is None:
        status: Any = getattr(error.__cause__, "status_code", None)
        name = _REFUSED.get(status, "InternalServerError")
    made: Any = getattr(library, name)(message=str(error), model="", llm_provider="")
    made.weft = error
    if error.retry_after is not None:
        made.litellm_response_headers = {"retry-after": str(math.ceil(error.retry_after))}
    return made


def add_usage(made: Any, place: Place, more: Used) -> None:
    """Calls that others made count as if they were made here: for limits a minute, and for who has least to do."""
    kept, model = made.cache.in_memory_cache, _model_of(made, place.id)
    if more.in_flight:
        kept.increment_cache(f"{place.group}_request_count:{place.id}", more.in_flight, ttl=_HOUR)
    if not more.requests and not more.tokens:
        return
    stamp = datetime.now(UTC).strftime("%H-%M")
    for kind, count in (("rpm", more.requests), ("tpm", more.tokens)):
        if made.lowesttpm_logger_v2 is not None and count:
            kept.increment_cache(f"{place.id}:{model}:{kind}:{stamp}", count, ttl=60)
    if made.lowestcost_logger is not None:
        minutes: Json = kept.get_cache(f"cost_map:{place.group}") or {}
        this = minutes.setdefault(place.id, {}).setdefault(datetime.now().strftime("%Y-%m-%d-%H-%M"), {})
        this["rpm"] = this.get("rpm", 0) + more.requests
        this["tpm"] = this.get("tpm", 0) + more.tokens
        kept.set_cache(f"cost_map:{place.group}", minutes)
    if more.requests:
        kept.increment_cache(place.id, more.requests, ttl=60)  # of pre_call_checks


_HOUR = 3_600.0


def _model_of(made: Any, id: str) -> str:
    return next(str(each["litellm_params"]["model"]) for each in made.model_list if each["model_info"]["id"] == id)


def let_rest(made: Any, id: str, until: float) -> None:
    """The deployment is left out until then, as if it had failed here."""
    now = time.time()
    value: Json = {"exception_received": "", "status_code": "429", "timestamp": now, "cooldown_time": until - now}
    made.cooldown_cache.cooldown_store.set_cache(
        key=made.cooldown_cache.get_cooldown_cache_key(id), value=value, ttl=until - now
    )


async def rehearsed(library: Any) -> None:
    """The first router and its first pick import much and take long: done once, in a thread with a loop of its own."""
    if not _rehearsals:
        await asyncio.to_thread(_rehearse, library)


def _rehearse(library: Any) -> None:
    with _making:
        if _rehearsals:
            return
        _rehearsals.append(True)
    told = Deployment("openai/gpt-5-mini", base_url="http://127.0.0.1:9/v1")
    place = Place("rehearsal", "rehearsal", told, door_to(told), Seen())
    strategies: tuple[Strategy, ...] = ("usage-based", "cost-based")
    for strategy in strategies:
        asyncio.run(_picked(Routing(strategy=strategy, pre_call_checks=True), {place.id: place}, library))


async def _picked(told: Routing, places: Mapping[str, Place], library: Any) -> None:
    made = litellm_router(told, places, library)  # here, as it begins a task
    messages = [{"role": "user", "content": "Hi"}]

    async def pick(model: str, **told: Any) -> Json:
        await made.async_get_available_deployment(model=model, messages=messages, request_kwargs=told)
        return {}

    await made.async_function_with_fallbacks(model="rehearsal", original_function=pick, metadata={})
