"""The direct door: servers that speak OpenAI's chat format, asked over HTTP with nothing in between.

OpenAI itself, vLLM, Ollama, llama.cpp, LM Studio, Groq, DeepSeek, Mistral, xAI, OpenRouter and many more. A call costs
a small part of what it costs through LiteLLM; for all other formats there is LiteLLM, behind the same port.
"""

import asyncio
import importlib
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import msgspec

from weft.errors import ModelError, ModelUnavailable, UsageError, WeftError
from weft.models.addresses import Place, place
from weft.models.base import Answer, Piece, Request, Stream
from weft.models.capabilities import Capabilities, OutputLevel, learn, refused_level, seen
from weft.models.chat import Chat, Lines
from weft.models.failures import ProviderError, translated
from weft.models.keys import Secret, check, key_of, with_keys
from weft.models.learning import from_answer, from_error
from weft.models.marking import marked
from weft.models.reading import Assembly, sound_of
from weft.models.sessions import session
from weft.models.shape import unwrapped, with_tool
from weft.models.tape import taped
from weft.models.wire import wire, with_words

PREFIX = "direct:"
"""Before a model's name: by this door, and not by LiteLLM."""
_encode = msgspec.json.Encoder().encode
_DONE = b"[DONE]"
_NO_COUNT = frozenset({"mistral"})
"""Providers that count in any case, and refuse to be asked for it."""
_HEADERS = {"content-type": "application/json", "accept": "text/event-stream, application/json", "user-agent": "weft"}
_LAST_WORDS = 0.1
"""Seconds for the end of a reply after its last event, so that the connection can be used again."""


