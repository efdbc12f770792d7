"""Every query of the store, written once in SQLAlchemy Core for both databases."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    LargeBinary,
    Select,
    Table,
    Text,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    literal_column,
    null,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import insert  # SQLite's compiler reads its ON CONFLICT just as well
from sqlalchemy.sql.type_api import TypeEngine

from weft.storage.query import Now, Query
from weft.storage.tables import (
    SECONDS,
    blobs,
    checkpoints,
    contexts,
    events,
    finished,
    messages,
    owners,
    questions,
    runs,
    slots,
    threads,
    workers,
    workspaces,
)

_TYPES: dict[str, TypeEngine[Any]] = {"n": BigInteger(), "t": Text(), "f": SECONDS, "b": LargeBinary()}


def _p(name: str, kind: str | None = None) -> Any:
    """A parameter. Its type is that of the column beside it, or told by a letter: number, text, float, bytes."""
    parameter: Any = bindparam(name, type_=_TYPES[kind]) if kind else bindparam(name)
    return parameter


def _is(*statuses: str) -> ColumnElement[bool]:
    """Literally, so that the partial indexes are seen to apply."""
    if len(statuses) == 1:
        return runs.c.status == literal_column(f"'{statuses[0]}'")
    return literal_column(f"runs.status IN ({', '.join(repr(status) for status in statuses)})")


_QUEUED: ColumnElement[str] = literal_column("'queued'")
_SLEEPING: ColumnElement[str] = literal_column("'sleeping'")


def greatest(column: ColumnElement[Any], other: Any) -> ColumnElement[Any]:
    """``max`` of two, which the databases name differently."""
    return case((column < other, other), else_=column)


# Whose rows: a workspace and perhaps a user, by their names.

_WORKSPACE = select(workspaces.c.n).where(workspaces.c.name == _p("workspace")).scalar_subquery()
_OWNER = select(owners.c.n).where(owners.c.workspace == _WORKSPACE, owners.c.user_id == _p("user")).scalar_subquery()


def _mine(table: Any, user: bool | None = None) -> ColumnElement[bool]:
    """The scope's predicate: of its user, of its whole workspace, or (``None``) whichever the scope says."""
    if user is None:
        return and_(table.c.workspace == _WORKSPACE, or_(_p("user", "t").is_(None), table.c.owner == _OWNER))
    return table.c.owner == _OWNER if user else table.c.workspace == _WORKSPACE


WORKSPACE = Query(select(workspaces.c.n).where(workspaces.c.name == _p("workspace")))
ADD_WORKSPACE = Query(insert(workspaces).inline().values(name=_p("workspace")).on_conflict_do_nothing())
OWNER = Query(select(owners.c.n).where(owners.c.workspace == _p("n"), owners.c.user_id == _p("user")))
ADD_OWNER = Query(insert(owners).inline().values(workspace=_p("n"), user_id=_p("user")).on_conflict_do_nothing())

# Runs.


def _named(column: Column[Any], n: Column[Any], label: str) -> ColumnElement[Any]:
    """What stands under the number ``n`` of a row."""
    named: Table = column.table
    return select(column).where(named.c.n == n).correlate(n.table).scalar_subquery().label(label)


def last_event(run: ColumnElement[Any]) -> ColumnElement[Any]:
    """The number of the last event of a run; 0 before there is one."""
    last = select(func.max(events.c.seq)).where(events.c.run == run).correlate(runs).scalar_subquery()
    return func.coalesce(last, literal_column("0"))


def _record(*, bodies: bool = True) -> list[ColumnElement[Any]]:
    """The columns of a ``RunRecord``, in its order."""
    c = runs.c
    return [
        c.id,
        _named(threads.c.id, c.thread, "thread_id"),
        c.target,
        _named(workspaces.c.name, c.workspace, "workspace_name"),
        _named(owners.c.user_id, c.owner, "user_id"),
        c.status,
        c.input if bodies else null().label("input"),
        c.output if bodies else null().label("output"),
        *(
            c.error,
            c.usage,
            last_event(c.n).label("seq"),
            c.first_message,
            c.idempotency_key,
            c.epoch,
            c.fence,
            c.worker,
        ),
        *(c.attempts, c.priority, c.wake_at, c.created_at, c.updated_at),
    ]


