"""What a commit is made of: ten kinds of rows, changes of the run, and the rules for both databases.

SQLite runs one prepared statement over all rows of a kind; PostgreSQL gets each column of a kind as an
array. What goes where, and what a commit that comes twice may do, is written here, once.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Insert,
    LargeBinary,
    Table,
    Text,
    case,
    exists,
    func,
    literal_column,
    null,
    select,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql.type_api import TypeEngine

from weft.errors import Conflict, Fenced, StoreError
from weft.storage import tables as t
from weft.storage.audits import AUDIT_COLUMNS, use_row
from weft.storage.base import ENDED, RESTING, Commit, RunChange
from weft.storage.event_rows import pack_events
from weft.storage.ledger import LEDGER_COLUMNS, call_row
from weft.storage.packing import pack_state
from weft.storage.phrases import shortened
from weft.storage.pieces import counted_in, greatest, key_of
from weft.storage.settling import settlement

NUMBER = BigInteger()
_ZERO = literal_column("0", NUMBER)


class Kind(Struct, frozen=True):
    """One kind of rows: those below a ``parent`` (the number of a run, a thread or a place), of an owner."""

    name: str
    table: Table
    parent: str
    columns: tuple[str, ...]
    """What a row has, in order, beside its parent and owner. ``run_id`` stands for the run's number."""
    counted: str = ""
    """The one of ``columns`` that counts rows in their parent, where both together are the key."""

    def type(self, column: str) -> TypeEngine[Any]:
        if column == "run_id":
            return Text()
        return NUMBER if column == self.counted else self.table.c[column].type


EVENTS = Kind("events", t.events, "run", ("seq", "body"), counted="seq")
MESSAGES = Kind("messages", t.messages, "thread", ("seq", "run_id", "conversation", "at", "tokens", "body"), "seq")
CONTEXTS = Kind("contexts", t.contexts, "thread", ("conversation", "start", "body"))
FINISHED = Kind("finished", t.finished, "place", ("step", "activation", "body"))
CHECKPOINTS = Kind("checkpoints", t.checkpoints, "place", ("step", "run", "body"), counted="step")
SLOTS = Kind("slots", t.slots, "place", ("step", "body"), counted="step")
QUESTIONS = Kind(
    *("questions", t.questions, "run"),
    ("id", "path", "status", "payload", "schema", "answer", "expires_at", "created_at", "kind", "fallback"),
)
STEERING = Kind("steering", t.steering, "run", ("taken", "held", "body"))
CALLS = Kind("calls", t.calls, "run", ("at", "seq", "count", *LEDGER_COLUMNS))
AUDIT = Kind("audit", t.audit, "run", ("at", "run_id", "seq", *AUDIT_COLUMNS))
KINDS = (EVENTS, MESSAGES, CONTEXTS, FINISHED, CHECKPOINTS, SLOTS, QUESTIONS, STEERING, CALLS, AUDIT)

Parts = dict[str, list[tuple[Any, ...]]]
"""Rows by the name of their kind."""
Place = Callable[[str, str], tuple[Any, ...]]
"""What leads to the place of a graph (its path, "") or of a channel of it."""


def add_rows(
    parts: Parts, commit: Commit, thread: tuple[Any, ...], run: tuple[Any, ...], place: Place, *, stale: bool
) -> None:
    """Lay out the commit: each row begins with what leads to its parent, ``thread``, ``run`` or a ``place``.

    Of a ``stale`` commit (one that comes again, after others) nothing may replace what is newer.
    """
    if commit.seal is not None:
        _add_sealed(parts, commit, thread, run, place, stale=stale)
        return
    if commit.events:
        parts["events"].append((*run, commit.seq, pack_events(commit.events)))
    if commit.messages:
        parts["messages"] += [
            (*thread, m.seq, m.run_id, m.conversation, m.at or commit.at, m.tokens, shortened(m.body))
            for m in commit.messages
        ]
    if commit.contexts and not stale:
        parts["contexts"] += [(*thread, c.conversation, c.start, c.body) for c in commit.contexts]
    if commit.finished:
        parts["finished"] += [(*place(f.path, ""), f.step, f.activation, f.body) for f in commit.finished]
    for c in commit.checkpoints:
        parts["checkpoints"].append((*place(c.path, ""), c.step, run[0], pack_state(c, commit.at)))
        if c.added:
            parts["slots"] += [(*place(c.path, channel), c.step, body) for channel, body in c.added.items()]
    for q in commit.questions:
        asked = (q.status, q.payload, q.schema, q.answer, q.expires_at, q.created_at or commit.at, q.kind, q.fallback)
        parts["questions"].append((*run, q.id, q.path, *asked))
    _add_rarer(parts, commit, run, stale=stale)


