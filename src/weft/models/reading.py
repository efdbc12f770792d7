"""What a model says back, read into pieces and one answer; a whole answer is read as a stream of one.

Providers differ in how they number, name and cut tool calls, where they put thoughts and proofs of thought, and
what they say at the end. All of that ends here.
"""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from msgspec import Struct, structs

from weft.ids import new_id
from weft.messages import Finish, Json, Media, Message, Part, Reasoning, Text, ToolCall, Usage
from weft.models.base import Answer, Logprob, Piece
from weft.models.failures import unended
from weft.models.tags import Tagged
from weft.models.wire import GEMINI, OPENROUTER, RESPONSES

_THOUGHT = "__thought__"
"""LiteLLM hides a proof of thought in the id of a call, behind this."""

_THEIRS = "srvtoolu_"
"""How ids of calls begin that Anthropic answers itself: they are none of ours."""

_FILLER = "mistral"
"""What LiteLLM writes where Mistral gives no proof of thought."""

_FINISHES: dict[str, Finish] = {
    "stop": "stop",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "length": "length",
    "model_length": "length",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "content_filter": "content_filter",
    "refusal": "content_filter",
}


@dataclass(slots=True)
class _Call:
    id: str
    name: str
    arguments: str
    signature: str | None

    def goes_on(self, given: str, name: str) -> bool:
        """Whether a further delta in the same place belongs to this call, or begins another."""
        if given:
            return given == self.id or not self.id
        if not name:
            return True
        return name == self.name and not _complete(self.arguments)


@dataclass(slots=True)
class _Only:
    """A call in the form that OpenAI had first: there is one, and it has no id."""

    function: Any
    id: str | None = None
    index: int | None = -1


