"""The tables of privacy: what is being erased, here and in indexes outside, and keys that content is sealed under."""

from sqlalchemy import BigInteger, Column, Double, Identity, Integer, LargeBinary, MetaData, Table, Text

_NUMBER = BigInteger().with_variant(Integer, "sqlite")
_SECONDS: Double[float] = Double()


def privacy_tables(metadata: MetaData) -> tuple[Table, Table, Table, Table]:
    """``erasures``, ``data_keys``, ``resealings`` and ``strays``."""
    return (
        Table(
            "erasures",
            metadata,
            Column("n", _NUMBER, Identity(), primary_key=True),
            Column("of", Text, nullable=False),
            Column("alias", Text, nullable=False),
            Column("workspace", _NUMBER, nullable=False),
            Column("owner", _NUMBER, nullable=False),
            Column("at", _SECONDS, nullable=False),
        ),
        Table(
            "data_keys",
            metadata,
            Column("id", LargeBinary, primary_key=True),
            Column("workspace", _NUMBER, nullable=False),
            Column("kind", Text, nullable=False),
            Column("at", _SECONDS, nullable=False),
            Column("retired_at", _SECONDS),
            Column("wrapped", LargeBinary, nullable=False),
        ),
        Table(
            "resealings",
            metadata,
            Column("workspace", _NUMBER, primary_key=True, autoincrement=False),
            Column("at", _SECONDS, nullable=False),
            Column("mark", Text, nullable=False),
            Column("done", _NUMBER, nullable=False),
            Column("total", _NUMBER, nullable=False),
        ),
        Table(
            "strays",
            metadata,
            Column("n", _NUMBER, Identity(), primary_key=True),
            Column("space", Text, nullable=False),
            Column("id", Text, nullable=False),
        ),
    )
