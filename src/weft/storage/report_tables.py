"""The table in which each process leaves its last report for the others."""

from sqlalchemy import BigInteger, Column, Double, Integer, LargeBinary, MetaData, PrimaryKeyConstraint, Table, Text

_NUMBER = BigInteger().with_variant(Integer, "sqlite")
_SECONDS: Double[float] = Double()


def report_tables(metadata: MetaData) -> Table:
    """``reports``."""
    return Table(
        "reports",
        metadata,
        Column("workspace", _NUMBER, nullable=False),
        Column("name", Text, nullable=False),
        Column("process", Text, nullable=False),
        Column("at", _SECONDS, nullable=False),
        Column("body", LargeBinary, nullable=False),
        PrimaryKeyConstraint("workspace", "name", "process"),
        sqlite_with_rowid=False,
    )
