"""The queries of ``memories``."""

from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, delete, exists, false, literal_column, or_, select, update
from sqlalchemy.dialects.postgresql import insert  # SQLite's compiler reads its ON CONFLICT just as well

from weft.storage.memory_rows import MemoryRow
from weft.storage.pieces import OWNER_OF, WORKSPACE_OF, mine, p
from weft.storage.query import Query
from weft.storage.tables import chores, memories, memory_sources, owners, shelves, threads

FIELDS = MemoryRow.__struct_fields__
_S, _M, _F = shelves.c, memories.c, memory_sources.c
_ROW = [_M[name] for name in FIELDS]
_ZERO: ColumnElement[Any] = literal_column("0")
_ONE: ColumnElement[Any] = literal_column("1")
_ANY: ColumnElement[Any] = literal_column("1 = 1")
_EMPTY: ColumnElement[Any] = literal_column("''")

# One shelf, for who writes

ADD_SHELF = Query(
    insert(shelves)
    .inline()
    .values(
        workspace=p("n"),
        owner=p("owner"),
        agent=p("agent"),
        of_thread=p("thread"),
        revision=_ZERO,
        erased=p("erased"),
    )
    .on_conflict_do_nothing()
)
TURN = Query(
    update(shelves)
    .where(_S.workspace == p("n"), _S.owner == p("owner"), _S.agent == p("agent"), _S.of_thread == p("thread"))
    .values(revision=_S.revision + _ONE)
    .returning(_S.n, _S.revision)
)
"""The row is locked until the transaction ends: revisions are committed in their order."""
ADD = Query(
    insert(memories).inline().values(shelf=p("shelf"), revision=p("revision"), **{name: p(name) for name in FIELDS})
)
PAST = Query(
    update(memories)
    .where(_M.shelf == p("shelf"), _M.id == p("id"), _M.version == p("version"))
    .values(known_to=p("known_to"), revision=p("revision"))
)
ADD_SOURCE = Query(
    insert(memory_sources)
    .inline()
    .values(
        shelf=p("shelf"),
        memory=p("memory"),
        of_thread=p("thread"),
        message=p("message"),
        of_run=p("run"),
        at=p("at"),
    )
    .on_conflict_do_nothing()
)


@cache
def matter(*, digest: bool, about: bool, edge: int, id: bool) -> Query:
    """The newest versions that a decision is about; ``edge`` is the number of relations that are meant."""
    asked: list[ColumnElement[bool]] = []
    if digest:
        asked.append(_M.digest == p("digest"))
    if about:
        asked.append(and_(_M.subject == p("subject"), _M.attribute == p("attribute")))
    if edge:
        relations = _M.relation.in_([p(f"relation{i}", "t") for i in range(edge)])
        asked.append(and_(_M.subject == p("subject"), _M.attribute == _EMPTY, _M.object == p("object"), relations))
    if id:
        asked.append(_M.id == p("id"))
    query = select(*_ROW).where(_M.shelf == p("shelf"), _M.known_to.is_(None), or_(false(), *asked))
    return Query(query.order_by(_M.valid_from, _M.n))


# One shelf, for who reads

MARK = Query(
    select(_S.n, _S.revision, _S.erased).where(
        _S.workspace == WORKSPACE_OF, _S.owner == OWNER_OF, _S.agent == p("agent"), _S.of_thread == p("thread")
    )
)
NEWS = Query(
    select(_M.revision, _M.n, *_ROW)
    .where(_M.shelf == p("shelf"), _M.revision > p("after", "n"))
    .order_by(_M.revision, _M.n)
    .limit(p("limit", "n"))
)

# A scope

_ON = memories.join(shelves, _S.n == _M.shelf).join(owners, owners.c.n == _S.owner)
_PLACED = [_M.n, owners.c.user_id, _S.agent, _S.of_thread, *_ROW]
VERSIONS = Query(select(*_PLACED).select_from(_ON).where(mine(shelves), _M.id == p("id")).order_by(_M.n))


@cache
def page(*, kind: bool, after: bool) -> Query:
    """What is known now, the newest first."""
    query = select(*_PLACED).select_from(_ON).where(mine(shelves), _M.known_to.is_(None))
    if kind:
        query = query.where(_M.kind == p("kind"))
    if after:
        query = query.where(_M.n < p("after", "n"))
    return Query(query.order_by(_M.n.desc()).limit(p("limit", "n")))


SOURCES = Query(
    select(_F.of_thread, _F.message, _F.of_run, _F.at)
    .select_from(memory_sources.join(shelves, _S.n == _F.shelf))
    .where(mine(shelves), _F.memory == p("id"))
    .order_by(_F.at, _F.of_thread, _F.message)
)


_ERASED: dict[str, Any] = {"revision": _S.revision + _ONE, "erased": _S.revision + _ONE}
MARK_ERASED = Query(update(shelves).where(_S.n == p("shelf")).values(**_ERASED))


class Erasure(NamedTuple):
    """What takes memories away, in this order."""

    undone: Query | None
    """The chores that would write such again go first: whoever works on one has written before this, or cannot."""
    mark: Query
    """The shelves, whose writers wait from here on."""
    take: Query
    forget: Query
    """Sources."""


def _erase(
    chosen: ColumnElement[bool],
    shelf: ColumnElement[bool],
    *,
    forget: ColumnElement[bool],
    undone: ColumnElement[bool] | None = None,
) -> Erasure:
    """Take away what is ``chosen`` on the shelves; ``forget`` says which sources go too, ``undone`` which chores."""
    mark = update(shelves).where(shelf, _S.n.in_(select(_M.shelf).where(chosen)))
    take = delete(memories).where(_M.shelf.in_(select(_S.n).where(shelf)), chosen)
    return Erasure(
        undone=None if undone is None else Query(delete(chores).where(mine(chores), undone)),
        mark=Query(mark.values(**_ERASED).returning(_S.n)),
        take=Query(take.returning(_M.id, _M.shelf, _M.n)),
        forget=Query(delete(memory_sources).where(_F.shelf.in_(select(_S.n).where(shelf)), forget)),
    )


_orphan = ~exists().where(memories.c.shelf == _F.shelf, memories.c.id == _F.memory)


def _from_only(thread: ColumnElement[Any]) -> ColumnElement[bool]:
    """It lies on the thread's shelf, or was heard nowhere else."""
    other = memory_sources.alias("other")
    heard = exists().where(_F.shelf == _M.shelf, _F.memory == _M.id, _F.of_thread == thread)
    elsewhere = exists().where(other.c.shelf == _M.shelf, other.c.memory == _M.id, other.c.of_thread != thread)
    on_shelf = _M.shelf.in_(select(_S.n).where(_S.of_thread == thread, _S.workspace == WORKSPACE_OF))
    return or_(on_shelf, and_(heard, ~elsewhere))


ERASE_ONE = _erase(_M.id == p("id", "t"), mine(shelves), forget=_F.memory == p("id", "t"))
ERASE_ALL = _erase(_ANY, mine(shelves), forget=_ANY, undone=_ANY)
ERASE_THREAD = _erase(
    _from_only(p("thread", "t")),
    mine(shelves),
    forget=or_(_F.of_thread == p("thread", "t"), _orphan),
    undone=chores.c.thread.in_(select(threads.c.n).where(threads.c.id == p("thread", "t"))),
)
"""A source in the thread is forgotten even where the memory stays, as it was heard elsewhere too."""
