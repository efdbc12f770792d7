"""Queries of questions, each written once for both databases."""

from functools import cache

from sqlalchemy import Boolean, ColumnElement, Text, case, literal_column, select, union_all, update

from weft.storage.base import QuestionStatus
from weft.storage.pieces import OWNER_OF, WORKSPACE_OF, beyond, mine, named, p, status_is
from weft.storage.query import Now, Query
from weft.storage.run_queries import HELD
from weft.storage.tables import owners, questions, runs, threads

q = questions.c


def _word(name: str) -> ColumnElement[str]:
    """Literally, so that the partial indexes are seen to apply."""
    return literal_column(f"'{name}'", Text())


_OPEN = _word("open")

CLOSED = case((q.kind == _word("outcome"), _word("unknown")), else_=_word("withdrawn"))
"""What becomes of an open question when its run ends."""
_OVERDUE = (q.status == _OPEN) & q.expires_at.is_not(None)
_TOLD: ColumnElement[bool] = literal_column("questions.status IN ('answered', 'expired')", Boolean())

_QUESTION: list[ColumnElement[object]] = [
    *(q.id, q.path, q.payload, q.schema, q.expires_at, q.status, q.answer, runs.c.id, threads.c.id, q.created_at),
    *(q.kind, q.fallback, runs.c.target, threads.c.title, named(owners.c.user_id, q.owner, "user_id")),
]
"""The columns of a ``QuestionRow``, in its order."""
_JOINED = questions.join(runs, runs.c.n == q.run).join(threads, threads.c.n == runs.c.thread)
_RUN_OF = select(runs.c.n).where(runs.c.id == p("run"), mine(runs)).scalar_subquery()


@cache
def question_page(status: QuestionStatus, *, user: bool, newest: bool, cursor: bool, run: bool, thread: bool) -> Query:
    """Questions of a scope with this status, by the time they were asked."""
    query = select(*_QUESTION).select_from(_JOINED).where(q.status == _word(status))
    query = query.where(q.workspace == WORKSPACE_OF).limit(p("limit", "n"))
    if user:
        query = query.where(q.owner == OWNER_OF)
    if run:
        query = query.where(runs.c.id == p("run"))
    if thread:
        query = query.where(threads.c.id == p("thread"))
    if cursor:
        at = p("at", "f")
        other = runs.alias("other")
        number = select(other.c.n).where(other.c.id == p("after_run")).scalar_subquery()
        query = query.where(beyond(newest, (q.created_at, at), (q.run, number), (q.id, p("after_id", "t"))))
    order = (q.created_at, q.run, q.id)
    return Query(query.order_by(*(column.desc() if newest else column for column in order)))


QUESTION = Query(select(*_QUESTION).select_from(_JOINED).where(q.run == _RUN_OF, q.id == p("id")))
ALL = Query(select(*_QUESTION).select_from(_JOINED).where(runs.c.id == p("run")).order_by(q.id))
RUN = Query(select(runs.c.n).where(runs.c.id == p("run"), mine(runs)))
SET_LIMITS = Query(update(runs).where(runs.c.n == p("n"), status_is("paused")).values(limits=p("limits", "b")))
"""For a run that does not go on yet."""
ANSWER = Query(
    update(questions)
    .where(q.run == p("n"), q.id == p("id"), q.status == _OPEN)
    .values(status=_word("answered"), answer=p("answer"))
    .returning(q.id)
)


def _expire(*where: ColumnElement[bool]) -> Query:
    """The answer that stands for silence, where there is one."""
    silent = case((q.fallback.is_(None), _word("expired")), else_=_word("answered"))
    return Query(
        update(questions).where(_OVERDUE, q.expires_at <= Now(), *where).values(status=silent, answer=q.fallback)
    )


EXPIRE = _expire()
EXPIRE_IN = _expire(q.run == p("n"))
TAKE = Query(
    update(questions)
    .where(
        q.run == select(runs.c.n).where(runs.c.id == p("run"), runs.c.fence == p("fence")).scalar_subquery(),
        _TOLD,
    )
    .values(status=_word("taken"))
)
TOLD_IN = Query(select(q.id).where(q.run == p("n"), _TOLD).limit(literal_column("1")))
TOLD = Query(
    select(runs.c.id).where(runs.c.n.in_(select(q.run).where(_TOLD)), status_is("paused"), ~HELD).limit(p("limit", "n"))
)
DUE = Query(
    union_all(
        select(q.id).where(_OVERDUE, q.expires_at <= Now()).limit(literal_column("1")).subquery().select(),
        select(runs.c.id)
        .where(runs.c.n.in_(select(q.run).where(_TOLD)), status_is("paused"), ~HELD)
        .limit(p("limit", "n"))
        .subquery()
        .select(),
    )
)
"""Whether there is anything to wake: a look that locks nothing."""
WITHDRAW = Query(update(questions).where(q.run == p("run"), q.status == _OPEN).values(status=CLOSED))
INTENTS = Query(select(q.id, q.path, q.payload).where(q.run == p("run"), q.status == _word("intent")).order_by(q.id))
LEAVE_UNKNOWN = Query(
    update(questions).where(q.run == p("run"), q.status == _word("intent")).values(status=_word("unknown"))
)
