"""LiteLLM's Router, set up from a router of ours: it decides where a call goes, and our doors make the call.

Picking, strategies, retries, fallbacks, cooldown and checks are LiteLLM's (1.106). It is told how each call went by
the callbacks that it has for this; none of them is registered with LiteLLM as a whole, where each router of a process
would hear of the calls of all others. Its budget limiter, which is one for the process too, is never on.
"""

import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from weft.errors import ModelError, RateLimited, UsageError, WeftError
from weft.messages import Json
from weft.models.base import Answer, Attempt, Piece, Request, Stream, close
from weft.models.litellm import loaded
from weft.models.litellm_router import add_usage, let_rest, litellm_router, rehearsed, theirs
from weft.models.places import Health, Place, Seen, averaged, door_to, health_of
from weft.models.reports import Told, minute_now, used
from weft.models.routing import Routing
from weft.models.wire import wire


class Switch:
    """One version of a router at work. Calls that have begun stay with it when another takes its place."""

    def __init__(self, router: Routing, version: int, library: Any, before: "Switch | None" = None) -> None:
        self.router = router
        self.version = version
        self._library = library
        known: dict[str, Place] = {} if before is None else before.places
        self.places = {
            id: Place(id, group, each, door_to(each), known[id].seen if id in known else Seen())
            for id, group, each in router.deployments()
        }
        self._routing = litellm_router(router, self.places, library)
        self._selectors = [
            each
            for each in (
                self._routing.leastbusy_logger,
                self._routing.lowesttpm_logger_v2,
                self._routing.lowestlatency_logger,
                self._routing.lowestcost_logger,
            )
            if each is not None
        ]
        if before is not None:
            self._go_on_from(before._routing)
        self.touched: Callable[[], None] = _nobody
        """Called whenever a call begins or ends."""
        self._counts_prompt = router.pre_call_checks or router.strategy == "usage-based"

    @classmethod
    async def open(cls, router: Routing, version: int = 0, before: "Switch | None" = None) -> "Switch":
        """Raises: UsageError: LiteLLM does not take the router."""
        library = await loaded()
        await rehearsed(library)
        try:
            return cls(router, version, library, before)
        except WeftError:
            raise
        except Exception as error:
            raise UsageError(f"router {router.name!r} cannot be set up: {error}") from error

    def _go_on_from(self, before: Any) -> None:
        """Who rests goes on resting, and what was used up this minute, or is being asked now, still counts."""
        mine, kept = self._routing, before.cache.in_memory_cache
        mine.cache.in_memory_cache = kept
        before.cooldown_cache.default_cooldown_time = mine.cooldown_cache.default_cooldown_time
        mine.cooldown_cache = before.cooldown_cache
        for id, place in self.places.items():
            slots = kept.get_cache(key=f"{id}_max_parallel_requests_client")
            if slots is not None and place.deployment.max_parallel is not None:
                slots.max_parallel_requests = place.deployment.max_parallel

    async def answer(self, group: str, request: Request, tags: Sequence[str] = ()) -> AsyncGenerator[Piece | Answer]:
        """An answer of the group that has begun: what fails from here on is the caller's to ask for again.

        Raises:
            UsageError: there is no such group.
            ModelError: all tries failed; ``attempts`` has them.
        """
        if group not in self.router.groups:
            raise UsageError(
                f"router {self.router.name!r} has no group {group!r}; it has: {', '.join(self.router.groups) or 'none'}"
            )
        call = _Call(self, group, request)
        metadata: Json = {"model_group": group, **({"tags": list(tags)} if tags else {})}
        messages: Any = wire(request, "none")["messages"] if self._counts_prompt else [{"role": "user", "content": ""}]
        try:
            given: dict[str, _Opened] = await self._routing.async_function_with_fallbacks(
                model=group, messages=messages, original_function=call.attempt, metadata=metadata
            )
        except WeftError:
            raise
        except Exception as error:
            raise call.ours(error) from error
        return given["opened"].rest()

    async def health(self) -> list[Health]:
        """Every deployment, in the order of the router."""
        resting = await self._resting()
        return [health_of(place, resting.get(place.id)) for place in self.places.values()]

    async def _resting(self) -> dict[str, float]:
        """Who rests, and until when."""
        cooling = await self._routing.cooldown_cache.async_get_active_cooldowns(list(self.places), None)
        return {id: value["timestamp"] + value["cooldown_time"] for id, value in cooling}

    # What processes tell one another

    async def told(self) -> dict[str, Told]:
        """What other processes may want to know of the deployments that were used here."""
        resting = await self._resting()
        seen = {id: place.seen for id, place in self.places.items()}
        return {
            id: one.told(resting.get(id)) for id, one in seen.items() if one.calls or one.in_flight or id in resting
        }

    async def hear(self, others: Mapping[str, Sequence[Told]]) -> None:
        """What other processes say: what they used counts, and who rests there rests here."""
        resting, minute = await self._resting(), minute_now()
        for id, place in self.places.items():
            seen = place.seen
            seen.others = others.get(id, ())
            now = used(seen.others, minute)
            add_usage(self._routing, place, now.since(seen.added))
            seen.added = now
            until = max([each.rests_until or 0.0 for each in seen.others], default=0.0)
            if until > max(resting.get(id, 0.0), time.time()) + 0.1:
                let_rest(self._routing, id, until)

    # What a call needs

    async def pick(self, group: str, messages: Any, told: Json) -> tuple[Place, Json]:
        """LiteLLM's choice, as ours and as its own."""
        picked: Json = await self._routing.async_get_available_deployment(
            model=group, messages=messages, request_kwargs=told
        )
        return self.places[picked["model_info"]["id"]], picked

    async def admit(self, place: Place, picked: Json, told: Json) -> Any:
        """Raises LiteLLM's error where the deployment has too much to do; gives what is to be released at the end."""
        slot: Any = None
        if place.deployment.max_parallel is not None:
            slot = self._routing._get_client(deployment=picked, kwargs=told, client_type="max_parallel_requests")
            slot.acquire()
        try:
            for selector in self._selectors:
                await selector.async_pre_call_check(picked, None)
        except BaseException:
            if slot is not None:
                slot.release()
            raise
        return slot

    def began(self, told: Json, picked: Json) -> None:
        self._routing._track_deployment_metrics(deployment=picked, parent_otel_span=None)  # rpm of pre_call_checks
        for selector in self._selectors:
            selector.log_pre_api_call("", (), told)

    async def succeeded(self, told: Json, answer: Answer, began: datetime, first: datetime) -> None:
        usage, metadata = answer.usage, told["litellm_params"]["metadata"]
        library = self._library
        counted = library.Usage(
            prompt_tokens=usage.input_tokens, completion_tokens=usage.output_tokens, total_tokens=usage.total_tokens
        )
        told = {
            **told,
            "completion_start_time": first,
            "standard_logging_object": {
                "total_tokens": usage.total_tokens,
                "model_group": metadata["model_group"],
                "model_id": told["litellm_params"]["model_info"]["id"],
                "hidden_params": {"litellm_model_name": metadata["deployment"]},
            },
        }
        response, ended = library.ModelResponse(usage=counted), datetime.now()
        await self._routing.deployment_callback_on_success(told, response, began, ended)
        for selector in self._selectors:
            await selector.async_log_success_event(told, response, began, ended)

    async def failed(self, told: Json, error: Exception | None, began: datetime) -> None:
        """``None`` where the caller went away: nobody's fault."""
        ended = datetime.now()
        told = {**told, "exception": error}
        if error is not None:
            self._routing.deployment_callback_on_failure(told, None, began, ended)
            await self._routing.async_deployment_callback_on_failure(told, None, began, ended)
        for selector in self._selectors:
            await selector.async_log_failure_event(told, None, began, ended)

    def in_its_words(self, error: ModelError) -> Exception:
        return theirs(self._library, error)