@dataclass(slots=True)
class Assembly:
    """An answer in the making. A refusal is an answer: its words are text, and its finish is ``content_filter``."""

    _text: list[str] = field(default_factory=list[str])
    _thought: list[str] = field(default_factory=list[str])
    _blocks: list[Reasoning] = field(default_factory=list[Reasoning])
    _details: dict[tuple[Any, str], Json] = field(default_factory=dict[tuple[Any, str], Json])
    _items: dict[str, Json] = field(default_factory=dict[str, Json])
    _signatures: list[str] = field(default_factory=list[str])
    _theirs: list[Json] = field(default_factory=list[Json])
    _tagged: Tagged = field(default_factory=Tagged)
    _unshown: list[Piece] = field(default_factory=list[Piece])
    _media: list[Media] = field(default_factory=list[Media])
    _calls: list[_Call] = field(default_factory=list[_Call])
    _at: dict[int, _Call] = field(default_factory=dict[int, _Call])
    _refusal: list[str] = field(default_factory=list[str])
    _logprobs: list[Logprob] = field(default_factory=list[Logprob])
    _sound: list[bytes] = field(default_factory=list[bytes])
    sound: str = "wav"
    """The form of sounds that the model makes; answers do not say it, so it is what was asked for."""

    def say(self, text: str) -> Sequence[Piece]:
        """Takes up words, and nothing else: what most deltas are."""
        if self._tagged.over:
            self._text.append(text)
            return (Piece(text),)
        return self._taken(self._tagged.read(text))

    def _taken(self, pieces: Sequence[Piece]) -> Sequence[Piece]:
        for piece in pieces:
            (self._text if piece.kind == "text" else self._thought).append(piece.text)
        return pieces

    def add(self, delta: Any) -> Sequence[Piece]:
        """Takes up a delta of a stream (or a whole message), and gives back what of it can be shown now."""
        told: Json = delta if isinstance(delta, dict) else fields_of(delta)  # pyright: ignore[reportUnknownVariableType]  # JSON
        extras: Json = told.get("provider_specific_fields") or {}
        pieces: list[Piece] = []
        if thought := _thought(told, extras):
            pieces.extend(self._taken([Piece(thought, "reasoning")]))
        if blocks := told.get("thinking_blocks"):
            self._add_blocks(blocks)
        text = told.get("content")
        if text and isinstance(text, str):
            pieces.extend(self.say(text))
        for call in _calls_in(told):
            self._add_call(call)
        for item in told.get("reasoning_items") or ():
            self._items[str(item.get("id"))] = item
        for image in told.get("images") or ():
            if (media := _image(image)) is not None:
                self._media.append(media)
        if extras:
            self._signatures.extend(extras.get("thought_signatures") or ())
            self._theirs.extend(extras.get("server_side_tool_invocations") or ())
        if audio := told.get("audio"):
            pieces.extend(self._heard(audio if isinstance(audio, dict) else fields_of(audio)))  # pyright: ignore[reportUnknownArgumentType]  # JSON
        return pieces

    def _heard(self, audio: Json) -> Sequence[Piece]:
        """A sound comes in parts, each for itself in base64, and its words beside it."""
        if data := audio.get("data"):
            self._sound.append(base64.b64decode(data))
        words = audio.get("transcript")
        return self.say(words) if words and isinstance(words, str) else ()

    def add_logprobs(self, told: Any) -> None:
        """OpenAI's account of the tokens, as JSON; what has another form is left out."""
        with suppress(AttributeError, TypeError, KeyError, ValueError):
            for each in told.get("content") or ():
                top = [(str(other["token"]), float(other["logprob"])) for other in each.get("top_logprobs") or ()]
                self._logprobs.append(Logprob(str(each["token"]), float(each["logprob"]), tuple(top)))

    def add_details(self, details: Sequence[Json], *, told: bool) -> None:
        """OpenRouter's account of the thoughts: deltas of the same index and type are one.

        ``told`` where the same delta says the thoughts in words too, as most do.
        """
        for detail in details:
            words = detail.get("text") or detail.get("summary")
            if words and not told:
                self._unshown.append(Piece(words, "reasoning"))
            at = (detail.get("index"), str(detail.get("type")))
            known = self._details.setdefault(at, {})
            for name, value in detail.items():
                if name in ("text", "summary", "signature", "data") and value:
                    known[name] = known.get(name, "") + value
                else:
                    known.setdefault(name, value)

    def refuse(self, words: str) -> None:
        self._refusal.append(words)

    def late(self) -> Sequence[Piece]:
        """What there is to show only when all has been read."""
        refused = [Piece("".join(self._refusal))] if self._refusal else []
        return [*self.unshown(), *self._taken(self._tagged.rest()), *refused]

    def unshown(self) -> Sequence[Piece]:
        """Thoughts that were taken up and not given back yet."""
        if not self._unshown:
            return ()
        shown, self._unshown = self._unshown, []
        return shown

    def answer(self, *, response_id: str | None, model: str, finish: str | None, usage: Usage) -> Answer:
        """The whole answer.

        Raises:
            ModelError: the provider says that it did not come to its end.
        """
        if finish is not None and not self._calls and (error := unended(finish, model)) is not None:
            raise error
        self._taken(self._tagged.rest())
        calls = self._finished_calls(response_id)
        parts: list[Part] = [*self._reasoning()]
        if text := "".join([*self._text, *self._refusal]):
            parts.append(Text(text))
        parts.extend(self._media)
        if self._sound:
            parts.append(Media(mime=f"audio/{self.sound}", data=b"".join(self._sound)))
        parts.extend(calls)
        ended: Finish = _FINISHES.get(finish or "stop", "stop")
        if self._refusal:
            ended = "content_filter"
        elif calls and ended == "stop":
            ended = "tool_calls"
        elif not calls and ended == "tool_calls":
            ended = "stop"
        return Answer(
            message=Message(role="assistant", parts=tuple(parts)),
            usage=usage,
            finish=ended,
            model=model,
            logprobs=tuple(self._logprobs),
        )

    def _add_blocks(self, blocks: Sequence[Json]) -> None:
        """Anthropic's thoughts: words arrive first, in the end the signature, or the whole is redacted."""
        for block in blocks:
            if block.get("type") == "redacted_thinking":
                self._blocks.append(Reasoning("", redacted=block.get("data")))
                continue
            words = block.get("thinking") or ""
            signature = block.get("signature") or None
            if signature == _FILLER:
                signature = None
            if self._blocks and self._blocks[-1].signature is None and self._blocks[-1].redacted is None:
                words = self._blocks.pop().text + words
            self._blocks.append(Reasoning(words, signature=signature))

    def _add_call(self, delta: Any) -> None:
        function = delta.function
        given, _, hidden = (delta.id or "").partition(_THOUGHT)
        name: str = (function.name if function is not None else None) or ""
        arguments: Any = (function.arguments if function is not None else None) or ""
        if not isinstance(arguments, str):
            arguments = json.dumps(arguments)
        extras: Json = getattr(delta, "provider_specific_fields", None) or {}
        signature = extras.get("thought_signature") or hidden or None
        index: int | None = getattr(delta, "index", None)
        call = self._at.get(index) if index is not None else None
        if call is None and given:
            call = next((known for known in self._calls if known.id == given and not _complete(known.arguments)), None)
        if call is None or not call.goes_on(given, name):
            call = _Call(given, name, arguments, signature)
            self._calls.append(call)
            if index is not None:
                self._at[index] = call
            return
        call.id = call.id or given
        call.name = call.name or name
        call.arguments += arguments
        call.signature = call.signature or signature

    def _reasoning(self) -> list[Reasoning]:
        if self._details:
            return [_from_detail(dict(detail)) for detail in self._details.values()]
        if self._items:
            kept = [RESPONSES + json.dumps(item, sort_keys=True) for item in self._items.values()]
            words = ["".join(self._thought), *[""] * (len(kept) - 1)]
            return [Reasoning(text, redacted=item) for text, item in zip(words, kept, strict=True)]
        if not (self._signatures or self._theirs) and any([one.redacted or one.signature for one in self._blocks]):
            return self._blocks
        thoughts = [Reasoning("".join(self._thought))] if self._thought else []
        return [*thoughts, *self._googles()]

    def _googles(self) -> Iterator[Reasoning]:
        """Gemini's proofs: of its words, and of what its own tools did, which goes back with theirs."""
        for part in self._theirs:
            yield Reasoning("", redacted=GEMINI + json.dumps(part, sort_keys=True))
        for signature in self._signatures:
            yield Reasoning("", signature=signature, redacted=GEMINI)

    def _finished_calls(self, response_id: str | None) -> list[ToolCall]:
        seen: set[str] = set()
        finished: list[ToolCall] = []
        for number, call in enumerate(self._calls):
            id = call.id
            if id.startswith(_THEIRS):
                continue
            if not id or id in seen:
                id = _stable_id(response_id, number)
            seen.add(id)
            arguments, invalid = _arguments(call.arguments)
            finished.append(ToolCall(id, call.name, arguments, invalid, call.signature))
        return finished


