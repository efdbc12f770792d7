"""The one door to LiteLLM, and through it to every provider that it knows.

LiteLLM takes seconds and much memory to import, so it is imported on the first call, in a thread, and never
asked to fetch anything by itself. Nothing of it passes this door: messages, answers and errors are ours.
"""

import asyncio
import importlib
import importlib.metadata
import logging
import os
import threading
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol, runtime_checkable

from weft.errors import AuthenticationFailed, ModelError, ModelUnavailable, UsageError
from weft.messages import Json
from weft.models.base import Answer, Piece, Request, close
from weft.models.capabilities import capabilities, is_priced
from weft.models.failures import translated
from weft.models.mends import mend
from weft.models.reading import Assembly, usage_of
from weft.models.wire import Dialect, dialect, wire

MALICIOUS = frozenset({"1.82.7", "1.82.8"})
"""Releases of March 2026 that steal credentials when Python starts."""
_ENVIRONMENT = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
    "LITELLM_MODE": "PRODUCTION",
}
"""Prices and headers from the package, not from the network; ``.env`` is not read behind the caller's back."""
_REFERENCE = "os.environ/"
_NO_KEY = "none"
"""What a server with its own address gets where no key is named: never one that was meant for another."""
_NOT_STREAMED = frozenset({"cohere", "cohere_chat"})
"""LiteLLM loses the calls, the end and the usage of these providers' streams: they are asked for whole answers."""
_lock = threading.Lock()
_library: list[Any] = []


@runtime_checkable
class Secret(Protocol):
    """A key that does not show itself, such as pydantic's ``SecretStr``."""

    def get_secret_value(self) -> str: ...


@dataclass(frozen=True, slots=True)
class LiteLLM:
    """A model by LiteLLM's name for it: ``openai/gpt-5-mini``, ``anthropic/claude-sonnet-4-5``, ``ollama_chat/qwen3``.

    With ``base_url`` it is asked for at that address. A name without a provider is then spoken to in OpenAI's
    format, as vLLM, LM Studio, llama.cpp and most others understand it. No key from the environment is sent to
    such an address unless ``api_key`` names it.

    >>> LiteLLM("llama3.2", base_url="http://127.0.0.1:11434/v1")
    LiteLLM(name='llama3.2', base_url='http://127.0.0.1:11434/v1')
    """

    name: str
    base_url: str | None = None
    api_key: str | Secret | None = field(default=None, repr=False, kw_only=True)
    """``"os.environ/NAME"``, or an object that hides the key. A key itself is refused."""
    stream: bool = field(default=True, repr=False, kw_only=True)
    """False for a server that cannot stream: the answer then comes in one piece."""
    timeout: float = field(default=600.0, repr=False, kw_only=True)
    """Seconds for a whole answer."""
    idle_timeout: float = field(default=300.0, repr=False, kw_only=True)
    """Seconds of silence, before or between the chunks of a stream, after which the provider counts as gone."""

    def __post_init__(self) -> None:
        if isinstance(self.api_key, str) and not self.api_key.startswith(_REFERENCE):
            raise UsageError("api_key takes 'os.environ/NAME' or a SecretStr, so that no key shows up in code or logs")

    async def answer(self, request: Request) -> AsyncIterator[Piece | Answer]:
        """See ``Model.answer``. Nothing is tried twice here: ``ModelError.retryable`` tells a caller what may help."""
        library = await loaded()
        key = self._key()
        deadline = asyncio.get_running_loop().time() + self.timeout
        reply: Any = None
        streaming = self.stream
        try:
            spoken = _spoken(self.name, self.base_url)
            streaming = self.stream and spoken.provider not in _NOT_STREAMED
            async with asyncio.timeout(min(self.timeout, self.idle_timeout) if streaming else self.timeout):
                reply = await library.acompletion(**self._asked(request, spoken, key, streaming))
            reading = _Reading(library, spoken)
            if streaming:
                reading.tap(reply)
                while (chunk := await self._next(reply, deadline)) is not None:
                    for piece in reading.chunk(chunk):
                        yield piece
                for piece in reading.assembly.late():
                    yield piece
                yield reading.end(reply)
            else:
                for piece in reading.whole(reply):
                    yield piece
                yield reading.answer()
        except ModelError:
            raise
        except TimeoutError as error:
            raise self._silent() from error
        except Exception as error:
            raise translated(error, self.name, secret=key) from error
        finally:
            if streaming and reply is not None:
                await close(reply)

    def _asked(self, request: Request, spoken: "_Spoken", key: str | None, streaming: bool) -> Json:
        asked = {
            "timeout": self.timeout,
            "max_retries": 0,
            "_skip_mcp_handler": True,  # it would import LiteLLM's proxy, and all that a proxy needs
            **wire(request, spoken.dialect, capabilities(self.name).output),
            "model": spoken.asked,
            "stream": streaming,
        }
        if streaming:
            asked.setdefault("stream_options", {"include_usage": True})
            asked["stream_timeout"] = self.timeout
        if self.base_url is not None:
            asked["api_base"] = self.base_url
        if key is not None:
            asked["api_key"] = key
        return asked

    def _key(self) -> str | None:
        if isinstance(self.api_key, Secret):
            return self.api_key.get_secret_value()
        if self.api_key is not None:
            variable = self.api_key.removeprefix(_REFERENCE)
            if not (key := os.environ.get(variable)):
                raise AuthenticationFailed(f"{self.name}: {variable} is not set in the environment")
            return key
        return None if self.base_url is None else _NO_KEY

    async def _next(self, stream: Any, deadline: float) -> Any:
        """The next chunk, or ``None`` at the end."""
        left = deadline - asyncio.get_running_loop().time()
        async with asyncio.timeout(min(self.idle_timeout, left)):
            return await anext(stream, None)

    def _silent(self) -> ModelUnavailable:
        return ModelUnavailable(
            f"{self.name}: no word for {self.idle_timeout:g} s, or no end after {self.timeout:g} s. "
            "Try again, use another model, or allow more time (idle_timeout, timeout)."
        )