RUN = Query(select(*_record()).where(runs.c.id == _p("id"), _mine(runs)))
RUN_EXISTS = Query(select(runs.c.n, runs.c.thread).where(runs.c.id == _p("id"), _mine(runs)))
RUN_BY_N = Query(select(*_record()).where(runs.c.n == _p("n")))
RUN_BY_KEY = Query(
    select(runs.c.digest, *_record()).where(runs.c.workspace == _p("n"), runs.c.idempotency_key == _p("key"))
)
RUN_BY_ID = Query(select(*_record()).where(runs.c.id == _p("id"), runs.c.workspace == _p("n")))
ADD_RUN = Query(
    insert(runs)
    .values(
        id=_p("id"),
        thread=_p("thread"),
        workspace=_p("n"),
        owner=_p("owner"),
        target=_p("target"),
        status=_p("status"),
        input=_p("input"),
        first_message=0,
        idempotency_key=_p("key"),
        digest=_p("digest"),
        epoch=0,
        fence=0,
        attempts=0,
        priority=_p("priority"),
        wake_at=_p("wake_at"),
        created_at=_p("at"),
        updated_at=_p("at"),
    )
    .on_conflict_do_nothing()
    .returning(runs.c.n)
)


@cache
def run_page(*, user: bool, newest: bool, cursor: bool, thread: bool, status: bool) -> Query:
    """Runs of a scope, in the order in which they were created."""
    n = runs.c.n
    query = select(*_record(bodies=False)).where(_mine(runs, user)).limit(_p("limit", "n"))
    if thread:
        query = query.where(runs.c.thread == select(threads.c.n).where(threads.c.id == _p("thread")).scalar_subquery())
    if status:
        query = query.where(runs.c.status == _p("status"))
    if cursor:
        other = runs.alias("other")
        at = select(other.c.n).where(other.c.id == _p("cursor")).scalar_subquery()
        query = query.where(n < at if newest else n > at)
    return Query(query.order_by(n.desc() if newest else n))


def _dead(ttl: Any) -> ColumnElement[bool]:
    """Nobody who lives drives the run."""
    return ~exists().where(workers.c.id == runs.c.worker, workers.c.beat > Now() - ttl)


def _acquire() -> Query:
    other = runs.alias("other")
    busy = exists().where(
        other.c.thread == runs.c.thread, other.c.status == literal_column("'running'"), other.c.n != runs.c.n
    )
    due = or_(
        _is("queued"),
        and_(_is("sleeping"), func.coalesce(runs.c.wake_at, 0.0) <= Now()),
        and_(
            _is("running"),
            or_(_dead(_p("ttl", "f")), and_(runs.c.worker == _p("worker"), runs.c.updated_at == _p("at"))),
        ),
    )
    return Query(
        update(runs)
        .where(runs.c.id == _p("id"), runs.c.epoch == _p("epoch"), due, ~busy)
        .values(
            status=literal_column("'running'"),
            worker=_p("worker"),
            fence=runs.c.fence + 1,
            attempts=runs.c.attempts + 1,
            wake_at=null(),
            updated_at=_p("at"),
        )
        .returning(*_record())
    )


ACQUIRE = _acquire()
"""``at`` marks this very call: where its answer was lost, the same call again finds the run as its own."""


def _requeue(*where: ColumnElement[bool]) -> Query:
    sleeping = _p("wake_at", "f").is_not(None)
    return Query(
        update(runs)
        .where(*where)
        .values(
            status=case((sleeping, _SLEEPING), else_=_QUEUED),
            epoch=runs.c.epoch + 1,
            fence=runs.c.fence + 1,
            worker=null(),
            attempts=0,
            wake_at=_p("wake_at", "f"),
            updated_at=Now(),
        )
        .returning(*_job())
    )


