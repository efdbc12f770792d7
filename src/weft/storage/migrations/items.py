"""The first tables of ``items``."""

import sqlalchemy as sa
from alembic import op

_SECONDS: sa.Double[float] = sa.Double()
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def create_items() -> None:
    """As ``storage.item_tables`` has them."""
    op.create_table(
        "items",
        sa.Column("n", _NUMBER, sa.Identity(), nullable=False),
        *[sa.Column(name, _NUMBER, nullable=False) for name in ("workspace", "owner")],
        *[sa.Column(name, sa.Text(), nullable=False) for name in ("namespace", "key")],
        sa.Column("revision", _NUMBER, nullable=False),
        *[sa.Column(name, _SECONDS, nullable=False) for name in ("created_at", "updated_at")],
        *[sa.Column(name, _SECONDS, nullable=True) for name in ("ttl", "expires_at")],
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("vectors", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("n", name="items_pk"),
        sa.UniqueConstraint("owner", "namespace", "key", name="items_owner_namespace_key_uq"),
        sqlite_autoincrement=True,
    )
    op.create_index("items_revision", "items", ["owner", "revision"])
    op.create_table(
        "item_heads",
        sa.Column("owner", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("revision", _NUMBER, nullable=False),
        sa.Column("space", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("owner", name="item_heads_pk"),
        sqlite_with_rowid=False,
    )