@dataclass(frozen=True, slots=True)
class _Spoken:
    """A model as LiteLLM is asked for it, and how its provider is spoken to."""

    asked: str
    provider: str
    model: str
    dialect: Dialect
    priced: bool


@lru_cache(maxsize=1024)
def _spoken(name: str, base_url: str | None) -> _Spoken:
    library = load()
    prefix, slash, rest = name.partition("/")
    if base_url is not None and not (slash and rest and prefix in _providers()):
        name = f"openai/{name}"
    model, provider, _, _ = library.get_llm_provider(model=name, api_base=base_url)
    return _Spoken(name, provider, model, dialect(provider, model), is_priced(provider, model))


@lru_cache(maxsize=1)
def _providers() -> frozenset[str]:
    return frozenset([str(getattr(each, "value", each)) for each in load().provider_list])


@dataclass(slots=True)
class _Reading:
    """An answer of LiteLLM on its way to becoming ours."""

    library: Any
    spoken: _Spoken
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
        if (usage := getattr(chunk, "usage", None)) is not None:
            self.usage = usage
        if not chunk.choices:
            return ()
        choice = chunk.choices[0]
        if choice.finish_reason is not None:
            self.finish = choice.finish_reason
        return self.assembly.add(choice.delta)

    def whole(self, reply: Any) -> Iterable[Piece]:
        self.id, self.usage = reply.id, getattr(reply, "usage", None)
        self.model = reply.model or self.spoken.model
        self.finish = reply.choices[0].finish_reason
        self.cost = reply._hidden_params.get("response_cost")
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
        usage = usage_of(self.usage, self._cost())
        return self.assembly.answer(response_id=self.id, model=self.model, finish=self.finish, usage=usage)

    def tap(self, stream: Any) -> None:
        """Refusals, and OpenRouter's proofs of thought, come in chunks that LiteLLM drops: they are read before it."""
        source: Any = stream.completion_stream
        if isinstance(source, AsyncIterable):
            stream.completion_stream = _Tapped(source, self.assembly)

    def _cost(self) -> float | None:
        """US dollars: what the provider says, or what the price list gives; ``None`` where there is no price."""
        said = getattr(self.usage, "cost", None)
        if isinstance(said, int | float) and (self.spoken.priced or self.spoken.provider == "openrouter"):
            return float(said)
        if not self.spoken.priced or self.usage is None:
            return None
        if self.cost is not None:
            return self.cost
        with suppress(Exception):  # the price list has gaps, and an answer must not be lost to one
            return sum(
                self.library.cost_per_token(
                    model=self.spoken.model, custom_llm_provider=self.spoken.provider, usage_object=self.usage
                )
            )
        return None


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
            if details := getattr(choice.delta, "reasoning_details", None):
                self._assembly.add_details(details)
            if refusal := getattr(choice.delta, "refusal", None):
                self._assembly.refuse(refusal)
        return chunk

    async def aclose(self) -> None:
        ending = getattr(self._stream, "aclose", None) or getattr(self._stream, "close", None)
        if ending is not None and isinstance(ended := ending(), Awaitable):
            await ended


