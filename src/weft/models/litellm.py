"""The one door to LiteLLM, and through it to every provider that it knows.

LiteLLM takes seconds and much memory to import, so it is imported on the first call, in a thread, and never
asked to fetch anything by itself. Nothing of it passes this door: messages, answers and errors are ours.
"""

import asyncio
import gc
import importlib
import importlib.metadata
import logging
import os
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from msgspec.structs import replace

from weft.errors import ModelUnavailable, UsageError, WeftError
from weft.messages import Json
from weft.models.base import Answer, Piece, Request, Stream, close
from weft.models.capabilities import Capabilities, OutputLevel, capabilities, is_priced, learn, refused_level, seen
from weft.models.failures import translated
from weft.models.keys import Secret, check, key_of, with_keys
from weft.models.learning import from_answer, from_error
from weft.models.marking import marked
from weft.models.mends import mend, priced_here
from weft.models.patience import Patience
from weft.models.reading import Assembly, sound_of
from weft.models.reply import Reply, Spoken
from weft.models.sessions import at_end_of_loop
from weft.models.shape import unwrapped, with_tool
from weft.models.tape import taped
from weft.models.wire import dialect, wire, with_words

MALICIOUS = frozenset({"1.82.7", "1.82.8"})
"""Releases of March 2026 that steal credentials when Python starts."""
_ENVIRONMENT = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
    "LITELLM_MODE": "PRODUCTION",
}
"""Prices and headers from the package, not from the network; ``.env`` is not read behind the caller's back."""
NO_KEY = "none"
"""What a server with its own address gets where no key is named: never one that was meant for another."""
_NOT_STREAMED = frozenset({"cohere", "cohere_chat"})
"""LiteLLM loses the calls, the end and the usage of these providers' streams: they are asked for whole answers."""
_lock = threading.Lock()
_library: list[Any] = []


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
        check(self.api_key)

    @property
    def capabilities(self) -> Capabilities:
        return seen(self.name, self.base_url)

    def answer(self, request: Request) -> Stream:
        """See ``Model.answer``; from a cassette where one is inserted (``tape``)."""
        return taped(self.name, self._answer, request)

    async def _answer(self, request: Request) -> AsyncIterator[Piece | Answer]:
        """Nothing is tried twice here, but for a schema in a lower form where one is refused:
        ``ModelError.retryable`` tells a caller what may help."""
        library = await loaded()
        await at_end_of_loop(close_connections)
        key = self._key()
        request = with_keys(request, self.name)
        reply: Any = None
        patience = Patience(total=self.timeout, idle=self.idle_timeout if self.stream else self.timeout)
        streaming = self.stream
        try:
            at = spoken(self.name, self.base_url)
            streaming = self.stream and at.provider not in _NOT_STREAMED
            reply = await patience.wait(self._reply(library, request, at, key, streaming))
            said = Reply(library, at, Assembly(sound=sound_of(request.settings)))
            if streaming:
                said.tap(reply)
                while not said.is_complete and (chunk := await patience.wait(anext(reply, None))) is not None:
                    for piece in said.chunk(chunk):
                        yield piece
                for piece in said.assembly.late():
                    yield piece
                answer = said.end(reply)
            else:
                for piece in said.whole(reply):
                    yield piece
                answer = said.answer()
            from_answer(self.name, self.base_url, request, answer)
            yield unwrapped(answer, request)
        except WeftError:
            raise
        except TimeoutError as error:
            raise self._silent() from error
        except Exception as error:
            ours = translated(error, self.name, secret=key)
            from_error(self.name, self.base_url, request, ours)
            raise ours from error
        finally:
            patience.end()
            if streaming and reply is not None:
                await close(reply)

    async def _reply(self, library: Any, request: Request, at: Spoken, key: str | None, streaming: bool) -> Any:
        """LiteLLM's reply; a schema in a form that the provider refuses is sent in a lower one, from then on."""
        level = self.capabilities.output
        asked = self._asked(request, at, key, streaming, level)
        while True:
            here = priced_here.set(at.priced_here)
            try:
                return await library.acompletion(**asked)
            except Exception as error:
                known = replace(self.capabilities, output=level)
                lower = refused_level(str(error), known) if request.output is not None else None
                if lower is None or getattr(error, "status_code", 0) not in (400, 404, 422):
                    raise
                learn(self.name, self.base_url, output=lower)
                level = lower
                asked = self._asked(request, at, key, streaming, level)
            finally:
                priced_here.reset(here)

    def _asked(self, request: Request, at: Spoken, key: str | None, streaming: bool, level: OutputLevel) -> Json:
        told = wire(with_tool(request, level), at.dialect, level)
        if request.output is not None and level in ("json", "prompt"):
            told = with_words(told, request.output)
        told = marked(told, at.dialect)
        asked = {
            "timeout": self.timeout,
            "max_retries": 0,
            "_skip_mcp_handler": True,  # it would import LiteLLM's proxy, and all that a proxy needs
            **told,
            "model": at.asked,
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
        if self.api_key is not None:
            return key_of(self.api_key, self.name)
        return None if self.base_url is None else NO_KEY

    def _silent(self) -> ModelUnavailable:
        return ModelUnavailable(
            f"{self.name}: no word for {self.idle_timeout:g} s, or no end after {self.timeout:g} s. "
            "Try again, use another model, or allow more time (idle_timeout, timeout)."
        )


@lru_cache(maxsize=1024)
def spoken(name: str, base_url: str | None) -> Spoken:
    """The model of that name, as LiteLLM is asked for it."""
    library = load()
    prefix, slash, rest = name.partition("/")
    if base_url is not None and not (slash and rest and prefix in _providers()):
        name = f"openai/{name}"
    model, provider, _, _ = library.get_llm_provider(model=name, api_base=base_url)
    return Spoken(name, provider, model, dialect(provider, model, base_url), is_priced(provider, model))


@lru_cache(maxsize=1)
def _providers() -> frozenset[str]:
    return frozenset([str(getattr(each, "value", each)) for each in load().provider_list])


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
    gc.freeze()  # some 300,000 objects that never go: looking through them again and again costs a third of a call
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
    """Closes the connections that LiteLLM keeps open in this loop for its next call. Done by itself at a loop's end."""
    if not _library:
        return
    cache: Any = _library[0].in_memory_llm_clients_cache
    loop = asyncio.get_running_loop()
    mine = f"-{id(loop)}"  # a later loop may get the same id, and must not find these
    for key in [key for key in list(cache.cache_dict) if key.endswith(mine)]:
        cache.ttl_dict.pop(key, None)
        client = _client_of(cache.cache_dict.pop(key))
        await _closed(getattr(client, "_transport", None))
        await _closed(client)
    others: list[Any] = [*cache.cache_dict.values(), getattr(_library[0], "module_level_aclient", None)]
    for holder in others:
        # of no loop, or of all: only what it opened in this one
        session: Any = getattr(getattr(_client_of(holder), "_transport", None), "client", None)
        if getattr(session, "_loop", None) is loop:
            await _closed(session)


async def _closed(thing: Any) -> None:
    close_it = getattr(thing, "aclose", None) or getattr(thing, "close", None)
    if close_it is not None:
        with suppress(Exception):
            await close_it()


def _client_of(holder: Any) -> Any:
    return getattr(holder, "_client", None) or getattr(holder, "client", None) or holder
