"""Documents and what is found in them, as the API shows them."""

from typing import Any

from msgspec import Struct

from weft.knowledge.base import Passage
from weft.knowledge.collection import shown
from weft.storage.knowledge_rows import DocumentRow, Progress, Summary


class Collections(Struct, frozen=True):
    """The collections in which there is something to read."""

    items: list[Summary]


class DocumentView(Struct, frozen=True, kw_only=True):
    """A document, and how far it is."""

    id: str
    collection: str
    name: str
    user: str | None
    """Its owner; ``null``: the workspace."""
    origin: str
    """The path or address that it was taken from."""
    kind: str
    """``pdf``, ``markdown``, ...: once it was read."""
    title: str
    pages: int
    """0 where there is no such thing."""
    pieces: int
    embedded: int
    """How many of the pieces have a vector."""
    status: Progress
    error: str | None
    more: str
    """What was left out of it, in words."""
    metadata: dict[str, Any]
    readers: list[str]
    """Who may read it beside its owner: ``workspace``, users, ``role:NAME``."""
    bytes: int
    sha256: str
    created_at: float
    updated_at: float
    """Seconds since the epoch."""


class DocumentPage(Struct, frozen=True):
    items: list[DocumentView]
    next: str | None
    """For ``cursor``, while there is more."""


class Where(Struct, frozen=True):
    """The document that a passage is of."""

    id: str
    name: str


class FoundPassage(Struct, frozen=True, kw_only=True):
    """A passage that fits."""

    n: int
    """The number by which answers cite it."""
    text: str
    document: Where
    page: int | None
    """From 1, of a document that has pages, slides or sheets."""
    offset: int
    """Characters before it in the document's text."""
    path: str
    """The headings that it stands under."""
    score: float
    """Only comparable within one answer."""


class FoundPassages(Struct, frozen=True):
    """Best first."""

    items: list[FoundPassage]


class ExcerptView(Struct, frozen=True):
    """Some of a document's text."""

    text: str
    offset: int
    """Characters before it in the document's text."""


KNOWLEDGE_VIEWS: tuple[type[Struct], ...] = (Collections, DocumentView, DocumentPage, FoundPassages, ExcerptView)


def document_view(row: DocumentRow) -> DocumentView:
    same = ("id", "collection", "name", "origin", "kind", "title", "pages", "pieces", "embedded", "status", "error")
    return DocumentView(
        **{name: getattr(row, name) for name in (*same, "more", "created_at", "updated_at")},
        user=row.user or None,
        metadata=dict(row.facts),
        readers=[shown(reader) for reader in row.readers],
        bytes=row.size,
        sha256=row.sha256.hex(),
    )


def passage_view(passage: Passage) -> FoundPassage:
    same = ("n", "text", "page", "offset", "path", "score")
    document = Where(passage.document.id, passage.document.name)
    return FoundPassage(document=document, **{name: getattr(passage, name) for name in same})