def _job() -> list[ColumnElement[Any]]:
    """The columns of a ``Job``, in its order."""
    workspace = _named(workspaces.c.name, runs.c.workspace, "workspace_name")
    return [runs.c.id, runs.c.epoch, workspace, runs.c.priority, runs.c.wake_at]


HAND_BACK = _requeue(runs.c.id == _p("id"), runs.c.fence == _p("fence"), _is("running"))
RESUME = _requeue(runs.c.id == _p("id"), _is("paused"))


def _reap() -> Query:
    chosen = (
        select(runs.c.n)
        .where(_is("running"), _dead(_p("ttl", "f")))
        .order_by(runs.c.n)
        .limit(500)
        .with_for_update(skip_locked=True)
    )
    return Query(
        update(runs)
        .where(runs.c.n.in_(chosen.correlate(None)), _is("running"))
        .values(
            status=literal_column("'queued'"),
            epoch=runs.c.epoch + 1,
            fence=runs.c.fence + 1,
            worker=null(),
            updated_at=Now(),
        )
        .returning(*_job())
    )


REAP = _reap()
WAITING = Query(select(*_job()).where(_is("queued", "sleeping")).order_by(runs.c.n).limit(_p("limit", "n")))
CANCEL = Query(
    update(runs)
    .where(runs.c.id == _p("id"), _mine(runs), _is("queued", "running", "sleeping", "paused"))
    .values(
        status=literal_column("'cancelled'"),
        fence=runs.c.fence + 1,
        worker=null(),
        error=_p("error"),
        updated_at=_p("at"),
    )
    .returning(runs.c.n, runs.c.owner, runs.c.target)
)
EVENTS = Query(
    select(events.c.seq, events.c.at, events.c.path, events.c.body)
    .where(
        events.c.run == select(runs.c.n).where(runs.c.id == _p("id"), _mine(runs)).scalar_subquery(),
        events.c.seq > _p("after"),
    )
    .order_by(events.c.seq)
    .limit(_p("limit", "n"))
)
ADD_LAST_EVENT = Query(
    insert(events)
    .inline()
    .values(
        run=_p("run"),
        seq=last_event(_p("run", "n")) + literal_column("1"),
        owner=_p("owner"),
        at=_p("at"),
        path=_p("path"),
        body=_p("body"),
    )
)

# Workers.

BEAT = Query(
    (_beat := insert(workers).values(id=_p("id"), beat=Now(), draining=_p("draining"))).on_conflict_do_update(
        index_elements=["id"], set_={"beat": _beat.excluded.beat, "draining": _beat.excluded.draining}
    )
)
WORKERS = Query(select(workers.c.id))
DRIVEN = Query(select(runs.c.id, runs.c.fence).where(_is("running"), runs.c.worker == _p("worker")))
GONE = Query(delete(workers).where(workers.c.id == _p("id")))
FORGET_WORKERS = Query(delete(workers).where(workers.c.beat < Now() - 10 * _p("ttl", "f")))

# Questions.

_QUESTION = [
    *(questions.c.id, questions.c.path, questions.c.payload, questions.c.schema, questions.c.expires_at),
    *(questions.c.status, questions.c.answer, runs.c.id, threads.c.id, questions.c.created_at),
]


@cache
def question_page(*, user: bool, newest: bool, cursor: bool, run: bool) -> Query:
    """Open questions of a scope, by the time they were asked."""
    q = questions.c
    source = questions.join(runs, runs.c.n == q.run).join(threads, threads.c.n == runs.c.thread)
    query = select(*_QUESTION).select_from(source).where(q.status == literal_column("'open'"))
    query = query.where(questions.c.workspace == _WORKSPACE).limit(_p("limit", "n"))
    if user:
        query = query.where(q.owner == _OWNER)
    if run:
        query = query.where(runs.c.id == _p("run"))
    if cursor:
        at = _p("at", "f")
        other = runs.alias("other")
        number = select(other.c.n).where(other.c.id == _p("after_run")).scalar_subquery()
        query = query.where(_beyond(newest, (q.created_at, at), (q.run, number), (q.id, _p("after_id", "t"))))
    order = (q.created_at, q.run, q.id)
    return Query(query.order_by(*(column.desc() if newest else column for column in order)))