def _nobody() -> None:
    """Where no other process is told."""


class _Call:
    """One call to a group: what was tried for it."""

    def __init__(self, switch: Switch, group: str, request: Request) -> None:
        self._switch = switch
        self._group = group
        self._request = request
        self._tried: set[str] = set()
        self.attempts: list[Attempt] = []

    async def attempt(self, model: str, messages: Any, **told: Any) -> Json:
        """One try, until the answer begins. LiteLLM calls it for each retry and fallback; ``model`` is a group."""
        switch = self._switch
        told["stream"] = True
        if self._tried:  # a retry goes to another deployment, as long as there is one
            told["_retry_skipped_deployment_ids"] = tuple(sorted(self._tried))
        place, picked = await switch.pick(model, messages, told)
        try:
            slot = await switch.admit(place, picked, told)
        except Exception:
            self._tried.add(place.id)
            raise
        opened = _Opened(switch, place, picked, model, slot, self)
        await opened.begin(self._request)
        return {"opened": opened}

    def lost(self, place: Place, error: ModelError, began: float) -> None:
        self._tried.add(place.id)
        self.attempts.append(Attempt(place.deployment.model, error.code, str(error), began, place.id, time.time()))

    def ours(self, error: Exception) -> WeftError:
        """The error at the end of all tries."""
        name = f"router:{self._group}"
        found: Any = getattr(error, "weft", None)
        if isinstance(found, ModelError):
            ours = type(found)(f"{name}: {found}")
            ours.retry_after = found.retry_after
        elif isinstance(wait := getattr(error, "cooldown_time", None), int | float):
            ours = RateLimited(f"{name}: all deployments are resting or full; try again in {wait:g} s")
            ours.retry_after = float(wait)
        elif getattr(error, "status_code", None) == 429:
            ours = RateLimited(f"{name}: all deployments have as much to do as they may; try again later")
        else:
            ours = ModelError(f"{name}: no deployment fits the call: {error}")
        ours.attempts = tuple(self.attempts)
        return ours


