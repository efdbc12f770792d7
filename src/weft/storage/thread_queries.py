"""Queries of threads and blobs, each written once for both databases."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, and_, delete, literal_column, null, select, update
from sqlalchemy.dialects.postgresql import insert  # SQLite's compiler reads its ON CONFLICT just as well

from weft.storage.budgets import FORGET_BUDGETS
from weft.storage.ledger import FORGET_CALLS
from weft.storage.pieces import NONE, beyond, counted_in, greatest, key_of, mine, named, p, status_is
from weft.storage.query import Query
from weft.storage.tables import (
    audit,
    calls,
    checkpoints,
    contexts,
    events,
    messages,
    metadata,
    owners,
    places,
    reservations,
    runs,
    slots,
    threads,
    workspaces,
)
from weft.storage.trail_queries import DELETE_BELOW_THREAD

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
KNOWN_THREAD = Query(
    select(threads.c.n)
    .where(threads.c.id == p("id"), threads.c.owner == p("owner"), threads.c.target == p("target"))
    .with_for_update()
)
"""The same where there is nothing to write of it: its time is told with the first message."""
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


_COUNTED = {events: runs, checkpoints: places, slots: places}
"""Tables whose rows are found by the numbers of these."""


def _deletions() -> Sequence[Query]:
    """Of every table, whatever belongs to a thread: by the thread itself, by its runs or by its places."""
    of_runs = select(runs.c.n).where(runs.c.thread == p("n"))
    of_places = select(places.c.n).where(places.c.thread == p("n"))
    parts: list[Query] = [*FORGET_CALLS, *FORGET_BUDGETS]
    for table in metadata.sorted_tables:
        if table in (places, runs, threads, calls, reservations, audit) or table.name.startswith("trail"):
            continue  # trails are found by the thread's id, accounts are folded first; the audit stays
        if table is messages:
            parts.append(Query(delete(table).where(counted_in(table, p("n", "n")))))
        elif table in _COUNTED:
            parts.append(Query(delete(table).where(table.c.key.in_(_counted_below(table, _COUNTED[table])))))
        elif "thread" in table.c:
            parts.append(Query(delete(table).where(table.c.thread == p("n"))))
        elif "run" in table.c:
            parts.append(Query(delete(table).where(table.c.run.in_(of_runs))))
        elif "place" in table.c:
            parts.append(Query(delete(table).where(table.c.place.in_(of_places))))
    parts += [Query(delete(table).where(table.c.thread == p("n"))) for table in (places, runs)]
    return [*parts, Query(delete(threads).where(threads.c.n == p("n")))]


DELETE_THREAD = (*DELETE_BELOW_THREAD, *_deletions())
"""In this order: what belongs to a thread is found by its runs."""


@cache
def message_page(*, conversation: bool | None, newest: bool) -> Query:
    """Messages between two numbers: of the thread itself, of a nested conversation (True), or (None) of all."""
    m = messages.c
    source = messages.outerjoin(runs, runs.c.n == m.run)
    thread = select(threads.c.n).where(threads.c.id == p("id"), mine(threads)).scalar_subquery()
    query = (
        select(m.key, m.conversation, runs.c.id, m.at, m.body, m.tokens)
        .select_from(source)
        .where(
            m.key > key_of(thread, p("after", "n")),
            m.key < key_of(thread, p("before", "n")),
        )
        .limit(p("limit", "n"))
    )
    if conversation is not None:
        nested = m.conversation != literal_column("''")
        query = query.where(and_(nested, m.conversation == p("conversation")) if conversation else ~nested)
    return Query(query.order_by(m.key.desc() if newest else m.key))


THREAD_HEAD = Query(
    select(threads.c.n, threads.c.head_seq, threads.c.created_at, threads.c.forks, contexts.c.start, contexts.c.body)
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
    columns = (m.key, m.conversation, null(), m.at, m.body, m.tokens)
    seen = and_(m.key >= key_of(p("n", "n"), p("start", "n")), m.key < key_of(p("n", "n") + literal_column("1"), NONE))
    return Query(select(*columns).where(seen, of_it).order_by(m.key))
