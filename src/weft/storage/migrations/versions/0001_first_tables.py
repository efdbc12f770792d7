"""The first tables."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from weft.storage import chain
from weft.storage.migrations.items import create_items
from weft.storage.migrations.knowledge import create_knowledge
from weft.storage.migrations.privacy import create_privacy
from weft.storage.migrations.reports import create_reports

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
        sa.Column("key", NUMBER, autoincrement=False, nullable=False),
        sa.Column("owner", NUMBER, nullable=False),
        sa.Column("run", NUMBER, nullable=True),
        sa.Column("conversation", sa.Text(), nullable=False),
        sa.Column("at", SECONDS, nullable=False),
        sa.Column("tokens", NUMBER, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="messages_pk"),
    )
    op.create_index(
        "messages_nested", "messages", ["conversation", "key"], unique=False, **_where("conversation <> ''")
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
    op.create_index("runs_paused", "runs", ["thread"], unique=False, **_where("status = 'paused'"))
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
        sa.Column("chore", NUMBER, nullable=False),
        sa.Column("nanos", NUMBER, nullable=False),
        sa.Column("tokens", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("id", "tally", name="reservations_pk"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "routers",
        sa.Column("workspace", NUMBER, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", NUMBER, nullable=False),
        sa.Column("at", SECONDS, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "name", "version", name="routers_pk"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "answers",
        sa.Column("workspace", NUMBER, nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("owner", NUMBER, nullable=False),
        sa.Column("thread", NUMBER, nullable=False),
        sa.Column("expires_at", SECONDS, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "digest", name="answers_pk"),
        sqlite_with_rowid=False,
    )
    op.create_index("answers_expiry", "answers", ["workspace", "expires_at"])
    op.create_index("answers_thread", "answers", ["thread"])
    op.create_table(
        "policies",
        sa.Column("workspace", NUMBER, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", NUMBER, nullable=False),
        sa.Column("at", SECONDS, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "name", "version", name="policies_pk"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "audit",
        sa.Column("workspace", NUMBER, nullable=False),
        sa.Column("at", SECONDS, nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("seq", NUMBER, nullable=False),
        sa.Column("run", NUMBER, nullable=False),
        sa.Column("owner", NUMBER, nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("tool", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("effect", sa.Text(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("sources", sa.Text(), nullable=False),
        sa.Column("arguments", sa.LargeBinary(), nullable=False),
        sa.Column("result", sa.LargeBinary(), nullable=True),
        sa.Column("failed", NUMBER, nullable=False),
        sa.Column("duration", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("workspace", "at", "run_id", "seq", name="audit_pk"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "shelves",
        _number(),
        sa.Column("workspace", NUMBER, nullable=False),
        sa.Column("owner", NUMBER, nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("of_thread", sa.Text(), nullable=False),
        sa.Column("revision", NUMBER, nullable=False),
        sa.Column("erased", NUMBER, nullable=False),
        sa.Column("space", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("n", name="shelves_pk"),
        sa.UniqueConstraint(
            "workspace", "owner", "agent", "of_thread", name="shelves_workspace_owner_agent_of_thread_uq"
        ),
    )
    op.create_table(
        "memories",
        _number(),
        sa.Column("shelf", NUMBER, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("version", NUMBER, nullable=False),
        sa.Column("revision", NUMBER, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("attribute", sa.Text(), nullable=False),
        sa.Column("relation", sa.Text(), nullable=False),
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("valid_from", SECONDS, nullable=False),
        sa.Column("valid_to", SECONDS, nullable=True),
        sa.Column("until", SECONDS, nullable=True),
        sa.Column("known_from", SECONDS, nullable=False),
        sa.Column("known_to", SECONDS, nullable=True),
        sa.Column("expires_at", SECONDS, nullable=True),
        sa.Column("trust", sa.Text(), nullable=False),
        sa.Column("importance", SECONDS, nullable=False),
        sa.Column("pinned", NUMBER, nullable=False),
        sa.Column("rejected", sa.Text(), nullable=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=True),
        sa.Column("embedder", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("n", name="memories_pk"),
        sa.UniqueConstraint("shelf", "id", "version", name="memories_shelf_id_version_uq"),
        sqlite_autoincrement=True,
    )
    op.create_index("memories_shelf_revision_ix", "memories", ["shelf", "revision"], unique=False)
    op.create_index("memories_shelf_digest_ix", "memories", ["shelf", "digest"], unique=False)
    op.create_index(
        "memories_shelf_subject_attribute_object_ix",
        "memories",
        ["shelf", "subject", "attribute", "object"],
        unique=False,
    )
    op.create_table(
        "memory_sources",
        sa.Column("shelf", NUMBER, nullable=False),
        sa.Column("memory", sa.Text(), nullable=False),
        sa.Column("of_thread", sa.Text(), nullable=False),
        sa.Column("message", NUMBER, nullable=False),
        sa.Column("of_run", sa.Text(), nullable=False),
        sa.Column("at", SECONDS, nullable=False),
        sa.PrimaryKeyConstraint("shelf", "memory", "of_thread", "message", "of_run", name="memory_sources_pk"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "secrets",
        sa.Column("workspace", NUMBER, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("at", SECONDS, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "name", name="secrets_pk"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "tools",
        sa.Column("workspace", NUMBER, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("at", SECONDS, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "name", name="tools_pk"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "audit_links",
        sa.Column("workspace", NUMBER, nullable=False),
        sa.Column("n", NUMBER, nullable=False),
        sa.Column("at", SECONDS, nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("seq", NUMBER, nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.Column("erased_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("workspace", "n", name="audit_links_pk"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "blob_uses",
        sa.Column("workspace", NUMBER, nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("thread", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("workspace", "sha256", "thread", name="blob_uses_pk"),
        sqlite_with_rowid=False,
    )
    op.create_index("blob_uses_thread", "blob_uses", ["thread"])
    if op.get_bind().dialect.name == "postgresql":
        for statement in chain.POSTGRES:
            op.execute(statement)
    _create_chores()
    _create_feedback()
    _create_notes()
    create_reports()
    create_items()
    create_knowledge()
    create_privacy()


def _create_chores() -> None:
    due = sa.text("status IN ('waiting', 'working')")
    op.create_table(
        "chores",
        _number(),
        *[sa.Column(name, NUMBER, nullable=False) for name in ("workspace", "owner", "thread", "run")],
        *[sa.Column(name, sa.Text(), nullable=False) for name in ("kind", "agent", "of", "status")],
        *[sa.Column(name, SECONDS, nullable=False) for name in ("due_at", "lease")],
        *[sa.Column(name, NUMBER, nullable=False) for name in ("fence", "tries", "done", "total", "mark")],
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("n", name="chores_pk"),
        sa.UniqueConstraint("workspace", "kind", "agent", "of", name="chores_workspace_kind_agent_of_uq"),
    )
    op.create_index("chores_due", "chores", ["workspace", "due_at"], sqlite_where=due, postgresql_where=due)
    op.create_index("chores_thread", "chores", ["thread"])


def _create_feedback() -> None:
    op.create_table(
        "feedback",
        _number(),
        *[sa.Column(name, NUMBER, nullable=False) for name in ("workspace", "owner", "thread", "run", "message")],
        *[sa.Column(name, sa.Text(), nullable=False) for name in ("agent", "kind", "value", "author")],
        sa.Column("at", SECONDS, nullable=False),
        sa.PrimaryKeyConstraint("n", name="feedback_pk"),
    )
    op.create_index("feedback_thread", "feedback", ["thread"])
    op.create_index("feedback_agent", "feedback", ["workspace", "agent", "n"])


def _create_notes() -> None:
    op.create_table(
        "notes",
        _number(),
        *[sa.Column(name, NUMBER, nullable=False) for name in ("workspace", "owner", "thread", "run")],
        *[sa.Column(name, sa.Text(), nullable=False) for name in ("key", "kind", "stage", "agent")],
        sa.Column("at", SECONDS, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("n", name="notes_pk"),
        sa.UniqueConstraint("run", "key", name="notes_run_key_uq"),
    )
    op.create_index("notes_thread", "notes", ["thread"])