@dataclass(slots=True)
class _Opened:
    """An answer of one deployment. However it ends, LiteLLM and health hear of it, and its slot is free again."""

    switch: Switch
    place: Place
    picked: Json
    group: str
    slot: Any
    call: _Call
    began: datetime = field(default_factory=datetime.now)
    first_at: datetime | None = None
    first: Piece | Answer | None = None
    stream: Stream | None = None
    ended: bool = False

    async def begin(self, request: Request) -> None:
        place = self.place
        place.seen.in_flight += 1
        place.seen.used(requests=1)
        self.switch.touched()
        self.switch.began(self._told(), self.picked)
        if place.deployment.settings:
            request = replace(request, settings={**place.deployment.settings, **request.settings})
        self.stream = place.door.answer(request)
        self.first = await self._next()
        self.first_at = datetime.now()

    async def rest(self) -> AsyncGenerator[Piece | Answer]:
        """The pieces, then the answer, which says who gave it and what was tried before."""
        try:
            item = self.first
            while not isinstance(item, Answer):
                assert item is not None
                yield item
                item = await self._next()
            await self._good(item)
            yield replace(
                item, model=self.place.deployment.model, deployment=self.place.id, attempts=tuple(self.call.attempts)
            )
        finally:
            await self._gone()

    async def _next(self) -> Piece | Answer:
        """The next item; an error is told to LiteLLM, and raised as one of its own while it can still try again."""
        assert self.stream is not None
        try:
            item = await anext(self.stream, None)
            if item is None:
                raise ModelError(f"{self.place.deployment.model}: the stream ended without an answer")
            return item
        except ModelError as error:
            told = await self._bad(error)
            if self.first is not None:
                error.attempts = tuple(self.call.attempts)
                raise
            raise told from error
        except BaseException:
            await self._gone()
            raise

    async def _bad(self, error: ModelError) -> Exception:
        seen, now = self.place.seen, time.time()
        self._end()
        seen.failed += 1
        seen.failing, seen.last_error, seen.last_error_at = True, f"{error.code}: {error}"[:500], now
        self.call.lost(self.place, error, self.began.timestamp())
        theirs = self.switch.in_its_words(error)
        await self.switch.failed(self._told(), theirs, self.began)
        return theirs

    async def _good(self, answer: Answer) -> None:
        seen, first = self.place.seen, self.first_at or self.began
        self._end()
        seen.failing = False
        seen.first_piece = averaged(seen.first_piece, (first - self.began).total_seconds())
        seen.used(tokens=answer.usage.total_tokens)
        seen.duration = averaged(seen.duration, (datetime.now() - self.began).total_seconds())
        await self.switch.succeeded(self._told(), answer, self.began, first)

    async def _gone(self) -> None:
        """The caller has left, or all is said."""
        if not self.ended:
            self._end(counts=False)
            await self.switch.failed(self._told(), None, self.began)
        if self.stream is not None:
            await close(self.stream)

    def _end(self, *, counts: bool = True) -> None:
        self.ended = True
        seen = self.place.seen
        seen.in_flight -= 1
        seen.calls += counts
        seen.last_call = time.time()
        if self.slot is not None:
            self.slot.release()
        self.switch.touched()

    def _told(self) -> Json:
        """What LiteLLM's callbacks want to know of a call."""
        metadata = {"model_group": self.group, "deployment": self.picked["litellm_params"]["model"]}
        return {"litellm_params": {"metadata": metadata, "model_info": self.picked["model_info"]}, "stream": True}
