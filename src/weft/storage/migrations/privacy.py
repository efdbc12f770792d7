"""The tables of privacy, as the first revision makes them."""

import sqlalchemy as sa
from alembic import op

from weft.storage.unsampled import unsampled

_SECONDS: sa.Double[float] = sa.Double()
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def create_privacy() -> None:
    """After all others: PostgreSQL is told what not to sample."""
    op.create_table(
        "erasures",
        sa.Column("n", _NUMBER, sa.Identity(), nullable=False),
        *[sa.Column(name, sa.Text(), nullable=False) for name in ("of", "alias")],
        *[sa.Column(name, _NUMBER, nullable=False) for name in ("workspace", "owner")],
        sa.Column("at", _SECONDS, nullable=False),
        sa.PrimaryKeyConstraint("n", name="erasures_pk"),
    )
    op.create_table(
        "data_keys",
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("workspace", _NUMBER, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", _SECONDS, nullable=False),
        sa.Column("retired_at", _SECONDS, nullable=True),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="data_keys_pk"),
    )
    op.create_table(
        "resealings",
        sa.Column("workspace", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("at", _SECONDS, nullable=False),
        sa.Column("mark", sa.Text(), nullable=False),
        *[sa.Column(name, _NUMBER, nullable=False) for name in ("done", "total")],
        sa.PrimaryKeyConstraint("workspace", name="resealings_pk"),
    )
    op.create_table(
        "strays",
        sa.Column("n", _NUMBER, sa.Identity(), nullable=False),
        *[sa.Column(name, sa.Text(), nullable=False) for name in ("space", "id")],
        sa.PrimaryKeyConstraint("n", name="strays_pk"),
    )
    if op.get_bind().dialect.name == "postgresql":
        for statement in unsampled():
            op.execute(statement)
