"""The first tables."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

SECONDS: sa.Double[float] = sa.Double()
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _number() -> sa.Column[int]:
    return sa.Column("n", NUMBER, sa.Identity(), nullable=False)


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def upgrade() -> None:
    op.create_table(
        "blobs",
        sa.Column("workspace", NUMBER, nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("owner", NUMBER, nullable=False),
        sa.Column("mime", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", SECONDS, nullable=False),
        sa.PrimaryKeyConstraint("workspace", "sha256", name="blobs_pk"),
    )
    op.create_table(
        "checkpoints",
        sa.Column("key", NUMBER, autoincrement=False, nullable=False),
        sa.Column("owner", NUMBER, nullable=False),
        sa.Column("run", NUMBER, nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="checkpoints_pk"),
    )
    op.create_table(
        "contexts",
        sa.Column("thread", NUMBER, nullable=False),
        sa.Column("conversation", sa.Text(), nullable=False),
        sa.Column("owner", NUMBER, nullable=False),
        sa.Column("start", NUMBER, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("thread", "conversation", name="contexts_pk"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "events",
        sa.Column("key", NUMBER, autoincrement=False, nullable=False),
        sa.Column("owner", NUMBER, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="events_pk"),
    )
    op.create_table(
        "finished",
        sa.Column("place", NUMBER, nullable=False),
        sa.Column("step", NUMBER, nullable=False),
        sa.Column("activation", sa.Text(), nullable=False),
        sa.Column("owner", NUMBER, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("place", "step", "activation", name="finished_pk"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "messages",
        sa.Column("thread", NUMBER, nullable=False),
        sa.Column("seq", NUMBER, nullable=False),
        sa.Column("owner", NUMBER, nullable=False),
        sa.Column("run", NUMBER, nullable=True),
        sa.Column("conversation", sa.Text(), nullable=False),
        sa.Column("at", SECONDS, nullable=False),
        sa.Column("tokens", NUMBER, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("thread", "seq", name="messages_pk"),
    )
    op.create_index(
        "messages_nested", "messages", ["thread", "conversation", "seq"], unique=False, **_where("conversation <> ''")
    )
    op.create_table(
        "owners",
        _number(),
        sa.Column("workspace", NUMBER, nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("n", name="owners_pk"),
        sa.UniqueConstraint("workspace", "user_id", name="owners_workspace_user_id_uq"),
    )
    op.create_table(
        "places",
        _number(),
        sa.Column("thread", NUMBER, nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("n", name="places_pk"),
        sa.UniqueConstraint("thread", "path", "channel", name="places_thread_path_channel_uq"),
    )
    op.create_table(
        "questions",
        sa.Column("run", NUMBER, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("workspace", NUMBER, nullable=False),
        sa.Column("owner", NUMBER, nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("schema", sa.LargeBinary(), nullable=True),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        sa.Column("expires_at", SECONDS, nullable=True),
        sa.Column("created_at", SECONDS, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("fallback", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("run", "id", name="questions_pk"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "questions_due", "questions", ["expires_at"], unique=False,
        **_where("status = 'open' AND expires_at IS NOT NULL"),
    )  # fmt: skip
    op.create_index(
        "questions_open", "questions", ["workspace", "created_at"], unique=False, **_where("status = 'open'")
    )
    op.create_index("questions_told", "questions", ["run"], unique=False, **_where("status IN ('answered', 'expired')"))
    op.create_table(
        "runs",
        _number(),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("thread", NUMBER, nullable=False),
        sa.Column("workspace", NUMBER, nullable=False),
        sa.Column("owner", NUMBER, nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("input", sa.LargeBinary(), nullable=True),
        sa.Column("output", sa.LargeBinary(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("usage", sa.LargeBinary(), nullable=True),
        sa.Column("first_message", NUMBER, nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=True),
        sa.Column("digest", sa.LargeBinary(), nullable=True),
        sa.Column("epoch", NUMBER, nullable=False),
        sa.Column("fence", NUMBER, nullable=False),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("attempts", NUMBER, nullable=False),
        sa.Column("priority", NUMBER, nullable=False),
        sa.Column("wake_at", SECONDS, nullable=True),
        sa.Column("created_at", SECONDS, nullable=False),
        sa.Column("updated_at", SECONDS, nullable=False),
        sa.Column("origin", sa.LargeBinary(), nullable=True),
        sa.Column("limits", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("n", name="runs_pk"),
        sa.UniqueConstraint("id", name="runs_id_uq"),
    )
    op.create_index(
        "runs_key", "runs", ["workspace", "idempotency_key"], unique=True, **_where("idempotency_key IS NOT NULL")
    )
    op.create_index("runs_lease", "runs", ["thread"], unique=True, **_where("status = 'running'"))
    op.create_index("runs_thread_ix", "runs", ["thread", "n"], unique=False)
    op.create_index("runs_waiting", "runs", ["n"], unique=False, **_where("status IN ('queued', 'sleeping')"))
    op.create_index("runs_workspace_ix", "runs", ["workspace", "n"], unique=False)
    op.create_table(
        "slots",
        sa.Column("key", NUMBER, autoincrement=False, nullable=False),
        sa.Column("owner", NUMBER, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="slots_pk"),
    )
    op.create_table(
        "threads",
        _number(),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("workspace", NUMBER, nullable=False),
        sa.Column("owner", NUMBER, nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("head_seq", NUMBER, nullable=False),
        sa.Column("created_at", SECONDS, nullable=False),
        sa.Column("updated_at", SECONDS, nullable=False),
        sa.Column("forks", NUMBER, server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("n", name="threads_pk"),
        sa.UniqueConstraint("id", name="threads_id_uq"),
    )
    op.create_index("threads_owner_updated_at_ix", "threads", ["owner", "updated_at"], unique=False)
    op.create_index("threads_workspace_updated_at_ix", "threads", ["workspace", "updated_at"], unique=False)
    op.create_table(
        "workers",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("beat", SECONDS, nullable=False),
        sa.Column("draining", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("id", name="workers_pk"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "workspaces",
        _number(),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("n", name="workspaces_pk"),
        sa.UniqueConstraint("name", name="workspaces_name_uq"),
    )
    op.create_table(
        "trails",
        _number(),
        sa.Column("workspace", NUMBER, nullable=False),
        sa.Column("owner", NUMBER, nullable=False),
        sa.Column("thread", sa.Text(), nullable=False),
        sa.Column("namespace", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("n", name="trails_pk"),
        sa.UniqueConstraint("workspace", "thread", "namespace", name="trails_workspace_thread_namespace_uq"),
    )
    op.create_table(
        "trail_points",
        sa.Column("trail", NUMBER, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("owner", NUMBER, nullable=False),
        sa.Column("parent", sa.Text(), nullable=True),
        sa.Column("run", sa.Text(), nullable=True),
        sa.Column("versions", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("about_kind", sa.Text(), nullable=False),
        sa.Column("about", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("trail", "id", name="trail_points_pk"),
    )
    op.create_index("trail_points_run", "trail_points", ["run"], unique=False, **_where("run IS NOT NULL"))
    op.create_table(
        "trail_values",
        sa.Column("trail", NUMBER, nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("owner", NUMBER, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("trail", "channel", "version", name="trail_values_pk"),
    )
    op.create_table(
        "trail_writes",
        sa.Column("trail", NUMBER, nullable=False),
        sa.Column("point", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("idx", NUMBER, nullable=False),
        sa.Column("owner", NUMBER, nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("trail", "point", "task", "idx", name="trail_writes_pk"),
    )
    op.create_index("runs_line", "runs", ["thread", "n"], unique=False, **_where("status = 'queued'"))
    op.create_table(
        "inbox",
        sa.Column("run", NUMBER, nullable=False),
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("owner", NUMBER, nullable=False),
        sa.Column("at", SECONDS, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("wakes", NUMBER, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("run", "number", name="inbox_pk"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "steering",
        sa.Column("run", NUMBER, nullable=False),
        sa.Column("owner", NUMBER, nullable=False),
        sa.Column("taken", NUMBER, nullable=False),
        sa.Column("held", NUMBER, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("run", name="steering_pk"),
        sqlite_with_rowid=False,
    )
    op.create_index("steering_held", "steering", ["run"], unique=False, **_where("held = 1"))
    op.create_table(
        "calls",
        sa.Column("workspace", NUMBER, nullable=False),
        sa.Column("at", SECONDS, nullable=False),
        sa.Column("run", NUMBER, nullable=False),
        sa.Column("seq", NUMBER, nullable=False),
        sa.Column("owner", NUMBER, nullable=False),
        sa.Column("count", NUMBER, nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("input_tokens", NUMBER, nullable=False),
        sa.Column("output_tokens", NUMBER, nullable=False),
        sa.Column("cached_tokens", NUMBER, nullable=False),
        sa.Column("cache_write_tokens", NUMBER, nullable=False),
        sa.Column("reasoning_tokens", NUMBER, nullable=False),
        sa.Column("audio_tokens", NUMBER, nullable=False),
        sa.Column("nanos", NUMBER, nullable=True),
        sa.Column("duration", NUMBER, nullable=False),
        sa.Column("first_piece", NUMBER, nullable=True),
        sa.Column("finish", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("workspace", "at", "run", "seq", name="calls_pk"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "budgets",
        sa.Column("workspace", NUMBER, nullable=False),
        sa.Column("of", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("per", sa.Text(), nullable=False),
        sa.Column("nanos", NUMBER, nullable=True),
        sa.Column("tokens", NUMBER, nullable=True),
        sa.Column("unpriced", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "of", "subject", "per", name="budgets_pk"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "tallies",
        _number(),
        sa.Column("workspace", NUMBER, nullable=False),
        sa.Column("of", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("per", sa.Text(), nullable=False),
        sa.Column("starts_at", SECONDS, nullable=False),
        sa.Column("nanos", NUMBER, nullable=False),
        sa.Column("tokens", NUMBER, nullable=False),
        sa.Column("held_nanos", NUMBER, nullable=False),
        sa.Column("held_tokens", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("n", name="tallies_pk"),
        sa.UniqueConstraint(
            "workspace", "of", "subject", "per", "starts_at", name="tallies_workspace_of_subject_per_starts_at_uq"
        ),
    )
    op.create_table(
        "reservations",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tally", NUMBER, nullable=False),
        sa.Column("run", NUMBER, nullable=False),
        sa.Column("fence", NUMBER, nullable=False),
        sa.Column("nanos", NUMBER, nullable=False),
        sa.Column("tokens", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("id", "tally", name="reservations_pk"),
        sqlite_with_rowid=False,
    )
