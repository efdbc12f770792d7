"""The tables of knowledge, as the first revision makes them."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

_SECONDS: sa.Double[float] = sa.Double()
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _columns(type: Any, names: Sequence[str]) -> list[sa.Column[Any]]:
    return [sa.Column(name, type, nullable=False) for name in names]


def _number() -> sa.Column[int]:
    return sa.Column("n", _NUMBER, sa.Identity(), nullable=False)


def create_knowledge() -> None:
    """Make them."""
    op.create_table(
        "collections",
        _number(),
        *_columns(_NUMBER, ("workspace", "revision", "erased")),
        *_columns(sa.Text(), ("name",)),
        sa.Column("space", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("n", name="collections_pk"),
        sa.UniqueConstraint("workspace", "name", name="collections_workspace_name_uq"),
    )
    _create_documents()
    op.create_table(
        "document_readers",
        *_columns(_NUMBER, ("document",)),
        *_columns(sa.Text(), ("reader",)),
        sa.PrimaryKeyConstraint("document", "reader", name="document_readers_pk"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "pieces",
        _number(),
        *_columns(_NUMBER, ("workspace", "owner", "document", "place", "start", "page")),
        *_columns(sa.Text(), ("text", "context")),
        *_columns(sa.LargeBinary(), ("digest",)),
        sa.Column("vector", sa.LargeBinary(), nullable=True),
        sa.Column("embedder", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("n", name="pieces_pk"),
        sqlite_autoincrement=True,
    )
    op.create_index("pieces_document_place_ix", "pieces", ["document", "place"])


def _create_documents() -> None:
    texts = ("id", "name", "origin", "mime", "kind", "title", "facts", "status", "recipe", "more")
    op.create_table(
        "documents",
        _number(),
        *_columns(_NUMBER, ("workspace", "owner", "collection")),
        *_columns(sa.Text(), texts),
        *_columns(sa.LargeBinary(), ("sha256",)),
        sa.Column("made", sa.LargeBinary(), nullable=True),
        sa.Column("terms", sa.LargeBinary(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        *_columns(_NUMBER, ("size", "pages", "pieces", "embedded", "fence", "tries", "revision")),
        *_columns(_SECONDS, ("lease", "due_at", "created_at", "updated_at")),
        sa.PrimaryKeyConstraint("n", name="documents_pk"),
        sa.UniqueConstraint("id", name="documents_id_uq"),
        sa.UniqueConstraint("collection", "owner", "name", name="documents_collection_owner_name_uq"),
    )
    op.create_index("documents_collection_revision_ix", "documents", ["collection", "revision"])
    due = sa.text("status IN ('waiting', 'reading')")
    op.create_index("documents_due", "documents", ["workspace", "due_at"], sqlite_where=due, postgresql_where=due)
