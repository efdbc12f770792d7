"""The tables of knowledge: collections, their documents, who may read these, and the pieces that are found."""

from sqlalchemy import Column, Identity, Index, LargeBinary, PrimaryKeyConstraint, Table, Text, UniqueConstraint, text

from weft.storage.sealed import mark_columns
from weft.storage.tables import NUMBER, SECONDS, metadata


def _number() -> "Column[int]":
    return Column("n", NUMBER, Identity(), primary_key=True)


def _numbers(*names: str) -> "list[Column[int]]":
    return [Column(name, NUMBER, nullable=False) for name in names]


def _texts(*names: str) -> "list[Column[str]]":
    return [Column(name, Text, nullable=False) for name in names]


def _times(*names: str) -> "list[Column[float]]":
    return [Column(name, SECONDS, nullable=False) for name in names]


collections = Table(
    "collections",
    metadata,
    _number(),
    *_numbers("workspace", "revision", "erased"),
    *_texts("name"),
    Column("space", Text),
    UniqueConstraint("workspace", "name"),
)
"""A collection counts its changes, as a shelf of memories does. Its vectors may be outside, in a ``space``."""

documents = Table(
    "documents",
    metadata,
    _number(),
    *_numbers("workspace", "owner", "collection"),
    *_texts("id", "name", "origin", "mime", "kind", "title", "facts", "status", "recipe", "more"),
    Column("sha256", LargeBinary, nullable=False),
    Column("made", LargeBinary),
    Column("terms", LargeBinary),
    Column("error", Text),
    *_numbers("size", "pages", "pieces", "embedded", "fence", "tries", "revision"),
    *_times("lease", "due_at", "created_at", "updated_at"),
    UniqueConstraint("id"),
    UniqueConstraint("collection", "owner", "name"),
    Index(None, "collection", "revision"),
    Index(
        "documents_due",
        "workspace",
        "due_at",
        sqlite_where=text("status IN ('waiting', 'reading')"),
        postgresql_where=text("status IN ('waiting', 'reading')"),
    ),
)
"""``recipe`` is how it is to be cut and embedded, ``made`` of which bytes and by which recipe its pieces are, and
``terms`` what they are found by."""

document_readers = Table(
    "document_readers",
    metadata,
    *_numbers("document"),
    *_texts("reader"),
    PrimaryKeyConstraint("document", "reader"),
    sqlite_with_rowid=False,
)
"""Who may read it beside its owner: ``*`` for the workspace, ``user:NAME``, ``role:NAME``."""

pieces = Table(
    "pieces",
    metadata,
    _number(),
    *_numbers("workspace", "owner", "document", "place", "start", "page"),
    *_texts("text", "context"),
    Column("digest", LargeBinary, nullable=False),
    Column("vector", LargeBinary),
    Column("embedder", Text),
    Index(None, "document", "place"),
    sqlite_autoincrement=True,
)
"""What is found of a document, in its order; ``page`` is 0 where there are none."""

mark_columns(documents, pieces)
