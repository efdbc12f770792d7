"""Queries of what threads were: lists of checkpoints, forks, and what may be forgotten."""

from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, delete, func, literal_column, null, select, update
from sqlalchemy.dialects.postgresql import insert  # SQLite's compiler reads its ON CONFLICT just as well

from weft.storage.pieces import NONE, counted_in, greatest, key_of, last_event, p, status_is
from weft.storage.query import Query
from weft.storage.tables import checkpoints, contexts, events, finished, messages, places, runs, slots, threads

PATHS = Query(
    select(places.c.path, places.c.n)
    .where(places.c.thread == p("n"), places.c.channel == literal_column("''"))
    .order_by(places.c.path)
)
PLACE = Query(
    select(places.c.n).where(places.c.thread == p("n"), places.c.path == p("path"), places.c.channel == p("channel"))
)
ADD_PLACE = Query(
    insert(places).inline().values(thread=p("n"), path=p("path"), channel=p("channel")).on_conflict_do_nothing()
)
CHANNEL_PLACES = Query(
    select(places.c.channel, places.c.n).where(
        places.c.thread == p("n"), places.c.path == p("path"), places.c.channel != literal_column("''")
    )
)
NOTES = Query(
    select(checkpoints.c.key, checkpoints.c.body, runs.c.id)
    .select_from(checkpoints.outerjoin(runs, runs.c.n == checkpoints.c.run))
    .where(counted_in(checkpoints, p("place", "n")), checkpoints.c.key < key_of(p("place", "n"), p("before", "n")))
    .order_by(checkpoints.c.key.desc())
    .limit(p("limit", "n"))
)
APPENDED = Query(
    select(places.c.channel, slots.c.key)
    .select_from(
        places.join(
            slots,
            slots.c.key.between(key_of(places.c.n, p("first", "n")), key_of(places.c.n, p("last", "n"))),
        )
    )
    .where(places.c.thread == p("n"), places.c.path == p("path"), places.c.channel != literal_column("''"))
)
"""Which channels were appended to in which steps."""
AT = Query(
    select(checkpoints.c.key, checkpoints.c.body).where(checkpoints.c.key == key_of(p("place", "n"), p("step", "n")))
)
NEWEST_STEP = Query(select(func.max(checkpoints.c.key)).where(counted_in(checkpoints, p("place", "n"))))

# A branch.

TAKEN = Query(select(threads.c.n).where(threads.c.id == p("id")))
WAITING_RUNS = Query(
    update(runs)
    .where(
        runs.c.thread == p("n"),
        status_is("paused", "queued", "sleeping"),
        last_event(runs.c.n) > literal_column("0"),
    )
    .values(
        status=literal_column("'cancelled'"),
        error=p("error"),
        fence=runs.c.fence + 1,
        worker=null(),
        wake_at=null(),
        updated_at=p("at"),
    )
    .returning(runs.c.n, runs.c.owner, runs.c.target)
)
ADD_EVENTS = Query(
    insert(events).inline().values(key=key_of(p("run", "n"), p("seq", "n")), owner=p("owner"), body=p("body"))
)
ADD_CHECKPOINT = Query(
    insert(checkpoints)
    .inline()
    .values(key=key_of(p("place", "n"), p("step", "n")), owner=p("owner"), run=p("run"), body=p("body"))
)
ADD_FINISHED = Query(
    insert(finished)
    .inline()
    .values(place=p("place"), step=p("step"), activation=p("activation"), owner=p("owner"), body=p("body"))
    .on_conflict_do_nothing()
)
ADD_MESSAGE = Query(
    insert(messages)
    .inline()
    .values(
        key=key_of(p("n", "n"), p("seq", "n")),
        owner=p("owner"),
        run=p("run"),
        conversation=p("conversation"),
        at=p("at"),
        tokens=p("tokens"),
        body=p("body"),
    )
)
_context = insert(contexts).values(
    thread=p("n"), conversation=p("conversation"), owner=p("owner"), start=p("start"), body=p("body")
)
SET_CONTEXT = Query(
    _context.inline().on_conflict_do_update(
        index_elements=["thread", "conversation"],
        set_={"start": _context.excluded.start, "body": _context.excluded.body},
    )
)
_m = messages.c
COPY_MESSAGES = Query(
    insert(messages)
    .inline()
    .from_select(
        ["key", "owner", "run", "conversation", "at", "tokens", "body"],
        select(
            _m.key + key_of(p("n", "n") - p("source", "n"), NONE),
            *(p("owner", "n"), null(), _m.conversation, _m.at, _m.tokens, _m.body),
        ).where(counted_in(messages, p("source", "n")), _m.key <= key_of(p("source", "n"), p("upto", "n"))),
    )
)
"""A message that came with its thread belongs to no run of this one."""
FORKED = Query(
    update(threads)
    .where(threads.c.n == p("n"))
    .values(
        forks=threads.c.forks + 1,
        head_seq=greatest(threads.c.head_seq, p("head", "n")),
        updated_at=greatest(threads.c.updated_at, p("at", "f")),
    )
)
ENDED = Query(update(runs).where(runs.c.n == p("n")).values(status=literal_column("'finished'"), worker=null()))

# What is forgotten.

STRIP = Query(
    update(checkpoints).where(checkpoints.c.key == key_of(p("place", "n"), p("step", "n"))).values(body=p("body"))
)
ALL_STATES = Query(
    select(checkpoints.c.key, checkpoints.c.body)
    .where(counted_in(checkpoints, p("place", "n")))
    .order_by(checkpoints.c.key)
)
APPENDS_OF = Query(select(slots.c.key).where(counted_in(slots, p("place", "n"))))
FORGET_FINISHED = Query(delete(finished).where(finished.c.place == p("place")))
FORGET_PLACES = Query(delete(places).where(places.c.thread == p("n"), places.c.path == p("path")))


def _keys(column: Any, count: int) -> ColumnElement[bool]:
    return column.in_([p(f"k{i}", "n") for i in range(count)])


@cache
def forget_checkpoints(count: int) -> Query:
    """This many, by their keys."""
    return Query(delete(checkpoints).where(_keys(checkpoints.c.key, count)))


@cache
def forget_appends(count: int) -> Query:
    """This many, by their keys."""
    return Query(delete(slots).where(_keys(slots.c.key, count)))
