"""One reply of LiteLLM on its way to becoming ours: whole or streamed, with its usage, its price and its end."""

from collections.abc import AsyncIterable, Awaitable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec

from weft.errors import ModelUnavailable
from weft.messages import Json, Usage
from weft.models import prices
from weft.models.base import Answer, Piece
from weft.models.reading import Assembly, fields_of, usage_of
from weft.models.wire import Dialect


@dataclass(frozen=True, slots=True)
class Spoken:
    """A model as LiteLLM is asked for it, and how its provider is spoken to."""

    asked: str
    provider: str
    model: str
    dialect: Dialect
    priced: bool


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

    def chunk(self, chunk: Any) -> Iterable[Piece]:
        if self.id is None:
            self.id = chunk.id
            self.model = _served(chunk) or chunk.model or self.spoken.model
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
        return (self.assembly.say(words),) if words else ()

    def whole(self, reply: Any) -> Iterable[Piece]:
        self.id, self.usage = reply.id, getattr(reply, "usage", None)
        self.model = reply.model or self.spoken.model
        self.finish = reply.choices[0].finish_reason
        self.cost = reply._hidden_params.get("response_cost")
        if (logprobs := getattr(reply.choices[0], "logprobs", None)) is not None:
            self.assembly.add_logprobs(_json(logprobs))
        message = reply.choices[0].message
        extras: Json = getattr(message, "provider_specific_fields", None) or {}
        if details := extras.get("reasoning_details"):
            self.assembly.add_details(details)
        if refusal := getattr(message, "refusal", None) or extras.get("refusal"):
            self.assembly.refuse(refusal)
        return [*self.assembly.add(message), *self.assembly.late()]

    def end(self, stream: Any) -> Answer:
        """LiteLLM says "stop" where a provider said nothing: a cut stream must not pass for an answer."""
        if stream.received_finish_reason is None and stream.intermittent_finish_reason is None:
            raise ModelUnavailable(
                f"{self.spoken.asked}: the stream ended before the answer did. Try again; if the server cannot "
                "stream, use LiteLLM(..., stream=False)."
            )
        return self.answer()

    def answer(self) -> Answer:
        usage = usage_of(self.usage, None)
        usage = msgspec.structs.replace(usage, cost=self._cost(usage))
        return self.assembly.answer(response_id=self.id, model=self.model, finish=self.finish, usage=usage)

    def tap(self, stream: Any) -> None:
        """Refusals, and OpenRouter's proofs of thought, come in chunks that LiteLLM drops: they are read before it."""
        source: Any = stream.completion_stream
        if isinstance(source, AsyncIterable):
            stream.completion_stream = _Tapped(source, self.assembly)

    def _cost(self, counted: Usage) -> float | None:
        """US dollars: what the provider says, or what the price list gives; ``None`` where there is no price."""
        said = getattr(self.usage, "cost", None)
        if isinstance(said, int | float) and (self.spoken.priced or self.spoken.provider == "openrouter"):
            return float(said)
        if not self.spoken.priced or self.usage is None:
            return None
        if self.cost is not None:
            return self.cost
        if self.spoken.provider in _PLAIN_PRICES and (price := prices.cost(*self._listed(), counted)) is not None:
            return price
        with suppress(Exception):  # the price list has gaps, and an answer must not be lost to one
            return sum(
                self.library.cost_per_token(
                    model=self.spoken.model, custom_llm_provider=self.spoken.provider, usage_object=self.usage
                )
            )
        return None

    def _listed(self) -> tuple[str, str]:
        return self.spoken.provider, self.spoken.model


_PLAIN_PRICES = frozenset({"openai", "azure", "groq", "deepseek", "mistral", "openrouter"})
"""Providers whose rules are known here: that is a hundred times as fast as to ask LiteLLM for them."""


def _of(thing: Any, name: str) -> Any:
    """Asking one of LiteLLM's objects for what it has not is slow."""
    found = thing.__dict__.get(name)
    extra = thing.__pydantic_extra__
    return found if found is not None or not extra else extra.get(name)


def _only_words(delta: Any) -> str | None:
    """The words of a delta, if there is nothing else in it, as in most."""
    told: Json = delta.__dict__
    if delta.__pydantic_extra__ or any([value is not None for name, value in told.items() if name not in _WORDS]):
        return None
    content = told.get("content")
    return content if isinstance(content, str) else ""


_WORDS = frozenset({"content", "role"})


class _Tapped:
    """A provider's stream, read by two: what LiteLLM would lose is taken down as the chunks pass."""

    def __init__(self, stream: Any, assembly: Assembly) -> None:
        self._stream = stream
        self._assembly = assembly

    def __aiter__(self) -> "_Tapped":
        self._chunks: Any = aiter(self._stream)
        return self

    async def __anext__(self) -> Any:
        chunk = await anext(self._chunks)
        for choice in getattr(chunk, "choices", None) or ():
            told: Json = fields_of(choice.delta) if choice.delta is not None else {}
            if details := told.get("reasoning_details"):
                self._assembly.add_details(details)
            if refusal := told.get("refusal"):
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
