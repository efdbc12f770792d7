"""The tables, once for both databases: what is kept where, and in how few bytes.

Threads, runs, owners and workspaces have a number (``n``) beside their id, and the rows below them
carry that number: an id of 25 characters in each message, event and slot would be a third of the file.
Every row with a user's data says whose it is: ``owner`` is the number of a (workspace, user) pair.

What is written at every step (events, messages, checkpoints, slots) has one number for its key: on SQLite that is
the row's place in the table's only tree, a third cheaper than a key of two columns, and a body of a kilobyte
stays in its page (``docs/decisions/0012-a-step-is-two-rows.md``). Other small rows are clustered by their key
(``WITHOUT ROWID``).

There are no foreign keys: each row is written in the transaction that has just read its parent, and the
check would cost a lookup for every event.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.schema import SchemaItem

from weft.storage.privacy_tables import privacy_tables
from weft.storage.report_tables import report_tables
from weft.storage.sealed import mark_columns

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pk",
        "uq": "%(table_name)s_%(column_0_N_name)s_uq",
        "ix": "%(table_name)s_%(column_0_N_name)s_ix",
    }
)

SECONDS: Double[float] = Double()
NUMBER = BigInteger().with_variant(Integer, "sqlite")


def _number() -> Column[int]:
    """The number of a row: on SQLite its rowid."""
    return Column("n", NUMBER, Identity(), primary_key=True)


def _column(name: str, type: type[Text | LargeBinary] | Double[float] | None = None) -> Column[Any]:
    return Column(name, type or NUMBER, nullable=False)


def _clustered(name: str, *items: SchemaItem, key: tuple[str, ...]) -> Table:
    return Table(name, metadata, *items, PrimaryKeyConstraint(*key), sqlite_with_rowid=False)


workspaces = Table("workspaces", metadata, _number(), _column("name", Text), UniqueConstraint("name"))

owners = Table(
    "owners",
    metadata,
    _number(),
    _column("workspace"),
    _column("user_id", Text),
    UniqueConstraint("workspace", "user_id"),
)

threads = Table(
    "threads",
    metadata,
    _number(),
    _column("id", Text),
    _column("workspace"),
    _column("owner"),
    _column("title", Text),
    _column("target", Text),
    _column("head_seq"),
    _column("created_at", SECONDS),
    _column("updated_at", SECONDS),
    Column("forks", NUMBER, nullable=False, server_default=text("0")),
    UniqueConstraint("id"),
    Index(None, "owner", "updated_at"),
    Index(None, "workspace", "updated_at"),
)

runs = Table(
    "runs",
    metadata,
    _number(),
    _column("id", Text),
    _column("thread"),
    _column("workspace"),
    _column("owner"),
    _column("target", Text),
    _column("status", Text),
    Column("input", LargeBinary),
    Column("output", LargeBinary),
    Column("error", Text),
    Column("usage", LargeBinary),
    _column("first_message"),
    Column("idempotency_key", Text),
    Column("digest", LargeBinary),
    _column("epoch"),
    _column("fence"),
    Column("worker", Text),
    _column("attempts"),
    _column("priority"),
    Column("wake_at", SECONDS),
    _column("created_at", SECONDS),
    _column("updated_at", SECONDS),
    Column("origin", LargeBinary),
    Column("limits", LargeBinary),
    UniqueConstraint("id"),
    Index("runs_thread_ix", "thread", "n"),
    Index("runs_workspace_ix", "workspace", "n"),
)
"""``input`` is NULL for ``null``. ``digest`` tells whether an idempotency key comes with the same request again.

The number of the last event is not kept: it is the greatest in ``events``. So a step that only goes on
leaves the run's row alone.
"""

for _name, _columns, _unique, _where in (
    ("runs_lease", ("thread",), True, "status = 'running'"),
    ("runs_waiting", ("n",), False, "status IN ('queued', 'sleeping')"),
    ("runs_line", ("thread", "n"), False, "status = 'queued'"),
    ("runs_paused", ("thread",), False, "status = 'paused'"),
    ("runs_key", ("workspace", "idempotency_key"), True, "idempotency_key IS NOT NULL"),
):
    Index(
        _name,
        *(runs.c[column] for column in _columns),
        unique=_unique,
        sqlite_where=text(_where),
        postgresql_where=text(_where),
    )
"""``runs_lease`` is the lease of a thread: at most one of its runs is running. ``runs_line`` is the line before it."""

contexts = _clustered(
    "contexts",
    _column("thread"),
    _column("conversation", Text),
    _column("owner"),
    _column("start"),
    _column("body", LargeBinary),
    key=("thread", "conversation"),
)

SPAN = 2**32
"""In a ``_counted`` table the key of a row is ``parent * SPAN + number``: the parent's rows lie side by side."""