@dataclass(frozen=True, slots=True)
class Direct:
    """A model of a server that speaks OpenAI's chat format: ``openai/gpt-5-mini``, ``groq/llama-3.3-70b-versatile``.

    With ``base_url`` it is asked for at that address, and no key is sent there unless ``api_key`` names it.

    >>> Direct("qwen3", "http://127.0.0.1:8000/v1")
    Direct(name='qwen3', base_url='http://127.0.0.1:8000/v1')
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
    """Seconds of silence, before or between the chunks of a stream, after which the server counts as gone."""

    def __post_init__(self) -> None:
        check(self.api_key)
        place(self.name, self.base_url)

    @property
    def capabilities(self) -> Capabilities:
        return seen(self.name, self.base_url)

    def answer(self, request: Request) -> Stream:
        """See ``Model.answer``; from a cassette where one is inserted (``tape``)."""
        return taped(self.name, self._answer, request)

    async def _answer(self, request: Request) -> AsyncIterator[Piece | Answer]:
        """Nothing is tried twice here, but for a schema in a lower form where one is refused."""
        at = place(self.name, self.base_url)
        key = self._key(at)
        request = with_keys(request, self.name)
        chat = Chat(self.name, at, Assembly(sound=sound_of(request.settings)))
        response: Any = None
        try:
            response = await self._response(request, at, key)
            lines = Lines() if self._streams(response) else None
            while not chat.done:
                for piece in await _more(response, chat, lines):
                    yield piece
            for piece in chat.assembly.late():
                yield piece
            answer = chat.answer()
            from_answer(self.name, self.base_url, request, answer)
            await _end(response)
            yield unwrapped(answer, request)
        except WeftError:
            raise
        except Exception as error:
            ours = self._ours(error, chat, key)
            if isinstance(ours, ModelError):
                from_error(self.name, self.base_url, request, ours)
            raise ours from error
        finally:
            if response is not None:
                response.close()

    def _streams(self, response: Any) -> bool:
        """Servers that cannot stream answer whole, whatever they are asked for."""
        told: str = response.content_type
        return "event-stream" in told or (self.stream and "json" not in told)

    async def _response(self, request: Request, at: Place, key: str | None) -> Any:
        """The server's reply, its body still to be read; a schema in a form that it refuses is sent in a lower one."""
        level = self.capabilities.output
        while True:
            try:
                return await self._post(self._body(request, at, level), request, at, key)
            except ProviderError as error:
                known = msgspec.structs.replace(self.capabilities, output=level)
                lower = refused_level(str(error), known) if request.output is not None else None
                if lower is None or error.status_code not in (400, 404, 422):
                    raise
                learn(self.name, self.base_url, output=lower)
                level = lower

    def _body(self, request: Request, at: Place, level: OutputLevel) -> bytes:
        told = wire(with_tool(request, level), at.dialect, level)
        if request.output is not None and level in ("json", "prompt"):
            told = with_words(told, request.output)
        told = marked(told, at.dialect)
        told["model"] = at.model
        told.pop("extra_headers", None)
        told.update(told.pop("extra_body", None) or {})
        if self.stream:
            told["stream"] = True
            if at.provider not in _NO_COUNT:
                told.setdefault("stream_options", {"include_usage": True})
        if at.variable == "OPENAI_API_KEY" and "max_tokens" in told:
            told["max_completion_tokens"] = told.pop("max_tokens")
        return _encode(told)

    async def _post(self, body: bytes, request: Request, at: Place, key: str | None) -> Any:
        headers = dict(_HEADERS)
        if key is not None:
            headers["authorization"] = f"Bearer {key}"
        headers.update(request.settings.get("extra_headers") or {})
        http = await session()
        response: Any = await http.post(
            at.url,
            data=body,
            headers=headers,
            proxy=at.proxy,
            allow_redirects=False,
            timeout=_timeout(self.timeout, min(self.idle_timeout, self.timeout) if self.stream else self.timeout),
        )
        if response.status < 300:
            return response
        async with response:
            said = await response.content.read(64 * 1024)
            raise ProviderError(response.status, said.decode(errors="replace"), response.headers)

    def _key(self, at: Place) -> str | None:
        if self.api_key is not None:
            return key_of(self.api_key, self.name)
        return None if at.variable is None else key_of(f"os.environ/{at.variable}", self.name)

    def _ours(self, error: Exception, chat: Chat, key: str | None) -> WeftError:
        if isinstance(error, TimeoutError):
            return ModelUnavailable(
                f"{self.name}: no word for {self.idle_timeout:g} s, or no end after {self.timeout:g} s. "
                "Try again, use another model, or allow more time (idle_timeout, timeout)."
            )
        if isinstance(error, ProviderError):
            return translated(error, self.name, secret=key)
        if isinstance(error, TypeError) and chat.id is None:
            return UsageError(f"{self.name}: settings cannot be sent as JSON: {error}")
        if isinstance(error, ValueError | msgspec.DecodeError) or chat.begun:
            return chat.cut()
        if isinstance(error, _client_error() | OSError):
            return translated(ConnectionError(f"{error}" or type(error).__name__), self.name, secret=key)
        return translated(error, self.name, secret=key)


async def _more(response: Any, chat: Chat, lines: Lines | None) -> Sequence[Piece]:
    """What has arrived; ``lines`` where it is a stream. A server may hang up rudely once the answer has its end."""
    if lines is None:
        return chat.whole(await response.read())
    try:
        data: bytes = await response.content.readany()
        if data:
            return [piece for payload in lines.feed(data) for piece in _said(chat, payload)]
        shown = [piece for payload in lines.rest() for piece in _said(chat, payload)]
    except (OSError, msgspec.DecodeError, _client_error()):
        if chat.finish is None:
            raise
        shown = []
    chat.done = chat.ended()
    return shown


def _said(chat: Chat, payload: bytes) -> Sequence[Piece]:
    if payload == _DONE:
        chat.done = chat.ended()
        return ()
    return chat.pieces(payload) if payload else ()


async def _end(response: Any) -> None:
    """Reads on to the end of the reply, so that its connection goes back to the pool; for a moment only."""
    if not response.content.at_eof():
        with suppress(Exception):
            async with asyncio.timeout(_LAST_WORDS):
                while await response.content.readany():
                    pass


def _client_error() -> type[Exception]:
    """Of aiohttp, which is imported by now."""
    return sys.modules["aiohttp"].ClientError


@lru_cache(maxsize=64)
def _timeout(total: float, idle: float) -> Any:
    aiohttp: Any = importlib.import_module("aiohttp")
    return aiohttp.ClientTimeout(total=total, sock_connect=idle, sock_read=idle)
