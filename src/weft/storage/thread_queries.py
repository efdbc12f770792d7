"""Queries of threads, questions and blobs, each written once for both databases."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, and_, delete, literal_column, null, select, update
from sqlalchemy.dialects.postgresql import insert  # SQLite's compiler reads its ON CONFLICT just as well

from weft.storage.budgets import FORGET_BUDGETS
from weft.storage.ledger import FORGET_CALLS
from weft.storage.pieces import OWNER_OF, WORKSPACE_OF, beyond, counted_in, greatest, mine, named, p, status_is
from weft.storage.query import Query
from weft.storage.tables import (
    blobs,
    checkpoints,
    contexts,
    events,
    finished,
    messages,
    owners,
    places,
    questions,
    runs,
    slots,
    threads,
    workspaces,
)

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
    query = query.where(questions.c.workspace == WORKSPACE_OF).limit(p("limit", "n"))
    if user:
        query = query.where(q.owner == OWNER_OF)
    if run:
        query = query.where(runs.c.id == p("run"))
    if cursor:
        at = p("at", "f")
        other = runs.alias("other")
        number = select(other.c.n).where(other.c.id == p("after_run")).scalar_subquery()
        query = query.where(beyond(newest, (q.created_at, at), (q.run, number), (q.id, p("after_id", "t"))))
    order = (q.created_at, q.run, q.id)
    return Query(query.order_by(*(column.desc() if newest else column for column in order)))


QUESTION = Query(
    select(questions.c.run, questions.c.status, questions.c.answer).where(
        questions.c.run == select(runs.c.n).where(runs.c.id == p("run"), mine(runs)).scalar_subquery(),
        questions.c.id == p("id"),
    )
)
ANSWER = Query(
    update(questions)
    .where(questions.c.run == p("n"), questions.c.id == p("id"), questions.c.status == literal_column("'open'"))
    .values(status=literal_column("'answered'"), answer=p("answer"))
    .returning(questions.c.id)
)
ANSWERS = Query(
    select(questions.c.id, questions.c.answer)
    .join(runs, runs.c.n == questions.c.run)
    .where(runs.c.id == p("run"), questions.c.status == literal_column("'answered'"))
)
WITHDRAW = Query(
    update(questions)
    .where(questions.c.run == p("run"), questions.c.status == literal_column("'open'"))
    .values(status=literal_column("'withdrawn'"))
)

# Threads.


def _thread() -> list[ColumnElement[Any]]:
    """The columns of a ``ThreadRecord``, in its order."""
    c = threads.c
    return [
        c.id,
        named(workspaces.c.name, c.workspace, "workspace_name"),
        named(owners.c.user_id, c.owner, "user_id"),
        *(c.title, c.target, c.head_seq, c.created_at, c.updated_at),
    ]


THREAD = Query(select(*_thread()).where(threads.c.id == p("id"), mine(threads)))
THREAD_EXISTS = Query(select(threads.c.n).where(threads.c.id == p("id"), mine(threads)))
RENAME = Query(
    update(threads).where(threads.c.id == p("id"), mine(threads)).values(title=p("title")).returning(threads.c.n)
)
USE_THREAD = Query(
    (
        _use := insert(threads).values(
            id=p("id"),
            workspace=p("n"),
            owner=p("owner"),
            title=p("title"),
            target=p("target"),
            head_seq=0,
            created_at=p("at"),
            updated_at=p("at"),
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
LOCK_THREAD = Query(select(threads.c.n).where(threads.c.id == p("id"), mine(threads)).with_for_update())
IS_BUSY = Query(select(runs.c.id).where(runs.c.thread == p("n"), status_is("running")))


@cache
def thread_page(*, user: bool, newest: bool, cursor: bool) -> Query:
    """Threads of a scope, by when something last happened in them."""
    c = threads.c
    query = select(*_thread()).where(mine(threads, user)).limit(p("limit", "n"))
    if cursor:
        other = threads.alias("other")
        number = select(other.c.n).where(other.c.id == p("id")).scalar_subquery()
        query = query.where(beyond(newest, (c.updated_at, p("at", "f")), (c.n, number)))
    order = (c.updated_at, c.n)
    return Query(query.order_by(*(column.desc() if newest else column for column in order)))


def _counted_below(table: Table, parents: Table) -> Select[Any]:
    """The keys of rows that are counted in the thread's runs or places."""
    return (
        select(table.c.key)
        .select_from(parents.join(table, counted_in(table, parents.c.n)))
        .where(parents.c.thread == p("n"))
    )


def _deletions() -> Sequence[Query]:
    of_runs = select(runs.c.n).where(runs.c.thread == p("n"))
    accounts = (*FORGET_CALLS, *FORGET_BUDGETS)
    of_places = select(places.c.n).where(places.c.thread == p("n"))
    parts = [delete(events).where(events.c.key.in_(_counted_below(events, runs)))]
    parts += [delete(table).where(table.c.key.in_(_counted_below(table, places))) for table in (checkpoints, slots)]
    parts += [
        delete(questions).where(questions.c.run.in_(of_runs)),
        delete(finished).where(finished.c.place.in_(of_places)),
    ]
    parts += [delete(table).where(table.c.thread == p("n")) for table in (messages, contexts, places, runs)]
    return [*accounts, *map(Query, parts), Query(delete(threads).where(threads.c.n == p("n")))]


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
            m.thread == select(threads.c.n).where(threads.c.id == p("id"), mine(threads)).scalar_subquery(),
            m.seq > p("after"),
            m.seq < p("before"),
        )
        .limit(p("limit", "n"))
    )
    if conversation is not None:
        nested = m.conversation != literal_column("''")
        query = query.where(and_(nested, m.conversation == p("conversation")) if conversation else ~nested)
    return Query(query.order_by(m.seq.desc() if newest else m.seq))


THREAD_HEAD = Query(
    select(threads.c.n, threads.c.head_seq, threads.c.created_at, contexts.c.start, contexts.c.body)
    .select_from(
        threads.outerjoin(
            contexts, and_(contexts.c.thread == threads.c.n, contexts.c.conversation == p("conversation", "t"))
        )
    )
    .where(threads.c.id == p("id"))
)


@cache
def in_view(*, nested: bool) -> Query:
    """The messages of a conversation from a number on."""
    m = messages.c
    elsewhere = m.conversation != literal_column("''")
    of_it = and_(elsewhere, m.conversation == p("conversation")) if nested else ~elsewhere
    columns = (m.seq, m.conversation, null(), m.at, m.body, m.tokens)
    return Query(select(*columns).where(m.thread == p("n"), of_it, m.seq >= p("start")).order_by(m.seq))


# Blobs.

ADD_BLOB = Query(
    insert(blobs)
    .inline()
    .values(workspace=p("n"), owner=p("owner"), sha256=p("sha256"), mime=p("mime"), body=p("body"), created_at=p("at"))
    .on_conflict_do_nothing()
)
BLOB_EXISTS = Query(select(blobs.c.mime).where(blobs.c.workspace == p("n"), blobs.c.sha256 == p("sha256")))
BLOB = Query(select(blobs.c.body, blobs.c.mime).where(blobs.c.workspace == WORKSPACE_OF, blobs.c.sha256 == p("sha256")))