def _counted(name: str, *items: SchemaItem) -> Table:
    return Table(name, metadata, Column("key", NUMBER, primary_key=True, autoincrement=False), _column("owner"), *items)


messages = _counted(
    "messages",
    Column("run", NUMBER),
    _column("conversation", Text),
    _column("at", SECONDS),
    _column("tokens"),
    _column("body", LargeBinary),
    Index(
        "messages_nested",
        "conversation",
        "key",
        sqlite_where=text("conversation <> ''"),
        postgresql_where=text("conversation <> ''"),
    ),
)
"""Counted in their thread."""

events = _counted("events", _column("body", LargeBinary))
"""One row for the events of a commit, counted in its run by the last of them."""

places = Table(
    "places",
    metadata,
    _number(),
    _column("thread"),
    _column("path", Text),
    _column("channel", Text),
    UniqueConstraint("thread", "path", "channel"),
)
"""Where in a thread state is kept: the number of a graph (its path) and, for appends, of a channel of it."""

checkpoints = _counted("checkpoints", Column("run", NUMBER), _column("body", LargeBinary))
"""Counted in its place by the step. The body holds the values that were set in this step."""

slots = _counted("slots", _column("body", LargeBinary))
"""What a step appended to a channel, counted in the channel's place by the step."""

finished = _clustered(
    "finished",
    _column("place"),
    _column("step"),
    _column("activation", Text),
    _column("owner"),
    _column("body", LargeBinary),
    key=("place", "step", "activation"),
)

questions = _clustered(
    "questions",
    _column("run"),
    _column("id", Text),
    _column("workspace"),
    _column("owner"),
    _column("path", Text),
    _column("status", Text),
    _column("payload", LargeBinary),
    Column("schema", LargeBinary),
    Column("answer", LargeBinary),
    Column("expires_at", SECONDS),
    _column("created_at", SECONDS),
    _column("kind", Text),
    Column("fallback", LargeBinary),
    Index(
        "questions_open",
        "workspace",
        "created_at",
        sqlite_where=text("status = 'open'"),
        postgresql_where=text("status = 'open'"),
    ),
    Index(
        "questions_due",
        "expires_at",
        sqlite_where=text("status = 'open' AND expires_at IS NOT NULL"),
        postgresql_where=text("status = 'open' AND expires_at IS NOT NULL"),
    ),
    Index(
        "questions_told",
        "run",
        sqlite_where=text("status IN ('answered', 'expired')"),
        postgresql_where=text("status IN ('answered', 'expired')"),
    ),
    key=("run", "id"),
)
"""``questions_told`` has the answers that their run has not seen yet."""

workers = _clustered("workers", _column("id", Text), _column("beat", SECONDS), _column("draining"), key=("id",))

blobs = Table(
    "blobs",
    metadata,
    _column("workspace"),
    _column("sha256", LargeBinary),
    _column("owner"),
    _column("mime", Text),
    _column("body", LargeBinary),
    _column("created_at", SECONDS),
    PrimaryKeyConstraint("workspace", "sha256"),
)

trails = Table(
    "trails",
    metadata,
    _number(),
    _column("workspace"),
    _column("owner"),
    _column("thread", Text),
    _column("namespace", Text),
    UniqueConstraint("workspace", "thread", "namespace"),
)
"""Checkpoints of graphs of other engines: one trail for each graph of a thread. The thread need not be one of ours."""

trail_points = Table(
    "trail_points",
    metadata,
    _column("trail"),
    _column("id", Text),
    _column("owner"),
    Column("parent", Text),
    Column("run", Text),
    _column("versions", LargeBinary),
    _column("kind", Text),
    _column("body", LargeBinary),
    _column("about_kind", Text),
    _column("about", LargeBinary),
    PrimaryKeyConstraint("trail", "id"),
    Index("trail_points_run", "run", sqlite_where=text("run IS NOT NULL"), postgresql_where=text("run IS NOT NULL")),
)

trail_values = Table(
    "trail_values",
    metadata,
    _column("trail"),
    _column("channel", Text),
    _column("version", Text),
    _column("owner"),
    _column("kind", Text),
    _column("body", LargeBinary),
    PrimaryKeyConstraint("trail", "channel", "version"),
)

trail_writes = Table(
    "trail_writes",
    metadata,
    _column("trail"),
    _column("point", Text),
    _column("path", Text),
    _column("task", Text),
    _column("idx"),
    _column("owner"),
    _column("channel", Text),
    _column("kind", Text),
    _column("body", LargeBinary),
    PrimaryKeyConstraint("trail", "point", "task", "idx"),
)