def _calls_in(told: Json) -> Sequence[Any]:
    only = told.get("function_call")
    return told.get("tool_calls") or (() if only is None else (_Only(only),))


def sound_of(settings: Mapping[str, Any]) -> str:
    """The form of the sounds that were asked for."""
    audio = settings.get("audio")
    return str(audio.get("format", "wav")) if isinstance(audio, Mapping) else "wav"  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]  # the user's own


def fields_of(thing: Any) -> Json:
    """The fields of one of LiteLLM's objects; asking it for one that it has not is slow."""
    return {**vars(thing), **(getattr(thing, "__pydantic_extra__", None) or {})}


def _thought(told: Json, extras: Json) -> str | None:
    """Groq's is called ``reasoning``, and LiteLLM takes it for something special of Groq's."""
    thought: Any = told.get("reasoning_content") or told.get("reasoning") or extras.get("reasoning")
    return thought if isinstance(thought, str) else None


def usage_of(usage: Any, cost: float | None) -> Usage:
    """Tokens as OpenAI counts them, and LiteLLM for all others; ``cost`` in US dollars."""
    if usage is None:
        return Usage(requests=1, cost=cost)
    all_told = _counts(usage)
    told, said = (_counts(all_told.get(f"{side}_tokens_details")) for side in ("prompt", "completion"))
    written = _count(told, "cache_creation_tokens") or _count(told, "cache_write_tokens")
    sent = _count(all_told, "prompt_tokens")
    kept = next((count for name in _CACHED if (count := _count(all_told, name))), 0)
    return Usage(
        requests=1,
        input_tokens=sent,
        output_tokens=_count(all_told, "completion_tokens"),
        cached_tokens=_count(told, "cached_tokens") or min(kept, sent),
        cache_write_tokens=written or _count(all_told, "cache_creation_input_tokens"),
        reasoning_tokens=_count(said, "reasoning_tokens"),
        audio_tokens=_count(told, "audio_tokens") + _count(said, "audio_tokens"),
        cost=cost,
    )


