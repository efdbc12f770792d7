"""The table of reports, as the first revision makes it."""

import sqlalchemy as sa
from alembic import op

_SECONDS: sa.Double[float] = sa.Double()
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def create_reports() -> None:
    op.create_table(
        "reports",
        sa.Column("workspace", _NUMBER, nullable=False),
        *[sa.Column(name, sa.Text(), nullable=False) for name in ("name", "process")],
        sa.Column("at", _SECONDS, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "name", "process", name="reports_pk"),
        sqlite_with_rowid=False,
    )