def _beyond(newest: bool, *pairs: tuple[ColumnElement[Any], Any]) -> ColumnElement[bool]:
    """Rows after these values in the order of these columns (``newest``: before), so that an index applies."""
    (column, value), *rest = pairs
    further = column < value if newest else column > value
    if not rest:
        return further
    return and_(column <= value if newest else column >= value, or_(further, _beyond(newest, *rest)))


QUESTION = Query(
    select(questions.c.run, questions.c.status, questions.c.answer).where(
        questions.c.run == select(runs.c.n).where(runs.c.id == _p("run"), _mine(runs)).scalar_subquery(),
        questions.c.id == _p("id"),
    )
)
ANSWER = Query(
    update(questions)
    .where(questions.c.run == _p("n"), questions.c.id == _p("id"), questions.c.status == literal_column("'open'"))
    .values(status=literal_column("'answered'"), answer=_p("answer"))
    .returning(questions.c.id)
)
ANSWERS = Query(
    select(questions.c.id, questions.c.answer)
    .join(runs, runs.c.n == questions.c.run)
    .where(runs.c.id == _p("run"), questions.c.status == literal_column("'answered'"))
)
WITHDRAW = Query(
    update(questions)
    .where(questions.c.run == _p("run"), questions.c.status == literal_column("'open'"))
    .values(status=literal_column("'withdrawn'"))
)

# Threads.


def _thread() -> list[ColumnElement[Any]]:
    """The columns of a ``ThreadRecord``, in its order."""
    c = threads.c
    return [
        c.id,
        _named(workspaces.c.name, c.workspace, "workspace_name"),
        _named(owners.c.user_id, c.owner, "user_id"),
        *(c.title, c.target, c.head_seq, c.created_at, c.updated_at),
    ]


THREAD = Query(select(*_thread()).where(threads.c.id == _p("id"), _mine(threads)))
THREAD_EXISTS = Query(select(threads.c.n).where(threads.c.id == _p("id"), _mine(threads)))
RENAME = Query(
    update(threads).where(threads.c.id == _p("id"), _mine(threads)).values(title=_p("title")).returning(threads.c.n)
)
USE_THREAD = Query(
    (
        _use := insert(threads).values(
            id=_p("id"),
            workspace=_p("n"),
            owner=_p("owner"),
            title="",
            target=_p("target"),
            head_seq=0,
            created_at=_p("at"),
            updated_at=_p("at"),
        )
    )
    .on_conflict_do_update(
        index_elements=["id"],
        set_={"target": _use.excluded.target, "updated_at": greatest(threads.c.updated_at, _use.excluded.updated_at)},
        where=threads.c.owner == _use.excluded.owner,
    )
    .returning(threads.c.n)
)
"""Make the thread, or use it where it is the owner's; no row where it is somebody else's."""
LOCK_THREAD = Query(select(threads.c.n).where(threads.c.id == _p("id"), _mine(threads)).with_for_update())
IS_BUSY = Query(select(runs.c.id).where(runs.c.thread == _p("n"), _is("running")))


@cache
def thread_page(*, user: bool, newest: bool, cursor: bool) -> Query:
    """Threads of a scope, by when something last happened in them."""
    c = threads.c
    query = select(*_thread()).where(_mine(threads, user)).limit(_p("limit", "n"))
    if cursor:
        other = threads.alias("other")
        number = select(other.c.n).where(other.c.id == _p("id")).scalar_subquery()
        query = query.where(_beyond(newest, (c.updated_at, _p("at", "f")), (c.n, number)))
    order = (c.updated_at, c.n)
    return Query(query.order_by(*(column.desc() if newest else column for column in order)))


