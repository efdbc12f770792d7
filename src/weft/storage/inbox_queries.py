"""Queries of the inbox, each written once for both databases."""

from sqlalchemy import Boolean, ColumnElement, and_, delete, exists, func, literal_column, or_, select
from sqlalchemy.dialects.postgresql import insert  # SQLite's compiler reads its ON CONFLICT just as well

from weft.storage.pieces import mine, p, status_is
from weft.storage.query import Query
from weft.storage.run_queries import record_columns
from weft.storage.tables import inbox, questions, runs, steering

_ZERO: ColumnElement[int] = literal_column("0")
_ONE: ColumnElement[int] = literal_column("1")
_ENDED = ("finished", "failed", "cancelled", "dead")

_TOLD: ColumnElement[bool] = literal_column("questions.status IN ('answered', 'expired')", Boolean())

LOCK_RUN = Query(
    select(runs.c.n, runs.c.owner, runs.c.status).where(runs.c.id == p("id"), mine(runs)).with_for_update()
)
STANDING = Query(
    select(
        func.coalesce(select(steering.c.taken).where(steering.c.run == p("n")).scalar_subquery(), _ZERO),
        func.coalesce(select(func.max(inbox.c.number)).where(inbox.c.run == p("n")).scalar_subquery(), _ZERO),
        and_(
            exists().where(questions.c.run == p("n"), questions.c.status == literal_column("'open'")),
            ~exists().where(questions.c.run == p("n"), _TOLD),
            ~exists().where(steering.c.run == p("n"), steering.c.held == _ONE),
        ),
    )
)
"""The last command that was taken, the last on record, and whether all that it waits for are answers."""
ADD_STEERING = Query(
    insert(steering)
    .inline()
    .values(run=p("n"), owner=p("owner"), taken=_ZERO, held=_ZERO, body=p("empty"))
    .on_conflict_do_nothing()
)
ADD_COMMAND = Query(
    insert(inbox)
    .inline()
    .values(
        run=p("n"),
        number=p("number"),
        owner=p("owner"),
        at=p("at"),
        kind=p("kind"),
        actor=p("by"),
        wakes=p("wakes"),
        body=p("body"),
    )
)
STEERING = Query(
    select(steering.c.taken, steering.c.held, steering.c.body)
    .join(runs, runs.c.n == steering.c.run)
    .where(runs.c.id == p("id"))
)
_COMMAND = (inbox.c.number, inbox.c.at, inbox.c.kind, inbox.c.actor, inbox.c.body)
COMMANDS = Query(
    select(*_COMMAND)
    .join(runs, runs.c.n == inbox.c.run)
    .where(runs.c.id == p("id"), inbox.c.number > p("after"))
    .order_by(inbox.c.number)
)


def _waiting() -> Query:
    driven = and_(status_is("running"), runs.c.worker == p("worker"))
    sleeps = and_(status_is("paused"), inbox.c.wakes == _ONE)
    return Query(
        select(*_COMMAND, *record_columns(bodies=False))
        .select_from(inbox.join(runs, runs.c.n == inbox.c.run).join(steering, steering.c.run == inbox.c.run))
        .where(inbox.c.number > steering.c.taken, or_(driven, sleeps, status_is(*_ENDED)))
        .order_by(inbox.c.run, inbox.c.number)
        .limit(p("limit", "n"))
    )


WAITING_COMMANDS = _waiting()


def _of_ended() -> ColumnElement[bool]:
    return exists().where(runs.c.n == inbox.c.run, status_is(*_ENDED))


SWEEP = (
    Query(delete(inbox).where(exists().where(steering.c.run == inbox.c.run, steering.c.taken >= inbox.c.number))),
    Query(delete(inbox).where(_of_ended(), inbox.c.kind != literal_column("'inject'"), inbox.c.at < p("before"))),
)
DISCARD = Query(
    delete(inbox)
    .where(inbox.c.run == select(runs.c.n).where(runs.c.id == p("id")).scalar_subquery(), inbox.c.number == p("number"))
    .returning(inbox.c.number)
)
"""The number, where it was still there."""
