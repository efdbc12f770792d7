"""What models do beside chat: vectors, ranks, pictures, speech. Each is a port of one method."""

from collections.abc import Sequence
from typing import Any, Protocol

from msgspec import Struct

from weft.messages import Media, Usage


class Vectors(Struct, frozen=True, kw_only=True):
    """One vector for each text, in the order of the texts."""

    vectors: tuple[tuple[float, ...], ...]
    model: str = ""
    usage: Usage = Usage()


class Rank(Struct, frozen=True, gc=False):
    """A document by its place in what was given, and how well it fits; only comparable within one answer."""

    index: int
    score: float


class Transcript(Struct, frozen=True, kw_only=True):
    """What was said in a sound."""

    text: str
    language: str | None = None
    seconds: float | None = None
    """Of the sound."""
    usage: Usage = Usage()


class Pictures(Struct, frozen=True, kw_only=True):
    """What was drawn."""

    images: tuple[Media, ...]
    usage: Usage = Usage()


class Embedder(Protocol):
    """All methods here raise ``ModelError``, as chat does."""

    @property
    def name(self) -> str: ...

    async def embed(self, texts: Sequence[str], **settings: Any) -> Vectors: ...


class Reranker(Protocol):
    @property
    def name(self) -> str: ...

    async def rank(self, query: str, documents: Sequence[str], *, top: int | None = None) -> Sequence[Rank]:
        """The documents that fit best, best first."""
        ...


class Painter(Protocol):
    @property
    def name(self) -> str: ...

    async def draw(self, prompt: str, **settings: Any) -> Pictures: ...


class Speaker(Protocol):
    @property
    def name(self) -> str: ...

    async def speak(self, text: str, *, voice: str, form: str = "mp3", **settings: Any) -> Media: ...


class Transcriber(Protocol):
    @property
    def name(self) -> str: ...

    async def transcribe(self, sound: Media, **settings: Any) -> Transcript: ...
