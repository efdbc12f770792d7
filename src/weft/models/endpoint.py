"""What LiteLLM's models do beside chat, behind the ports of ``ports``: one class, as a name says which of it it can.

LiteLLM (1.106) asks for vectors and pictures up to three times by itself before it gives up, whatever it is told.
"""

import asyncio
import base64
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from weft.errors import ModelError, ModelUnavailable, UsageError, WeftError
from weft.messages import Json, Media, Usage
from weft.models import fares
from weft.models.capabilities import is_priced
from weft.models.failures import translated
from weft.models.keys import Secret, check, key_of
from weft.models.litellm import NO_KEY, close_connections, loaded, spoken
from weft.models.payer import billed
from weft.models.ports import Pictures, Rank, Transcript, Vectors
from weft.models.reading import usage_of
from weft.models.sessions import at_end_of_loop
from weft.models.tape import taped_value

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A model by LiteLLM's name for it, for all that is not chat; addresses and keys as of ``LiteLLM``.

    >>> Endpoint("openai/text-embedding-3-small")
    Endpoint(name='openai/text-embedding-3-small', base_url=None)
    """

    name: str
    base_url: str | None = None
    api_key: str | Secret | None = field(default=None, repr=False, kw_only=True)
    timeout: float = field(default=120.0, repr=False, kw_only=True)
    """Seconds for an answer."""

    def __post_init__(self) -> None:
        check(self.api_key)

    async def embed(self, texts: Sequence[str], **settings: Any) -> Vectors:
        """See ``Embedder``."""
        if not texts:
            return Vectors(vectors=())
        asking = partial(self._embed, list(texts), settings)
        taped = partial(self._taped, "embed", {"texts": list(texts), **settings}, Vectors, asking)
        return await billed(self.name, taped, lambda made: made.usage, partial(fares.embedding, self.name, texts))

    async def _embed(self, texts: Sequence[str], settings: Json) -> Vectors:
        settings.setdefault("encoding_format", "float")
        told = await self._asked("aembedding", input=list(texts), **settings)
        found: dict[int, Any] = {int(_of(each, "index")): _of(each, "embedding") for each in told.data}
        if sorted(found) != list(range(len(texts))):
            raise ModelError(f"{self.name}: {len(texts)} texts were sent, and {len(found)} vectors came back")
        vectors = tuple([tuple([float(number) for number in found[index]]) for index in range(len(texts))])
        return Vectors(vectors=vectors, model=told.model or self.name, usage=self._usage(told))

    async def rank(self, query: str, documents: Sequence[str], *, top: int | None = None) -> Sequence[Rank]:
        """See ``Reranker``."""
        if not documents:
            return ()
        asked: Json = {"query": query, "documents": list(documents), "top": top}
        fare = partial(fares.ranking, self.name, query, documents)
        taped = partial(self._taped, "rank", asked, list[Rank], partial(self._rank, query, documents, top))
        cost = await asyncio.to_thread(fares.by_query, self.name)
        return await billed(self.name, taped, lambda _: Usage(requests=1, cost=cost), fare)

    async def _rank(self, query: str, documents: Sequence[str], top: int | None) -> list[Rank]:
        told = await self._asked("arerank", query=query, documents=list(documents), top_n=top or len(documents))
        ranks = [Rank(int(_of(each, "index")), float(_of(each, "relevance_score"))) for each in told.results]
        if any([not 0 <= each.index < len(documents) for each in ranks]):
            raise ModelError(f"{self.name}: a document was ranked that was not sent")
        return sorted(ranks, key=lambda each: -each.score)

    async def draw(self, prompt: str, **settings: Any) -> Pictures:
        """See ``Painter``. ``settings``: ``n``, ``size``, ``quality``, ``output_format`` ... of the provider."""
        return await self._taped(
            "draw", {"prompt": prompt, **settings}, Pictures, partial(self._draw, prompt, settings)
        )

    async def _draw(self, prompt: str, settings: Json) -> Pictures:
        told = await self._asked("aimage_generation", prompt=prompt, **settings)
        mime = f"image/{settings.get('output_format', 'png')}"
        images = [
            Media(mime=mime, data=base64.b64decode(data))
            if (data := _of(each, "b64_json"))
            else Media(mime=mime, url=_of(each, "url"))
            for each in told.data
        ]
        if not images:
            raise ModelError(f"{self.name}: no picture came back")
        return Pictures(images=tuple(images), usage=self._usage(told))

    async def speak(self, text: str, *, voice: str, form: str = "mp3", **settings: Any) -> Media:
        """See ``Speaker``. ``form``: mp3, wav, opus, flac, aac or pcm, as the provider has it."""
        asked = {"text": text, "voice": voice, "form": form, **settings}
        return await self._taped("speak", asked, Media, partial(self._speak, text, voice, form, settings))

    async def _speak(self, text: str, voice: str, form: str, settings: Json) -> Media:
        told = await self._asked("aspeech", input=text, voice=voice, response_format=form, **settings)
        return Media(mime={"mp3": "audio/mpeg", "opus": "audio/ogg"}.get(form, f"audio/{form}"), data=told.content)

    async def transcribe(self, sound: Media, **settings: Any) -> Transcript:
        """See ``Transcriber``.

        Raises:
            UsageError: the sound is not loaded.
        """
        if sound.data is None:
            raise UsageError(f"the content of {sound.name or sound.mime} must be loaded before a model can hear it")
        asked = {"sound": sound.data, "mime": sound.mime, **settings}
        return await self._taped("transcribe", asked, Transcript, partial(self._transcribe, sound, settings))

    async def _transcribe(self, sound: Media, settings: Json) -> Transcript:
        form = sound.mime.partition("/")[2].removeprefix("x-")
        file = (sound.name or f"sound.{'mp3' if form == 'mpeg' else form}", sound.data, sound.mime)
        told = await self._asked("atranscription", file=file, **settings)
        seconds = _of(told, "duration")
        return Transcript(
            text=told.text or "",
            language=_of(told, "language"),
            seconds=None if seconds is None else float(seconds),
            usage=self._usage(told),
        )

    async def _taped(self, what: str, asked: Json, kind: type[T], ask: Callable[[], Awaitable[T]]) -> T:
        """From a cassette where one is inserted. What has no form of an answer is an error of ours."""
        try:
            return await taped_value(self.name, {what: asked}, kind, ask)
        except (AttributeError, TypeError, KeyError, ValueError) as error:
            raise ModelError(
                f"{self.name}: the server does not answer in this provider's format ({error}): "
                "check base_url and the model's name"
            ) from error

    async def _asked(self, function: str, **told: Any) -> Any:
        """What LiteLLM's function gives; its errors are ours."""
        library = await loaded()
        await at_end_of_loop(close_connections)
        key = self._key()
        asked: Json = {"timeout": self.timeout, "max_retries": 0, **told}
        if self.base_url is not None:
            asked["api_base"] = self.base_url
        if key is not None:
            asked["api_key"] = key
        try:
            return await getattr(library, function)(model=spoken(self.name, self.base_url).asked, **asked)
        except WeftError:
            raise
        except TimeoutError as error:
            raise ModelUnavailable(f"{self.name}: no answer after {self.timeout:g} s") from error
        except Exception as error:
            raise translated(error, self.name, secret=key) from error

    def _key(self) -> str | None:
        if self.api_key is not None:
            return key_of(self.api_key, self.name)
        return None if self.base_url is None else NO_KEY

    def _usage(self, told: Any) -> Usage:
        """With what LiteLLM says that it costs; a price that it does not know is none."""
        hidden: Json = getattr(told, "_hidden_params", None) or {}
        at = spoken(self.name, self.base_url)
        cost: Any = hidden.get("response_cost") if is_priced(at.provider, at.model) else None
        return usage_of(getattr(told, "usage", None), float(cost) if isinstance(cost, int | float) else None)


def _of(thing: Any, name: str) -> Any:
    return thing.get(name) if isinstance(thing, dict) else getattr(thing, name, None)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # LiteLLM gives both
