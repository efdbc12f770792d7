"""Queries of trails, each written once for both databases."""

from functools import cache
from typing import Any

from sqlalchemy import Table, and_, delete, literal_column, or_, select, update
from sqlalchemy.dialects.postgresql import insert  # SQLite's compiler reads its ON CONFLICT just as well

from weft.storage.pieces import OWNER_OF, WORKSPACE_OF, p, status_is
from weft.storage.query import Query
from weft.storage.tables import runs, threads, trail_points, trail_values, trail_writes, trails

_t, _p, _v, _w = trails.c, trail_points.c, trail_values.c, trail_writes.c

TRAIL = Query(
    select(_t.n, _t.owner).where(_t.workspace == WORKSPACE_OF, _t.thread == p("thread"), _t.namespace == p("namespace"))
)
OWNER = Query(select(OWNER_OF))
DRIVEN = Query(
    select(runs.c.attempts)
    .where(runs.c.id == p("run"), runs.c.fence == p("fence", "n"), status_is("running"))
    .with_for_update()
)
PROGRESS = Query(update(runs).where(runs.c.id == p("run")).values(attempts=literal_column("0")))
ADD_TRAIL = Query(
    insert(trails)
    .inline()
    .values(workspace=p("workspace_n"), owner=p("owner"), thread=p("thread"), namespace=p("namespace"))
    .on_conflict_do_nothing()
)
TRAILS_OF_THREAD = Query(
    select(_t.n, _t.namespace)
    .where(_t.workspace == WORKSPACE_OF, _t.owner == OWNER_OF, _t.thread == p("thread"))
    .order_by(_t.namespace)
)


def _put(table: Table, key: tuple[str, ...]) -> Query:
    rest = [column.name for column in table.columns if column.name not in key]
    statement = insert(table).inline().values({column.name: p(column.name) for column in table.columns})
    return Query(
        statement.on_conflict_do_update(
            index_elements=list(key), set_={name: statement.excluded[name] for name in rest}
        )
    )


def _add(table: Table) -> Query:
    statement = insert(table).inline().values({column.name: p(column.name) for column in table.columns})
    return Query(statement.on_conflict_do_nothing())


PUT_POINT = _put(trail_points, ("trail", "id"))
PUT_VALUE = _put(trail_values, ("trail", "channel", "version"))
PUT_WRITE = _put(trail_writes, ("trail", "point", "task", "idx"))
ADD_WRITE = _add(trail_writes)


@cache
def points(*, everything: bool, all_namespaces: bool, id: bool, before: bool) -> Query:
    """Points and where they stand, newest first, ``limit`` of them after ``offset``."""
    query = (
        select(_t.n, _t.thread, _t.namespace, _p.id, _p.parent, _p.run, _p.versions)
        .add_columns(_p.kind, _p.body, _p.about_kind, _p.about)
        .select_from(trail_points.join(trails, _t.n == _p.trail))
        .where(_t.workspace == WORKSPACE_OF, _t.owner == OWNER_OF)
        .order_by(_p.id.desc(), _t.n)
        .limit(p("limit", "n"))
        .offset(p("offset", "n"))
    )
    if not everything:
        query = query.where(_t.thread == p("thread"))
        if not all_namespaces:
            query = query.where(_t.namespace == p("namespace"))
    if id:
        query = query.where(_p.id == p("id"))
    if before:
        query = query.where(_p.id < p("before"))
    return Query(query)


@cache
def values(count: int) -> Query:
    """The values of ``count`` versions of channels of one trail."""
    wanted = [and_(_v.channel == p(f"channel{i}"), _v.version == p(f"version{i}")) for i in range(count)]
    return Query(
        select(_v.channel, _v.version, _v.kind, _v.body).where(
            _v.trail == p("n"), wanted[0] if count == 1 else or_(*wanted)
        )
    )


WRITES = Query(
    select(_w.task, _w.idx, _w.path, _w.channel, _w.kind, _w.body)
    .where(_w.trail == p("n"), _w.point == p("point"))
    .order_by(_w.path, _w.task, _w.idx)
)
POINTS_OF_RUN = Query(
    select(_p.trail, _p.id)
    .join(trails, _t.n == _p.trail)
    .where(_p.run == p("run"), _t.workspace == WORKSPACE_OF, _t.owner == OWNER_OF)
)
POINT_IDS = Query(select(_p.id, _p.versions).where(_p.trail == p("n")))
VALUE_KEYS = Query(select(_v.channel, _v.version).where(_v.trail == p("n")))
DELETE_POINT = (
    Query(delete(trail_writes).where(_w.trail == p("n"), _w.point == p("id"))),
    Query(delete(trail_points).where(_p.trail == p("n"), _p.id == p("id"))),
)
DELETE_VALUE = Query(
    delete(trail_values).where(_v.trail == p("n"), _v.channel == p("channel"), _v.version == p("version"))
)
DELETE_TRAIL = (
    Query(delete(trail_writes).where(_w.trail == p("n"))),
    Query(delete(trail_values).where(_v.trail == p("n"))),
    Query(delete(trail_points).where(_p.trail == p("n"))),
    Query(delete(trails).where(_t.n == p("n"))),
)


def _copied(table: Table) -> Query:
    """The rows of trail ``n`` again, under trail ``to``."""
    rows: list[Any] = [p("to", "n") if column.name == "trail" else column for column in table.columns]
    names = [column.name for column in table.columns]
    return Query(
        insert(table).inline().from_select(names, select(*rows).where(table.c.trail == p("n"))).on_conflict_do_nothing()
    )


COPY_TRAIL = (_copied(trail_points), _copied(trail_values), _copied(trail_writes))

_BELOW = (
    select(_t.n)
    .join(threads, and_(threads.c.owner == _t.owner, threads.c.id == _t.thread))
    .where(threads.c.n == p("n"))
)
DELETE_BELOW_THREAD = (
    *(Query(delete(table).where(table.c.trail.in_(_BELOW))) for table in (trail_writes, trail_values, trail_points)),
    Query(delete(trails).where(_t.n.in_(_BELOW))),
)
"""What graphs of other engines left in a thread of ours, before its row goes."""
