"""Answers in OpenAI's chat format, read strictly by their types: what has another shape is no answer in that format.

After the API reference of OpenAI's chat completions, and what DeepSeek, Google, Groq, Mistral and OpenRouter add to it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec import Raw, Struct

from weft.errors import ModelError, ModelUnavailable
from weft.messages import Json, Usage
from weft.models.addresses import Place
from weft.models.base import Answer, Piece
from weft.models.failures import ProviderError
from weft.models.prices import cost
from weft.models.reading import Assembly, usage_of

LONGEST = 64 * 2**20
"""Bytes of one line of a stream; more is no answer but an attack."""


class _Function(Struct, gc=False):
    name: str | None = None
    arguments: Any = None
    """JSON in a string; some servers give the object itself."""


class _Call(Struct, gc=False):
    id: str | None = None
    index: int | None = None
    function: _Function | None = None
    extra_content: dict[str, Any] | None = None

    @property
    def provider_specific_fields(self) -> Json | None:
        """Google's proof of the thought behind the call."""
        signature = _googles(self.extra_content)
        return None if signature is None else {"thought_signature": signature}


def _googles(extra: Json | None) -> str | None:
    """Google's proof of a thought."""
    google: Any = (extra or {}).get("google")
    signature: Any = google.get("thought_signature") if isinstance(google, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # JSON
    return signature if isinstance(signature, str) else None


class _Delta(Struct, gc=False):
    """A delta, or a whole message."""

    content: str | list[dict[str, Any]] | None = None
    reasoning_content: str | None = None
    reasoning: str | dict[str, Any] | None = None
    reasoning_details: list[dict[str, Any]] | None = None
    thinking_blocks: list[dict[str, str | None]] | None = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None
    function_call: _Function | None = None
    images: list[dict[str, Any]] | None = None
    audio: dict[str, Any] | None = None
    extra_content: dict[str, Any] | None = None


class _Choice(Struct, gc=False):
    index: int | None = 0
    delta: _Delta | None = None
    message: _Delta | None = None
    finish_reason: str | None = None
    logprobs: Any = None


class _Groq(Struct, gc=False):
    usage: Raw = Raw(b"null")


class _Told(Struct, gc=False):
    """A chunk of a stream, or a whole answer."""

    id: str | None = None
    model: str | None = None
    choices: list[_Choice] | None = None
    usage: Raw = Raw(b"null")
    error: Any = None
    x_groq: _Groq | None = None


class _Details(Struct, gc=False):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    audio_tokens: int | None = None
    reasoning_tokens: int | None = None


class _Usage(Struct, gc=False):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None
    prompt_cache_hit_tokens: int | None = None
    """DeepSeek's name for what is cached."""
    num_cached_tokens: int | None = None
    """Mistral's."""
    cost: float | None = None
    """US dollars, of OpenRouter."""


_told = msgspec.json.Decoder(_Told).decode
_usage = msgspec.json.Decoder(_Usage | None).decode
_NOTHING = Raw(b"null")


@dataclass(slots=True)
class Chat:
    """One answer on its way to becoming ours."""

    name: str
    """The model, as the user calls it."""
    place: Place
    assembly: Assembly = field(default_factory=Assembly)
    id: str | None = None
    model: str = ""
    finish: str | None = None
    usage: Raw | None = None
    done: bool = False
    """The server has said that nothing more follows."""

    def pieces(self, payload: bytes) -> Sequence[Piece]:
        """Takes up one chunk, or the whole answer, and gives back what of it can be shown now.

        Raises:
            ProviderError: it is the provider's error.
            msgspec.DecodeError: it is no JSON.
            ModelError: it has another format.
        """
        try:
            told = _told(payload)
        except msgspec.ValidationError as error:
            raise self._misread(str(error)) from error
        if told.error:
            raise ProviderError.inside(told.error)
        if self.id is None:
            self.id, self.model = told.id, told.model or self.place.model
        if told.usage != _NOTHING:
            self.usage = told.usage
            if told.choices == [] and self.finish is None:
                self.finish = ""  # some never say why they end, but count at the end
        if told.x_groq is not None and told.x_groq.usage != _NOTHING:
            self.usage = told.x_groq.usage
        if not told.choices or told.choices[0].index:
            return ()
        return self._chosen(told.choices[0])

    def whole(self, payload: bytes) -> Sequence[Piece]:
        """As ``pieces``, of an answer that is not streamed."""
        try:
            told = self.pieces(payload)
        except msgspec.DecodeError as error:
            raise self._misread("it is no JSON") from error
        if not self.finish and not told and not msgspec.json.decode(payload).get("choices"):
            raise self._misread("it has no choices")
        self.done = True
        return told

    def ended(self) -> bool:
        """Raises: ModelUnavailable: it has no end; a cut stream must not pass for an answer."""
        if self.finish is None:
            raise self.cut()
        return True

    @property
    def begun(self) -> bool:
        return self.id is not None or self.finish is not None

    def answer(self) -> Answer:
        """The whole answer."""
        return self.assembly.answer(response_id=self.id, model=self.model, finish=self.finish, usage=self._counted())

    def cut(self) -> ModelUnavailable:
        return ModelUnavailable(
            f"{self.name}: the stream was cut, or garbled, before the end of the answer. Try again; if the server "
            "cannot stream, use Direct(..., stream=False)."
        )

    def _chosen(self, choice: _Choice) -> Sequence[Piece]:
        if choice.finish_reason is not None:
            self.finish = choice.finish_reason
        if choice.logprobs is not None:
            self.assembly.add_logprobs(choice.logprobs)
        delta = choice.delta or choice.message
        if delta is None:
            return ()
        text = delta.content
        if type(text) is str and _is_plain(delta):
            return self.assembly.say(text) if text else ()
        try:
            return self._all_of(delta)
        except (AttributeError, TypeError, ValueError) as error:
            raise self._misread(str(error)) from error

    def _all_of(self, delta: _Delta) -> Sequence[Piece]:
        text, thought = _texts(delta.content)
        thought += delta.reasoning_content or (delta.reasoning if isinstance(delta.reasoning, str) else "")
        if delta.reasoning_details:
            self.assembly.add_details(delta.reasoning_details, told=bool(thought))
        if delta.refusal:
            self.assembly.refuse(delta.refusal)
        told: Json = {
            "content": text,
            "reasoning_content": thought,
            "thinking_blocks": delta.thinking_blocks,
            "tool_calls": delta.tool_calls,
            "function_call": delta.function_call,
            "images": delta.images,
            "audio": delta.audio,
        }
        if (signature := _googles(delta.extra_content)) is not None:
            told["provider_specific_fields"] = {"thought_signatures": [signature]}
        return [*self.assembly.unshown(), *self.assembly.add(told)]

    def _counted(self) -> Usage:
        try:
            told = _usage(self.usage) if self.usage is not None else None
        except msgspec.DecodeError:  # a count in another form is none, and no answer is lost to it
            told = None
        counted = usage_of(told, None)
        if told is None:
            return counted
        price = told.cost if self.place.provider == "openrouter" else None
        if price is None and self.place.priced:
            price = cost(self.place.provider, self.place.model, counted)
        return msgspec.structs.replace(counted, cost=price)

    def _misread(self, why: str) -> ModelError:
        return ModelError(
            f"{self.name}: the server at {self.place.url} does not answer in OpenAI's format ({why[:200]}): "
            "check base_url and the model's name."
        )


def _is_plain(delta: _Delta) -> bool:
    return not (
        delta.tool_calls
        or delta.function_call
        or delta.reasoning_content
        or delta.reasoning
        or delta.reasoning_details
        or delta.refusal
        or delta.images
        or delta.audio
        or delta.thinking_blocks
        or delta.extra_content
    )


def _texts(content: str | list[dict[str, Any]] | None) -> tuple[str, str]:
    """Words and thoughts; Mistral's come as a list of both.

    >>> _texts([{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "yes"}])
    ('yes', 'hm')
    """
    if content is None or isinstance(content, str):
        return content or "", ""
    text, thought = "", ""
    for part in content:
        if part.get("type") == "thinking":
            said = part.get("thinking") or ()
            thought += said if isinstance(said, str) else "".join([each.get("text") or "" for each in said])
        else:
            text += part.get("text") or ""
    return text, thought


@dataclass(slots=True)
class Lines:
    """Server-sent events, cut anywhere, made into the payloads of their ``data`` lines.

    >>> lines = Lines()
    >>> [list(lines.feed(data)) for data in (b'data: {"a"', b': 1}\\r\\n: a comment\\ndata: [DO', b'NE]\\n')]
    [[], [b'{"a": 1}'], [b'[DONE]']]
    """

    _begun: list[bytes] = field(default_factory=list[bytes])
    _size: int = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Raises: ValueError: a line is longer than ``LONGEST``."""
        if b"\n" not in data:
            self._keep(data)
            return
        lines = data.split(b"\n")
        if self._begun:
            lines[0] = b"".join([*self._begun, lines[0]])
            self._begun.clear()
            self._size = 0
        if lines[-1]:
            self._keep(lines[-1])
        for line in lines[:-1]:
            if line.startswith(b"data:"):
                yield line[5:].strip()

    def rest(self) -> Iterator[bytes]:
        """What came after the last end of a line."""
        yield from self.feed(b"\n")

    def _keep(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > LONGEST:
            raise ValueError(f"a line of the stream is longer than {LONGEST} bytes")
        self._begun.append(data)
