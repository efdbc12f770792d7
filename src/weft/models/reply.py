"""One reply of LiteLLM on its way to becoming ours: whole or streamed, with its usage, its price and its end."""

from collections.abc import AsyncIterable, Awaitable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec

from weft.errors import ModelError, ModelUnavailable
from weft.messages import Json, Usage
from weft.models import prices
from weft.models.base import Answer, Piece
from weft.models.reading import Assembly, usage_of
from weft.models.wire import Dialect


@dataclass(frozen=True)
class Spoken:
    """A model as LiteLLM is asked for it, and how its provider is spoken to."""

    asked: str
    provider: str
    model: str
    dialect: Dialect
    priced: bool
    """Whether there is a price at all."""

    @cached_property
    def priced_here(self) -> bool:
        """Whether LiteLLM need not look for one."""
        return not self.priced or (self.provider in _PLAIN_PRICES and prices.is_known(self.provider, self.model))


@dataclass(slots=True)
class Reply:
    """An answer of LiteLLM on its way to becoming ours."""

    library: Any
    spoken: Spoken
    assembly: Assembly = field(default_factory=Assembly)
    id: str | None = None
    model: str = ""
    finish: str | None = None
    usage: Any = None
    cost: float | None = None
    counted: bool = False
    """The server has said what all of it took, which it does at the end."""

    def chunk(self, chunk: Any) -> Iterable[Piece]:
        if self.id is None:
            self.id, self.model = _words(chunk.id), _words(_served(chunk), chunk.model, self.spoken.model)
        if (usage := _of(chunk, "usage")) is not None:
            self.usage = usage
        if not chunk.choices:
            return ()
        choice: Any = chunk.choices[0]
        if choice.finish_reason is not None:
            self.finish = choice.finish_reason
        if (logprobs := _of(choice, "logprobs")) is not None:
            self.assembly.add_logprobs(_json(logprobs))
        if (words := _only_words(choice.delta)) is None:
            return self.assembly.add(choice.delta)
        return self.assembly.say(words) if words else ()

    def whole(self, reply: Any) -> Iterable[Piece]:
        """Raises: ModelError: there is no answer in it."""
        if not reply.choices:
            raise ModelError(f"{self.spoken.asked}: the answer has no choices: check base_url and the model's name.")
        choice: Any = reply.choices[0]
        self.id, self.model = _words(reply.id), _words(reply.model, self.spoken.model)
        self.usage = _of(reply, "usage")
        self.finish = choice.finish_reason
        self.cost = reply._hidden_params.get("response_cost")
        if (logprobs := _of(choice, "logprobs")) is not None:
            self.assembly.add_logprobs(_json(logprobs))
        message = choice.message
        extras: Json = _of(message, "provider_specific_fields") or {}
        if details := extras.get("reasoning_details"):
            self.assembly.add_details(details, told=bool(_of(message, "reasoning_content")))
        if refusal := _of(message, "refusal") or extras.get("refusal"):
            self.assembly.refuse(refusal)
        return [*self.assembly.unshown(), *self.assembly.add(message), *self.assembly.late()]

    def end(self, stream: Any) -> Answer:
        """LiteLLM says "stop" where a provider said nothing: a cut stream must not pass for an answer."""
        ended = stream.received_finish_reason or stream.intermittent_finish_reason
        if ended is None and not self.counted:
            raise ModelUnavailable(
                f"{self.spoken.asked}: the stream ended before the answer did. Try again; if the server cannot "
                "stream, use LiteLLM(..., stream=False)."
            )
        return self.answer()

    def answer(self) -> Answer:
        usage = usage_of(self.usage, None)
        usage = msgspec.structs.replace(usage, cost=self._cost(usage))
        return self.assembly.answer(response_id=self.id, model=self.model, finish=self.finish, usage=usage)

    def count(self, usage: Any) -> None:
        """What a provider says by itself, as its last word."""
        self.counted = True
        if self.usage is None:
            self.usage = usage

    @property
    def is_complete(self) -> bool:
        """Nothing more is wanted: LiteLLM would put all chunks together again, in a thread, to count and log them."""
        return self.counted and self.finish is not None and self.spoken.priced_here

    def tap(self, stream: Any) -> None:
        """Refusals, and OpenRouter's proofs of thought, come in chunks that LiteLLM drops: they are read before it."""
        stream.logging_obj._on_deferred_stream_complete = True  # whoever sets this logs, and nobody does
        source: Any = stream.completion_stream
        if isinstance(source, AsyncIterable):
            stream.completion_stream = _Tapped(source, self)

    def _cost(self, counted: Usage) -> float | None:
        """US dollars: what the provider says, or what the price list gives; ``None`` where there is no price."""
        said = None if self.usage is None else _of(self.usage, "cost")
        if isinstance(said, int | float) and (self.spoken.priced or self.spoken.provider == "openrouter"):
            return float(said)
        if not self.spoken.priced or self.usage is None:
            return None
        if others := _others(self.usage):
            return self._of_all(others)
        if self.spoken.provider in _PLAIN_PRICES and (price := prices.cost(*self._listed(), counted)) is not None:
            return price
        if self.cost is not None:
            return self.cost
        with suppress(Exception):  # the price list has gaps, and an answer must not be lost to one
            return sum(
                self.library.cost_per_token(
                    model=self.spoken.model, custom_llm_provider=self.spoken.provider, usage_object=self.usage
                )
            )
        return None

    def _of_all(self, turns: Sequence[Json]) -> float | None:
        """US dollars of turns that were not all the model's own: each by its own model's price."""
        costs = [
            prices.cost(self.spoken.provider, turn.get("model") or self.spoken.model, _usage_of(turn)) for turn in turns
        ]
        known = [cost for cost in costs if cost is not None]
        return sum(known) if len(known) == len(costs) else None

    def _listed(self) -> tuple[str, str]:
        return self.spoken.provider, self.spoken.model