inbox = _clustered(
    "inbox",
    _column("run"),
    _column("number"),
    _column("owner"),
    _column("at", SECONDS),
    _column("kind", Text),
    _column("actor", Text),
    _column("wakes"),
    _column("body", LargeBinary),
    key=("run", "number"),
)
"""Commands that wait for their run. Those that were taken are swept out: the run's events tell of them."""

steering = _clustered(
    "steering",
    _column("run"),
    _column("owner"),
    _column("taken"),
    _column("held"),
    _column("body", LargeBinary),
    Index("steering_held", "run", sqlite_where=text("held = 1"), postgresql_where=text("held = 1")),
    key=("run",),
)
"""One row for each run that somebody has steered."""

calls = _clustered(
    "calls",
    _column("workspace"),
    _column("at", SECONDS),
    _column("run"),
    _column("seq"),
    _column("owner"),
    _column("count"),
    _column("agent", Text),
    _column("model", Text),
    *[_column(f"{kind}_tokens") for kind in ("input", "output", "cached", "cache_write", "reasoning", "audio")],
    Column("nanos", NUMBER),
    _column("duration"),
    Column("first_piece", NUMBER),
    _column("finish", Text),
    Column("error", Text),
    key=("workspace", "at", "run", "seq"),
)
"""The ledger. A row with ``run`` 0 is what is left of deleted threads: a sum of ``count`` calls of one day."""

budgets = _clustered(
    "budgets",
    _column("workspace"),
    _column("of", Text),
    _column("subject", Text),
    _column("per", Text),
    Column("nanos", NUMBER),
    Column("tokens", NUMBER),
    _column("unpriced", Text),
    key=("workspace", "of", "subject", "per"),
)

tallies = Table(
    "tallies",
    metadata,
    _number(),
    _column("workspace"),
    _column("of", Text),
    _column("subject", Text),
    _column("per", Text),
    _column("starts_at", SECONDS),
    _column("nanos"),
    _column("tokens"),
    _column("held_nanos"),
    _column("held_tokens"),
    UniqueConstraint("workspace", "of", "subject", "per", "starts_at"),
)
"""What is used of a budget in a period, and what is held for calls that are being made."""

reservations = _clustered(
    "reservations",
    _column("id", Text),
    _column("tally"),
    _column("run"),
    _column("fence"),
    _column("chore"),
    _column("nanos"),
    _column("tokens"),
    key=("id", "tally"),
)

routers = _clustered(
    "routers",
    _column("workspace"),
    _column("name", Text),
    _column("version"),
    _column("at", SECONDS),
    _column("body", LargeBinary),
    key=("workspace", "name", "version"),
)
"""Every version of a workspace's router; the greatest is the one that holds."""

answers = _clustered(
    "answers",
    _column("workspace"),
    _column("digest", Text),
    _column("owner"),
    _column("thread"),
    _column("expires_at", SECONDS),
    _column("body", LargeBinary),
    Index("answers_expiry", "workspace", "expires_at"),
    Index("answers_thread", "thread"),
    key=("workspace", "digest"),
)
"""What models answered, by the digest of what was asked: given again until it is too old."""

policies = _clustered(
    "policies",
    _column("workspace"),
    _column("name", Text),
    _column("version"),
    _column("at", SECONDS),
    _column("body", LargeBinary),
    key=("workspace", "name", "version"),
)
"""Every version of a workspace's policy for the use of tools; the greatest is the one that holds."""

audit = _clustered(
    "audit",
    _column("workspace"),
    _column("at", SECONDS),
    _column("run_id", Text),
    _column("seq"),
    _column("run"),
    _column("owner"),
    *[_column(name, Text) for name in ("agent", "tool", "call_id", "effect", "decision", "rule", "answer", "sources")],
    _column("arguments", LargeBinary),
    Column("result", LargeBinary),
    _column("failed"),
    _column("duration"),
    key=("workspace", "at", "run_id", "seq"),
)
"""The use of tools, by hashes. Its rows stay when their thread is deleted, so they have the id of their run."""

shelves = Table(
    "shelves",
    metadata,
    _number(),
    _column("workspace"),
    _column("owner"),
    _column("agent", Text),
    _column("of_thread", Text),
    _column("revision"),
    _column("erased"),
    Column("space", Text),
    UniqueConstraint("workspace", "owner", "agent", "of_thread"),
)
"""Where memories lie: of a workspace (``owner`` of nobody) or of a user in it, of one agent or thread or ('') of all.

``revision`` counts its changes; ``erased`` is the revision of the last one that took something away, and before that
a number of its own below 0. ``space`` is where its vectors are in an index outside.
"""