_NO_COUNTS: Json = {}
_CACHED = ("prompt_cache_hit_tokens", "num_cached_tokens")
"""What DeepSeek and Mistral call the tokens that they had in their cache."""


def _count(counts: Json, name: str) -> int:
    """Nobody is owed tokens, and no answer has more than a database can count."""
    count = counts.get(name)
    return min(max(int(count), 0), 2**53) if count else 0


def _counts(thing: Any) -> Json:
    """All counts by name: asking one of LiteLLM's objects for what it has not is slow."""
    if thing is None:
        return _NO_COUNTS
    return structs.asdict(thing) if isinstance(thing, Struct) else fields_of(thing)


def _complete(arguments: str) -> bool:
    """
    >>> _complete('{"a": 1}'), _complete('{"a": '), _complete("")
    (True, False, False)
    """
    try:
        json.loads(arguments)
    except ValueError:
        return False
    return True


def _arguments(written: str) -> tuple[Json, str | None]:
    """
    >>> _arguments('{"a": 1}'), _arguments(""), _arguments("[1]"), _arguments('{"a"')
    (({'a': 1}, None), ({}, None), ({}, '[1]'), ({}, '{"a"'))
    """
    if not written.strip():
        return {}, None
    try:
        read: Any = json.loads(written)
    except (ValueError, RecursionError):
        return {}, written
    if read is None:
        return {}, None
    return (read, None) if isinstance(read, dict) else ({}, written)  # pyright: ignore[reportUnknownVariableType]  # JSON


def _stable_id(response_id: str | None, number: int) -> str:
    """The same for the same answer of the provider, however often it is read.

    >>> _stable_id("chatcmpl-1", 0) == _stable_id("chatcmpl-1", 0) != _stable_id("chatcmpl-1", 1)
    True
    """
    if not response_id:
        return new_id("call")
    return f"call_{hashlib.sha256(response_id.encode()).hexdigest()[:16]}_{number}"


def _from_detail(detail: Json) -> Reasoning:
    text = detail.pop("text", None) or detail.pop("summary", None) or ""
    signature = detail.pop("signature", None) or None
    return Reasoning(text, signature=signature, redacted=OPENROUTER + json.dumps(detail, sort_keys=True))


def _image(image: Any) -> Media | None:
    """A picture that the model made, by value or by address."""
    source = image.get("image_url") if isinstance(image, dict) else getattr(image, "image_url", None)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # LiteLLM gives both
    url: Any = source.get("url") if isinstance(source, dict) else source  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # LiteLLM gives both
    if not isinstance(url, str):
        return None
    head, comma, content = url.partition(",")
    if url.startswith("data:") and comma:
        mime = head.removeprefix("data:").partition(";")[0] or "image/png"
        return Media(mime=mime, data=base64.b64decode(content))
    return Media(mime="image/png", url=url)