def _served(chunk: Any) -> str | None:
    """The model's full name, where the provider says one: chunks repeat what was asked for."""
    hidden: Json = getattr(chunk, "_hidden_params", None) or {}
    return hidden.get("provider_response_model")


async def loaded() -> Any:
    """LiteLLM; the first time it is imported in a thread, so that the loop goes on."""
    return _library[0] if _library else await asyncio.to_thread(load)


def load() -> Any:
    """LiteLLM, imported now if it was not yet. Takes seconds; no network.

    Raises:
        UsageError: the installed release is a malicious one.
    """
    with _lock:
        if not _library:
            refuse(importlib.metadata.version("litellm"))
            capabilities("")  # the price list, read here and not in somebody's loop
            _library.append(_imported())
    return _library[0]


def refuse(version: str) -> None:
    """
    >>> refuse("1.82.7")
    Traceback (most recent call last):
    weft.errors.UsageError: litellm 1.82.7 steals credentials: remove it, change your keys, and install 1.100 or later
    """
    if version in MALICIOUS:
        raise UsageError(
            f"litellm {version} steals credentials: remove it, change your keys, and install 1.100 or later"
        )


def _imported() -> Any:
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    library: Any = importlib.import_module("litellm")
    library.suppress_debug_info = True
    library.set_verbose = False
    library.telemetry = False
    library.drop_params = False
    library.disable_aiohttp_transport = False
    library.disable_hf_tokenizer_download = True
    for callbacks in ("callbacks", "input_callback", "success_callback", "failure_callback", "service_callback"):
        setattr(library, callbacks, [])
    for logger in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
        logging.getLogger(logger).setLevel(logging.CRITICAL)
    mend(library)
    with ThreadPoolExecutor(1) as aside:  # a loop of its own, wherever this is called from
        aside.submit(asyncio.run, _rehearsed(library)).result()
    return library


async def _rehearsed(library: Any) -> None:
    """The first call imports hundreds of modules more: better now than in somebody's loop."""
    importlib.import_module("openai.resources.chat.completions")
    told: Json = {"model": "openai/gpt-5-mini", "messages": [{"role": "user", "content": "Hi"}], "mock_response": "Hi"}
    async for _ in await library.acompletion(**told, stream=True, _skip_mcp_handler=True):
        pass


async def close_connections() -> None:
    """Closes the connections that LiteLLM keeps open for the next call; for the end of a program."""
    if _library:
        await _library[0].close_litellm_async_clients()