def _add_sealed(
    parts: Parts, commit: Commit, thread: tuple[Any, ...], run: tuple[Any, ...], place: Place, *, stale: bool
) -> None:
    plain: Parts = defaultdict(list)
    seal, commit.seal = commit.seal, None
    try:
        add_rows(plain, commit, thread, run, place, stale=stale)
    finally:
        commit.seal = seal
    seal.into(parts, plain)


def _add_rarer(parts: Parts, commit: Commit, run: tuple[Any, ...], *, stale: bool) -> None:
    if (steering := commit.steering) is not None and not stale:
        parts["steering"].append((*run, steering.taken, int(steering.held), steering.body))
    if commit.uses:
        parts["audit"] += [(*run, use.at, use.run_id, use.seq, *use_row(use)) for use in commit.uses]
    if commit.calls:
        parts["calls"] += [(*run, c.at, c.seq, 1, *call_row(c)) for c in commit.calls]
        parts["settled"] += [(*run, *settlement(c)) for c in commit.calls if c.reservation is not None]


def before(commit: Commit) -> int:
    """The number that the run's last event must have reached for this commit to leave no gap."""
    return commit.seq - len(commit.events)


def addition(
    kind: Kind,
    parent: ColumnElement[Any],
    owner: ColumnElement[Any],
    value: "Value",
    source: FromClause | None = None,
) -> Insert:
    """The statement that adds rows of a kind: one of parameters, or all of a ``source``."""
    columns = {kind.parent: parent, "owner": owner} | {name: value(name) for name in kind.columns}
    if kind.counted:
        columns["key"] = key_of(columns.pop(kind.parent), columns.pop(kind.counted))
    if kind is MESSAGES:
        columns["run"] = select(t.runs.c.n).where(t.runs.c.id == columns.pop("run_id")).scalar_subquery()
    if kind in (QUESTIONS, CALLS, AUDIT):
        columns["workspace"] = select(t.owners.c.workspace).where(t.owners.c.n == owner).scalar_subquery()
    statement = insert(kind.table).inline()
    if source is None and kind is not FINISHED:
        statement = statement.values(columns)
    else:
        rows = select(*[column.label(name) for name, column in columns.items()])
        rows = rows if source is None else rows.select_from(source)
        rows = rows.where(~_superseded(columns)) if kind is FINISHED else rows
        statement = statement.from_select(list(columns), rows)
    if kind is CONTEXTS:
        keys = ["thread", "conversation"]
        changed = {"start": statement.excluded.start, "body": statement.excluded.body}
        return statement.on_conflict_do_update(index_elements=keys, set_=changed)
    if kind is STEERING:
        changed = {name: statement.excluded[name] for name in kind.columns}
        return statement.on_conflict_do_update(index_elements=["run"], set_=changed)
    if kind is QUESTIONS:
        new, known = statement.excluded, kind.table.c.status
        closes = (known == literal_column("'open'")) & new.status.not_in(_ASKING)
        opens = (known == literal_column("'intent'")) & (new.status != literal_column("'intent'"))
        changed = {"status": new.status, "payload": new.payload}
        return statement.on_conflict_do_update(index_elements=["run", "id"], set_=changed, where=closes | opens)
    return statement.on_conflict_do_nothing()


