"""What PostgreSQL must not sample for its planner: its statistics would keep it after it was erased."""

from collections.abc import Sequence

from sqlalchemy import LargeBinary

from weft.storage.tables import metadata

_WORDS = {
    "owners": ("user_id",),
    "threads": ("id", "title"),
    "runs": ("error", "idempotency_key"),
    "questions": ("id", "path"),
    "inbox": ("actor",),
    "trails": ("thread", "namespace"),
    "trail_points": ("parent",),
    "budgets": ("subject",),
    "tallies": ("subject",),
    "audit": ("answer", "sources", "rule"),
    "shelves": ("of_thread",),
    "memories": ("text", "subject", "attribute", "relation", "object"),
    "documents": ("name", "origin", "title", "facts", "error", "more"),
    "document_readers": ("reader",),
    "pieces": ("text", "context"),
    "items": ("namespace", "key"),
    "memory_sources": ("of_thread",),
    "chores": ("of", "error"),
    "feedback": ("value", "author"),
    "notes": ("key",),
}
"""Columns of text by their tables; all bytes are left out too."""


def unsampled() -> Sequence[str]:
    """Statements for PostgreSQL."""
    columns = [(name, column) for name, columns in _WORDS.items() for column in columns]
    for table in metadata.sorted_tables:
        columns += [(table.name, one.name) for one in table.columns if isinstance(one.type, LargeBinary)]
    return [f'ALTER TABLE {table} ALTER COLUMN "{column}" SET STATISTICS 0' for table, column in columns]