_PLAIN_PRICES = frozenset({"openai", "azure", "groq", "deepseek", "mistral", "openrouter"})
"""Providers whose rules are known here: that is a hundred times as fast as to ask LiteLLM for them."""


def _words(*told: Any) -> str:
    """The first that is some: LiteLLM passes on whatever stands in a name's place."""
    return next((each for each in told if each and isinstance(each, str)), "")


def _others(usage: Any) -> Sequence[Json]:
    """The turns of an answer for which one of Anthropic's tools asked another model; none where it did not."""
    turns: Sequence[Any] = (None if usage is None else _of(usage, "iterations")) or ()
    told: list[Json] = [turn for turn in turns if isinstance(turn, dict)]
    return told if any([turn.get("model") for turn in told]) else ()


def _usage_of(turn: Json) -> Usage:
    read, written = turn.get("cache_read_input_tokens") or 0, turn.get("cache_creation_input_tokens") or 0
    return Usage(
        input_tokens=(turn.get("input_tokens") or 0) + read + written,
        output_tokens=turn.get("output_tokens") or 0,
        cached_tokens=read,
        cache_write_tokens=written,
    )


def _of(thing: Any, name: str) -> Any:
    """Asking one of LiteLLM's objects for what it has not is slow."""
    found = thing.__dict__.get(name)
    extra = thing.__pydantic_extra__
    return found if found is not None or not extra else extra.get(name)


def _only_words(delta: Any) -> str | None:
    """The words of a delta, if there is nothing else in it, as in most."""
    told: Json = delta.__dict__
    extra: Json = delta.__pydantic_extra__ or _NOTHING
    for fields in (told, extra):
        for name, value in fields.items():
            if value is not None and name not in _WORDS:
                return None
    content = extra["content"] if "content" in extra else told.get("content")
    return content if isinstance(content, str) else ""


_NOTHING: Json = {}
_WORDS = frozenset({"content", "role"})


class _Tapped:
    """A provider's stream, read by two: what LiteLLM would lose is taken down as the chunks pass."""

    def __init__(self, stream: Any, reply: Reply) -> None:
        self._stream = stream
        self._reply = reply
        self._assembly = reply.assembly

    def __aiter__(self) -> "_Tapped":
        self._chunks: Any = aiter(self._stream)
        return self

    async def __anext__(self) -> Any:
        chunk = await anext(self._chunks)
        choices: Any = getattr(chunk, "choices", None)
        if choices == [] and (usage := getattr(chunk, "usage", None)) is not None:
            self._reply.count(usage)
        for choice in choices or ():
            delta = choice.delta
            if delta is None:
                continue
            if details := _of(delta, "reasoning_details"):
                told = bool(_of(delta, "reasoning") or _of(delta, "reasoning_content"))
                self._assembly.add_details(details, told=told)
            if refusal := _of(delta, "refusal"):
                self._assembly.refuse(refusal)
        return chunk

    async def aclose(self) -> None:
        ending = getattr(self._stream, "aclose", None) or getattr(self._stream, "close", None)
        if ending is not None and isinstance(ended := ending(), Awaitable):
            await ended


def _json(thing: Any) -> Any:
    return thing if isinstance(thing, dict) else thing.model_dump()  # pyright: ignore[reportUnknownVariableType]  # LiteLLM gives both


def _served(chunk: Any) -> str | None:
    """The model's full name, where the provider says one: chunks repeat what was asked for."""
    hidden: Json = getattr(chunk, "_hidden_params", None) or {}
    return hidden.get("provider_response_model")