_ASKING = [literal_column(f"'{status}'", Text()) for status in ("open", "intent")]


def _superseded(row: dict[str, ColumnElement[Any]]) -> ColumnElement[bool]:
    """The step of this finished activation is closed: a later checkpoint has it in it."""
    return exists().where(counted_in(t.checkpoints, row["place"], row["step"]))


Value = Callable[[str], ColumnElement[Any]]
"""A value by its name: a parameter, or a column of an array."""

TOUCH_COLUMNS: dict[str, TypeEngine[Any]] = {"head": NUMBER, "at": t.threads.c.updated_at.type, "rests": NUMBER}
"""What a commit says of its thread."""
TOUCHED = 1.0
"""Seconds by which the time of a thread may be behind while a run goes on."""

CHANGE_COLUMNS: dict[str, TypeEngine[Any]] = {
    **{"status": Text(), "rests": NUMBER, "ended": NUMBER, "output": LargeBinary(), "error": Text()},
    **{"usage": LargeBinary(), "first_message": NUMBER, "forget": NUMBER, "progress": NUMBER, "at": t.SECONDS},
}
"""What it says of its run, where that changes."""

_NO_CHANGE = RunChange()


def touch_row(commit: Commit) -> tuple[Any, ...]:
    """The values of ``TOUCH_COLUMNS``."""
    head = max([message.seq for message in commit.messages]) if commit.messages else 0
    return head, commit.at, int(commit.run is not None and commit.run.status in RESTING)


def change_row(commit: Commit) -> tuple[Any, ...]:
    """The values of ``CHANGE_COLUMNS``."""
    run = commit.run or _NO_CHANGE
    row = (
        *(run.status, int(run.status in RESTING), int(run.status in ENDED), _kept(run.output), run.error),
        *(
            _kept(run.usage),
            run.first_message,
            int(run.forget_input),
            int(bool(commit.checkpoints)),
            commit.at,
        ),
    )
    return row if commit.seal is None else commit.seal.change(commit.run_id, row)


def _kept(body: bytes | None) -> bytes | None:
    return None if body is None else shortened(body)


def changed(value: Value) -> dict[str, ColumnElement[Any]]:
    """How a commit changes its run. A run at rest has no owner; one that made progress begins to count anew."""
    c = t.runs.c
    return {
        "status": func.coalesce(value("status"), c.status),
        "worker": case((value("rests") > _ZERO, null()), else_=c.worker),
        "output": func.coalesce(value("output"), c.output),
        "error": func.coalesce(value("error"), c.error),
        "usage": func.coalesce(value("usage"), c.usage),
        "first_message": func.coalesce(value("first_message"), c.first_message),
        "input": case((value("forget") > _ZERO, null()), else_=c.input),
        "attempts": case((value("progress") > _ZERO, _ZERO), else_=c.attempts),
        "updated_at": greatest(c.updated_at, value("at")),
    }


def touched(value: Value) -> ColumnElement[bool]:
    """Whether the thread's row is to be written: its time is kept to the second while a run goes on.

    Two indexes hang on that time; to write them for each step would double what a step writes.
    """
    c, at = t.threads.c, value("at")
    late = at > c.updated_at + literal_column(str(TOUCHED))
    return (value("head") > c.head_seq) | late | ((value("rests") > _ZERO) & (at > c.updated_at))


def touch(value: Value) -> dict[str, ColumnElement[Any]]:
    """What is written into it."""
    c = t.threads.c
    return {"head_seq": greatest(c.head_seq, value("head")), "updated_at": greatest(c.updated_at, value("at"))}


def refusal(commit: Commit, row: Sequence[Any] | None) -> StoreError:
    """Why the commit was not written, given the run's (fence, seq) now."""
    if row is None or row[0] != commit.fence:
        return Fenced(f"run {commit.run_id!r} is not at fence {commit.fence} any more: another process owns it")
    return Conflict(
        f"run {commit.run_id!r} is at event {row[1]}, and this commit begins after {before(commit)}: "
        "one between them was not written"
    )