def _deletions() -> Sequence[Query]:
    of_runs = select(runs.c.n).where(runs.c.thread == _p("n"))
    parts = [delete(table).where(table.c.run.in_(of_runs)) for table in (events, questions)]
    below = (messages, contexts, checkpoints, slots, finished, runs)
    parts += [delete(table).where(table.c.thread == _p("n")) for table in below]
    return [*map(Query, parts), Query(delete(threads).where(threads.c.n == _p("n")))]


DELETE_THREAD = _deletions()
"""In this order: what belongs to a thread is found by its runs."""


@cache
def message_page(*, conversation: bool | None, newest: bool) -> Query:
    """Messages between two numbers: of the thread itself, of a nested conversation (True), or (None) of all."""
    m = messages.c
    source = messages.outerjoin(runs, runs.c.n == m.run)
    query = (
        select(m.seq, m.conversation, runs.c.id, m.at, m.body, m.tokens)
        .select_from(source)
        .where(
            m.thread == select(threads.c.n).where(threads.c.id == _p("id"), _mine(threads)).scalar_subquery(),
            m.seq > _p("after"),
            m.seq < _p("before"),
        )
        .limit(_p("limit", "n"))
    )
    if conversation is not None:
        nested = m.conversation != literal_column("''")
        query = query.where(and_(nested, m.conversation == _p("conversation")) if conversation else ~nested)
    return Query(query.order_by(m.seq.desc() if newest else m.seq))


THREAD_HEAD = Query(
    select(threads.c.n, threads.c.head_seq, threads.c.created_at, contexts.c.start, contexts.c.body)
    .select_from(
        threads.outerjoin(
            contexts, and_(contexts.c.thread == threads.c.n, contexts.c.conversation == _p("conversation", "t"))
        )
    )
    .where(threads.c.id == _p("id"))
)


@cache
def in_view(*, nested: bool) -> Query:
    """The messages of a conversation from a number on."""
    m = messages.c
    elsewhere = m.conversation != literal_column("''")
    of_it = and_(elsewhere, m.conversation == _p("conversation")) if nested else ~elsewhere
    columns = (m.seq, m.conversation, null(), m.at, m.body, m.tokens)
    return Query(select(*columns).where(m.thread == _p("n"), of_it, m.seq >= _p("start")).order_by(m.seq))


SNAPSHOT = Query(
    select(checkpoints.c.thread, checkpoints.c.step, checkpoints.c.version, checkpoints.c.head, checkpoints.c.ranges)
    .where(checkpoints.c.thread == _p("n"), checkpoints.c.path == _p("path"))
    .order_by(checkpoints.c.step.desc())
    .limit(1)
)
FINISHED = Query(
    select(finished.c.path, finished.c.step, finished.c.activation, finished.c.body)
    .where(finished.c.thread == _p("n"), finished.c.path == _p("path"), finished.c.step >= _p("step"))
    .order_by(finished.c.step, finished.c.activation)
)


@cache
def slot_ranges(count: int) -> Query:
    """The slots of ``count`` channels, each from the step of its base to that of its last change."""

    def one(i: int) -> Select[Any, Any, Any, Any]:
        return select(slots.c.step, slots.c.channel, slots.c.op, slots.c.body).where(
            slots.c.thread == _p("n"),
            slots.c.path == _p("path"),
            slots.c.channel == _p(f"channel{i}"),
            slots.c.step.between(_p(f"base{i}"), _p(f"last{i}")),
        )

    return Query(union_all(*(one(i) for i in range(count))) if count > 1 else one(0))


# Blobs.

ADD_BLOB = Query(
    insert(blobs)
    .inline()
    .values(
        workspace=_p("n"), owner=_p("owner"), sha256=_p("sha256"), mime=_p("mime"), body=_p("body"), created_at=_p("at")
    )
    .on_conflict_do_nothing()
)
BLOB_EXISTS = Query(select(blobs.c.mime).where(blobs.c.workspace == _p("n"), blobs.c.sha256 == _p("sha256")))
BLOB = Query(select(blobs.c.body, blobs.c.mime).where(blobs.c.workspace == _WORKSPACE, blobs.c.sha256 == _p("sha256")))
