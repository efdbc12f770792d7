"""Queries of runs and workers, each written once for both databases."""

from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
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
    true,
    update,
)
from sqlalchemy.dialects.postgresql import insert  # SQLite's compiler reads its ON CONFLICT just as well

from weft.storage.pieces import NONE, counted_in, key_of, last_event, mine, named, p, status_is
from weft.storage.query import Now, Query
from weft.storage.tables import events, owners, runs, steering, threads, workers, workspaces

_QUEUED: ColumnElement[str] = literal_column("'queued'")
_RUNNING: ColumnElement[str] = literal_column("'running'")
_ONE: ColumnElement[int] = literal_column("1")
_SLEEPING: ColumnElement[str] = literal_column("'sleeping'")

ADD_WORKSPACE = Query(insert(workspaces).inline().values(name=p("workspace")).on_conflict_do_nothing())
OWNER = Query(
    select(workspaces.c.n, owners.c.n)
    .select_from(
        workspaces.outerjoin(owners, and_(owners.c.workspace == workspaces.c.n, owners.c.user_id == p("user")))
    )
    .where(workspaces.c.name == p("workspace"))
)
"""The numbers of a workspace and of its user, as far as they are known."""
ADD_OWNER = Query(insert(owners).inline().values(workspace=p("n"), user_id=p("user")).on_conflict_do_nothing())


def record_columns(*, bodies: bool = True) -> list[ColumnElement[Any]]:
    """The columns of a ``RunRecord``, in its order."""
    c = runs.c
    return [
        c.id,
        named(threads.c.id, c.thread, "thread_id"),
        c.target,
        named(workspaces.c.name, c.workspace, "workspace_name"),
        named(owners.c.user_id, c.owner, "user_id"),
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
        *(c.attempts, c.priority, c.wake_at, c.created_at, c.updated_at, c.origin, c.limits),
        exists().where(steering.c.run == c.n).correlate(runs).label("steered"),
    ]


RUN = Query(select(*record_columns()).where(runs.c.id == p("id"), mine(runs)))
RUN_EXISTS = Query(select(runs.c.n, runs.c.thread).where(runs.c.id == p("id"), mine(runs)))
RUN_BY_N = Query(select(*record_columns()).where(runs.c.n == p("n")))
RUN_BY_KEY = Query(
    select(runs.c.digest, *record_columns()).where(runs.c.workspace == p("n"), runs.c.idempotency_key == p("key"))
)
RUN_BY_ID = Query(select(*record_columns()).where(runs.c.id == p("id"), runs.c.workspace == p("n")))

KEEPER_TTL = 30.0
"""Seconds without a beat after which a queued run is no longer taken to be kept by its worker."""


def _before(thread: ColumnElement[int], *earlier: ColumnElement[bool]) -> ColumnElement[bool]:
    """Another run of the thread comes first: it was created earlier and waits, or a person holds it.

    Each part has a partial index with the few runs of a thread that have not ended: a thread may have had thousands.
    """
    other, holding = runs.alias("other"), runs.alias("holding")
    keeper = exists().where(workers.c.id == other.c.worker, workers.c.beat > Now() - KEEPER_TTL)
    waits = exists().where(
        other.c.thread == thread,
        literal_column("other.status = 'queued'"),
        or_(other.c.worker.is_(None), keeper),
        *earlier,
    )
    held = (
        exists()
        .where(holding.c.thread == thread, literal_column("holding.status = 'paused'"))
        .where(exists().where(steering.c.run == holding.c.n, literal_column("steering.held = 1")))
    )
    return or_(waits, held)


def _add_run(*, acquire: bool) -> Query:
    """``acquire``: it is running from the start where no other run of its thread is, or comes first."""
    status: Any = p("status", "t")
    one: ColumnElement[int] = NONE
    line: list[FromClause] = []
    if acquire:
        other = runs.alias("other")
        running = exists().where(other.c.thread == p("thread"), literal_column("other.status = 'running'"))
        asked = select(or_(running, _before(p("thread"))).label("busy")).subquery("line")
        line = [asked]
        status = case((asked.c.busy, status), else_=_RUNNING)
        one = case((asked.c.busy, NONE), else_=_ONE)
    made = {
        **{"workspace": p("n", "n"), "idempotency_key": p("key", "t"), "epoch": NONE, "first_message": NONE},
        **{"status": status, "fence": one, "attempts": one, "created_at": p("at", "f"), "updated_at": p("at", "f")},
    }
    for kind, names in _GIVEN.items():
        made |= {name: p(name, kind) for name in names}
    made["input"] = bindparam("input", type_=runs.c.input.type)
    row = select(*[column.label(name) for name, column in made.items()]).select_from(*line).where(true())
    adding = insert(runs).from_select(list(made), row)
    return Query(adding.on_conflict_do_nothing().returning(runs.c.n, runs.c.status, runs.c.fence, runs.c.attempts))


_GIVEN = {
    "n": ("thread", "owner", "priority"),
    "t": ("id", "target", "worker"),
    "b": ("input", "digest", "origin", "limits"),
    "f": ("wake_at",),
}
ADD_RUN, ADD_RUNNING = _add_run(acquire=False), _add_run(acquire=True)


