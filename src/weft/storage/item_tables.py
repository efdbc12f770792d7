"""The tables of ``items``."""

from sqlalchemy import Column, Identity, Index, LargeBinary, PrimaryKeyConstraint, Table, Text, UniqueConstraint

from weft.storage.sealed import mark_columns
from weft.storage.tables import NUMBER, SECONDS, metadata

items = Table(
    "items",
    metadata,
    Column("n", NUMBER, Identity(), primary_key=True),
    Column("workspace", NUMBER, nullable=False),
    Column("owner", NUMBER, nullable=False),
    Column("namespace", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("revision", NUMBER, nullable=False),
    Column("created_at", SECONDS, nullable=False),
    Column("updated_at", SECONDS, nullable=False),
    Column("ttl", SECONDS),
    Column("expires_at", SECONDS),
    Column("body", LargeBinary, nullable=False),
    Column("vectors", LargeBinary),
    UniqueConstraint("owner", "namespace", "key"),
    Index("items_revision", "owner", "revision"),
    sqlite_autoincrement=True,
)
"""``namespace`` is its parts, each ended by ``\\x1f``; ``vectors`` a MessagePack list of 32-bit floats."""

item_heads = Table(
    "item_heads",
    metadata,
    Column("owner", NUMBER, nullable=False, autoincrement=False),
    Column("revision", NUMBER, nullable=False),
    Column("space", Text),
    PrimaryKeyConstraint("owner"),
    sqlite_with_rowid=False,
)
"""How often something was written for an owner. Who writes locks the row: revisions are committed in order.

``space`` is where their vectors are in an index outside.
"""

mark_columns(items)