memories = Table(
    "memories",
    metadata,
    _number(),
    _column("shelf"),
    _column("id", Text),
    _column("version"),
    _column("revision"),
    _column("kind", Text),
    _column("text", Text),
    _column("subject", Text),
    _column("attribute", Text),
    _column("relation", Text),
    _column("object", Text),
    _column("valid_from", SECONDS),
    Column("valid_to", SECONDS),
    Column("until", SECONDS),
    _column("known_from", SECONDS),
    Column("known_to", SECONDS),
    Column("expires_at", SECONDS),
    _column("trust", Text),
    _column("importance", SECONDS),
    _column("pinned"),
    Column("rejected", Text),
    _column("digest", LargeBinary),
    Column("vector", LargeBinary),
    Column("embedder", Text),
    UniqueConstraint("shelf", "id", "version"),
    *[Index(None, "shelf", name) for name in ("revision", "digest")],
    Index(None, "shelf", "subject", "attribute", "object"),
    sqlite_autoincrement=True,  # its number names its vector in an index outside: it is given to no other row
)
"""Every version of every memory, by when it held and when it was known (``known_to`` is NULL for what is known now)."""

memory_sources = _clustered(
    "memory_sources",
    _column("shelf"),
    _column("memory", Text),
    _column("of_thread", Text),
    _column("message"),
    _column("of_run", Text),
    _column("at", SECONDS),
    key=("shelf", "memory", "of_thread", "message", "of_run"),
)
"""Who or what a memory came from; one that was heard twice has two."""

secrets = _clustered(
    "secrets",
    _column("workspace"),
    _column("name", Text),
    _column("at", SECONDS),
    _column("body", LargeBinary),
    key=("workspace", "name"),
)
"""Tokens and the like, sealed before they come here (``security/sealing.py``)."""

tools = _clustered(
    "tools",
    _column("workspace"),
    _column("name", Text),
    _column("at", SECONDS),
    _column("body", LargeBinary),
    key=("workspace", "name"),
)
"""Tools that were added to a workspace, or enabled in it."""

audit_links = _clustered(
    "audit_links",
    _column("workspace"),
    _column("n"),
    _column("at", SECONDS),
    _column("run_id", Text),
    _column("seq"),
    _column("seal", LargeBinary),
    Column("erased_by", Text),
    key=("workspace", "n"),
)
"""The chain of the audit, written by triggers (``storage/chain.py``). A link stays where its row was erased."""

blob_uses = _clustered(
    "blob_uses",
    _column("workspace"),
    _column("sha256", LargeBinary),
    _column("thread"),
    Index("blob_uses_thread", "thread"),
    key=("workspace", "sha256", "thread"),
)
"""Which threads (below 0: documents) a blob is of; 0: of none, to be kept. It goes with the last of them."""

chores = Table(
    "chores",
    metadata,
    _number(),
    _column("workspace"),
    _column("owner"),
    _column("thread"),
    _column("run"),
    _column("kind", Text),
    _column("agent", Text),
    _column("of", Text),
    _column("status", Text),
    _column("due_at", SECONDS),
    _column("lease", SECONDS),
    _column("fence"),
    _column("tries"),
    _column("done"),
    _column("total"),
    _column("mark"),
    Column("body", LargeBinary),
    Column("error", Text),
    UniqueConstraint("workspace", "kind", "agent", "of"),
    Index(
        "chores_due",
        "workspace",
        "due_at",
        sqlite_where=text("status IN ('waiting', 'working')"),
        postgresql_where=text("status IN ('waiting', 'working')"),
    ),
    Index("chores_thread", "thread"),
)
"""What is to be done of memories beside the runs: ``of`` a run (with its thread), a user or the workspace (0, 0)."""

feedback = Table(
    "feedback",
    metadata,
    _number(),
    _column("workspace"),
    _column("owner"),
    _column("thread"),
    _column("run"),
    _column("message"),
    _column("agent", Text),
    _column("kind", Text),
    _column("value", Text),
    _column("author", Text),
    _column("at", SECONDS),
    Index("feedback_thread", "thread"),
    Index("feedback_agent", "workspace", "agent", "n"),
)
"""What people say of a run or (``message``) of one message of it."""

notes = Table(
    "notes",
    metadata,
    _number(),
    _column("workspace"),
    _column("owner"),
    _column("thread"),
    _column("run"),
    _column("key", Text),
    _column("kind", Text),
    _column("stage", Text),
    _column("agent", Text),
    _column("at", SECONDS),
    _column("body", LargeBinary),
    UniqueConstraint("run", "key"),
    Index("notes_thread", "thread"),
)
"""What a run put down for itself and others: proposals, critiques, decisions. One row for each ``key``."""

reports = report_tables(metadata)
erasures, data_keys, resealings, strays = privacy_tables(metadata)
mark_columns(*metadata.sorted_tables)