@cache
def run_page(*, user: bool, newest: bool, cursor: bool, thread: bool, status: bool) -> Query:
    """Runs of a scope, in the order in which they were created."""
    n = runs.c.n
    query = select(*record_columns(bodies=False)).where(mine(runs, user)).limit(p("limit", "n"))
    if thread:
        query = query.where(runs.c.thread == select(threads.c.n).where(threads.c.id == p("thread")).scalar_subquery())
    if status:
        query = query.where(runs.c.status == p("status"))
    if cursor:
        other = runs.alias("other")
        at = select(other.c.n).where(other.c.id == p("cursor")).scalar_subquery()
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
        status_is("queued"),
        and_(status_is("sleeping"), func.coalesce(runs.c.wake_at, 0.0) <= Now()),
        and_(
            status_is("running"),
            or_(_dead(p("ttl", "f")), and_(runs.c.worker == p("worker"), runs.c.updated_at == p("at"))),
        ),
    )
    before = _before(runs.c.thread, literal_column("other.n < runs.n"))
    return Query(
        update(runs)
        .where(runs.c.id == p("id"), runs.c.epoch == p("epoch"), due, ~busy, ~before)
        .values(
            status=literal_column("'running'"),
            worker=p("worker"),
            fence=runs.c.fence + 1,
            attempts=runs.c.attempts + 1,
            wake_at=null(),
            updated_at=p("at"),
        )
        .returning(*record_columns())
    )


ACQUIRE = _acquire()
"""``at`` marks this very call: where its answer was lost, the same call again finds the run as its own."""


def _requeue(*where: ColumnElement[bool]) -> Query:
    sleeping = p("wake_at", "f").is_not(None)
    return Query(
        update(runs)
        .where(*where)
        .values(
            status=case((sleeping, _SLEEPING), else_=_QUEUED),
            epoch=runs.c.epoch + 1,
            fence=runs.c.fence + 1,
            worker=p("worker"),
            attempts=0,
            wake_at=p("wake_at", "f"),
            updated_at=Now(),
            error=null(),
            limits=func.coalesce(p("limits", "b"), runs.c.limits),
        )
        .returning(*_job())
    )


def _job() -> list[ColumnElement[Any]]:
    """The columns of a ``Job``, in its order."""
    workspace = named(workspaces.c.name, runs.c.workspace, "workspace_name")
    return [runs.c.id, runs.c.epoch, workspace, runs.c.priority, runs.c.wake_at]


HAND_BACK = _requeue(runs.c.id == p("id"), runs.c.fence == p("fence"), status_is("running"))
RESUME = _requeue(runs.c.id == p("id"), status_is("paused"))
HELD = exists().where(steering.c.run == runs.c.n, literal_column("steering.held = 1")).correlate(runs)
"""A person or a breakpoint holds the run: no answer wakes it, only a command."""
RESUME_FREE = _requeue(runs.c.id == p("id"), status_is("paused"), ~HELD)


def _reap() -> Query:
    chosen = (
        select(runs.c.n)
        .where(status_is("running"), _dead(p("ttl", "f")))
        .order_by(runs.c.n)
        .limit(500)
        .with_for_update(skip_locked=True)
    )
    return Query(
        update(runs)
        .where(runs.c.n.in_(chosen.correlate(None)), status_is("running"))
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
_KEPT = exists().where(workers.c.id == runs.c.worker)
WAITING = Query(
    select(*_job()).where(status_is("queued", "sleeping"), ~_KEPT).order_by(runs.c.n).limit(p("limit", "n"))
)
CANCEL = Query(
    update(runs)
    .where(runs.c.id == p("id"), mine(runs), status_is("queued", "running", "sleeping", "paused"))
    .values(
        status=literal_column("'cancelled'"),
        fence=runs.c.fence + 1,
        worker=null(),
        error=p("error"),
        updated_at=p("at"),
    )
    .returning(runs.c.n, runs.c.owner, runs.c.target)
)
OTHERS = Query(
    select(
        runs.c.id,
        runs.c.status,
        exists().where(steering.c.run == runs.c.n, steering.c.held > literal_column("0")).correlate(runs),
    )
    .where(runs.c.thread == p("thread"), runs.c.n != p("n"), status_is("queued", "running", "sleeping", "paused"))
    .order_by(runs.c.n)
)
"""All runs of a thread that have not ended, but for one; and whether a person holds them."""
_asked = select(runs.c.n).where(runs.c.id == p("id"), mine(runs)).scalar_subquery()
EVENTS = Query(
    select(events.c.key, events.c.body)
    .where(counted_in(events, _asked, p("after", "n")))
    .order_by(events.c.key)
    .limit(p("limit", "n"))
)
"""The rows that hold events after a number: each holds one at least."""
ADD_LAST_EVENT = Query(
    insert(events)
    .inline()
    .values(
        key=key_of(p("run", "n"), last_event(p("run", "n")) + literal_column("1")),
        owner=p("owner"),
        body=p("body"),
    )
)

# Workers.

BEAT = Query(
    (_beat := insert(workers).values(id=p("id"), beat=Now(), draining=p("draining"))).on_conflict_do_update(
        index_elements=["id"], set_={"beat": _beat.excluded.beat, "draining": _beat.excluded.draining}
    )
)
WORKERS = Query(select(workers.c.id))
DRIVEN = Query(select(runs.c.id, runs.c.fence).where(status_is("running"), runs.c.worker == p("worker")))
GONE = Query(delete(workers).where(workers.c.id == p("id")))
FORGET_WORKERS = Query(delete(workers).where(workers.c.beat < Now() - 10 * p("ttl", "f")))
