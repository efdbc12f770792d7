"""The queries of knowledge. Whoever reads, reads under ``seen``: what he may not read is in no answer."""

from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, and_, case, delete, exists, func, literal_column, null, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from weft.storage.knowledge_tables import collections, document_readers, documents, pieces
from weft.storage.pieces import NONE, OWNER_OF, WORKSPACE_OF, mine, p
from weft.storage.query import Now, Query
from weft.storage.tables import blob_uses, owners

_C, _D, _R, _P = collections.c, documents.c, document_readers.c, pieces.c
_ONE: ColumnElement[int] = literal_column("1")
_EMPTY: ColumnElement[str] = literal_column("''")
_ON = documents.join(collections, _C.n == _D.collection).join(owners, owners.c.n == _D.owner)

FIELDS = (
    *("n", "id", "name", "origin", "mime", "kind", "title", "facts", "sha256", "size", "pages", "pieces"),
    *("embedded", "status", "error", "more", "recipe", "made", "fence", "tries", "created_at", "updated_at"),
)
_ROW = [_C.name.label("called"), owners.c.user_id, *[_D[name] for name in FIELDS]]
_PIECE = [_P.n, _P.document, _P.text, _P.start, _P.page, _P.context, _P.digest]


def _word(text: str) -> ColumnElement[str]:
    """Literally, so that the partial index is seen to apply."""
    return literal_column(f"'{text}'")


def seen(names: int) -> ColumnElement[bool]:
    """The predicate of who reads: one of so many names was let in, or it is his, or he sees the workspace."""
    let_in = or_(*[_R.reader == p(f"reader{at}", "t") for at in range(names)])
    invited = exists().where(_R.document == _D.n, let_in).correlate(documents)
    return and_(_D.workspace == WORKSPACE_OF, or_(p("user", "t").is_(None), _D.owner == OWNER_OF, invited))


# Collections

COLLECTION = Query(select(_C.n).where(_C.workspace == WORKSPACE_OF, _C.name == p("collection")))
ADD_COLLECTION = Query(
    insert(collections)
    .inline()
    .values(workspace=p("n"), name=p("collection"), revision=NONE, erased=NONE)
    .on_conflict_do_nothing()
)
TURN = Query(update(collections).where(_C.n == p("place")).values(revision=_C.revision + _ONE).returning(_C.revision))
"""The row is locked until the transaction ends: revisions are committed in their order."""
ERASED = Query(update(collections).where(_C.n == p("place")).values(erased=_C.revision))


@cache
def summaries(names: int) -> Query:
    open = func.sum(case((_D.status.in_([_word("waiting"), _word("reading")]), _ONE), else_=NONE))
    query = select(_C.name, func.count(), func.sum(_D.pieces), open).select_from(_ON).where(seen(names))
    return Query(query.group_by(_C.name).order_by(_C.name))


# Documents, for who reads


@cache
def one(names: int) -> Query:
    return Query(select(*_ROW).select_from(_ON).where(seen(names), _D.id == p("id")))


@cache
def page(names: int, *, name: bool) -> Query:
    query = select(*_ROW).select_from(_ON).where(seen(names), _C.name == p("collection"), _D.n > p("after", "n"))
    if name:
        query = query.where(_D.name == p("name"))
    return Query(query.order_by(_D.n).limit(p("limit", "n")))


READERS = Query(
    select(_R.document, _R.reader)
    .where(_R.document >= p("first"), _R.document <= p("last"))
    .order_by(_R.document, _R.reader)
)


@cache
def readable(names: int) -> Query:
    return Query(
        select(_D.n)
        .select_from(documents.join(collections, _C.n == _D.collection))
        .where(seen(names), _C.workspace == WORKSPACE_OF, _C.name == p("collection"))
    )


@cache
def found(names: int, count: int) -> Query:
    """So many pieces by their numbers, as far as he may read them."""
    chosen = or_(*[_P.n == p(f"piece{at}", "n") for at in range(count)])
    query = select(*_PIECE, *_ROW).select_from(pieces.join(_ON, _P.document == _D.n))
    return Query(query.where(seen(names), chosen))


@cache
def around(names: int) -> Query:
    query = select(*_PIECE).select_from(pieces.join(documents, _P.document == _D.n))
    query = query.where(seen(names), _D.id == p("id"), _P.start >= p("start"), _P.start < p("stop"))
    return Query(query.order_by(_P.place))


# Documents, for who writes

KNOWN = Query(
    select(*_ROW).select_from(_ON).where(_D.collection == p("place"), _D.owner == p("owner"), _D.name == p("name"))
)
_NEW = ("id", "name", "origin", "mime", "facts", "recipe", "sha256", "size")
_BLANK: dict[str, Any] = {
    **dict.fromkeys(("kind", "title", "more"), _EMPTY),
    **dict.fromkeys(("pages", "pieces", "embedded", "fence", "tries"), NONE),
    "lease": literal_column("0.0"),
}
ADD = Query(
    insert(documents)
    .values(
        workspace=p("n"),
        owner=p("owner"),
        collection=p("place"),
        revision=p("revision"),
        status=_word("waiting"),
        due_at=Now(),
        created_at=Now(),
        updated_at=Now(),
        **{name: p(name) for name in _NEW},
        **_BLANK,
    )
    .returning(_D.n)
)
_NAMED = and_(_D.n == p("document"), _D.id == p("id"))
"""What is sealed in a row is sealed with its id."""
_SAID: dict[str, Any] = {name: p(name) for name in ("origin", "mime", "facts")}
SAY = Query(update(documents).where(_NAMED).values(revision=p("revision"), updated_at=Now(), **_SAID))
"""Only what is said of it."""
AGAIN = Query(
    update(documents)
    .where(_D.n == p("document"))
    .values(
        **{name: p(name) for name in ("recipe", "sha256", "size")},
        status=_word("waiting"),
        error=null(),
        fence=_D.fence + _ONE,
        tries=NONE,
        due_at=Now(),
    )
)
"""It is another one now: whoever reads the old one has lost it."""
UNINVITE = Query(delete(document_readers).where(_R.document == p("document")))
INVITE = Query(
    insert(document_readers).inline().values(document=p("document"), reader=p("reader")).on_conflict_do_nothing()
)
USE_BLOB = Query(
    insert(blob_uses)
    .inline()
    .values(workspace=p("n"), sha256=p("sha256"), thread=p("user_of"))
    .on_conflict_do_nothing()
)
DROP_USE = Query(delete(blob_uses).where(blob_uses.c.thread == p("n")))
OWN = Query(select(_D.n, _D.collection).where(mine(documents), _D.id == p("id")))
REMOVE = tuple(
    [
        Query(delete(pieces).where(_P.document == p("document"))),
        UNINVITE,
        Query(delete(documents).where(_D.n == p("document"))),
    ]
)


# Documents, for who indexes


def _take() -> Query:
    other = documents.alias("other")
    due = and_(literal_column("other.status IN ('waiting', 'reading')"), other.c.due_at <= Now())
    free = or_(other.c.status == _word("waiting"), other.c.lease < Now())
    first = select(other.c.n).where(other.c.workspace == WORKSPACE_OF, due, free).order_by(other.c.due_at, other.c.n)
    chosen = first.limit(_ONE).with_for_update(skip_locked=True).scalar_subquery()
    more = {"fence": _D.fence + _ONE, "tries": _D.tries + _ONE}
    taken = update(documents).where(_D.n == chosen)
    return Query(taken.values(status=_word("reading"), lease=Now() + p("ttl", "f"), **more).returning(_D.n))


TAKE = _take()
NUMBERED = Query(select(*_ROW).select_from(_ON).where(_D.n == p("document")))
_OURS = update(documents).where(_D.n == p("document"), _D.fence == p("fence"), _D.status == _word("reading"))
_LEASED = Now() + p("ttl", "f")
KEEP = Query(_OURS.values(lease=_LEASED).returning(_D.n))
HOLD = Query(_OURS.values(updated_at=Now()).returning(_D.collection, _D.workspace, _D.owner))
"""It is ours until the transaction ends."""
CUT = Query(
    update(documents)
    .where(_NAMED)
    .values(
        **{
            name: p(name)
            for name in ("made", "terms", "kind", "title", "pages", "pieces", "embedded", "more", "revision")
        },
    )
)
PLACES = Query(select(_P.n, _P.digest, _P.embedder).where(_P.document == p("document")).order_by(_P.place))
_SPOT = ("place", "start", "page", "context")
_PIECE_OF = and_(_P.n == p("piece"), _P.document == p("document"), _P.digest == p("digest"))
MOVE = Query(update(pieces).where(_PIECE_OF).values(**{name: p(name) for name in _SPOT}))
UNEMBED = Query(update(pieces).where(_P.n == p("piece")).values(vector=null(), embedder=null()))
DROP = Query(delete(pieces).where(_P.n == p("piece")))


@cache
def add_pieces(count: int) -> Query:
    """So many pieces at once."""
    shared = {"workspace": p("n"), "owner": p("owner"), "document": p("document")}
    given = ("place", "start", "page", "text", "context", "digest")
    rows = [{**shared, **{name: p(f"{name}{at}") for name in given}} for at in range(count)]
    return Query(insert(pieces).inline().values(rows))


BARE = Query(
    select(*_PIECE).where(_P.document == p("document"), _P.vector.is_(None)).order_by(_P.place).limit(p("limit", "n"))
)
EMBED = Query(update(pieces).where(_PIECE_OF).values(vector=p("vector"), embedder=p("embedder")))
EMBEDDED = Query(_OURS.values(lease=_LEASED, embedded=_D.embedded + p("count", "n")).returning(_D.n))
END = Query(
    _OURS.where(_NAMED)
    .values(status=p("status"), error=p("error"), due_at=Now() + p("wait", "f"), updated_at=Now())
    .returning(_D.collection)
)
REVISE = Query(update(documents).where(_D.n == p("document")).values(revision=p("revision")))


@cache
def waiting(*, collection: bool) -> Query:
    open: ColumnElement[bool] = literal_column("documents.status IN ('waiting', 'reading')")
    query = select(func.count()).select_from(documents).where(_D.workspace == WORKSPACE_OF, open)
    if collection:
        place = select(_C.n).where(_C.workspace == WORKSPACE_OF, _C.name == p("collection")).scalar_subquery()
        query = query.where(_D.collection == place)
    return Query(query)


VECTORED = Query(
    select(func.count())
    .select_from(pieces.join(documents, _D.n == _P.document).join(collections, _C.n == _D.collection))
    .where(_C.workspace == WORKSPACE_OF, _C.name == p("collection"), _P.vector.is_not(None))
)
STATE = Query(select(_C.n, _C.revision, _C.erased).where(_C.workspace == WORKSPACE_OF, _C.name == p("collection")))
CHANGED = Query(
    select(_D.n, _D.name, _D.title, _D.facts)
    .where(_D.collection == p("place"), _D.revision > p("revision", "n"))
    .order_by(_D.revision, _D.n)
)
ALIVE = Query(select(_D.n).where(_D.collection == p("place")))
TERMS = Query(select(_D.terms).where(_D.n == p("document")))
VECTORS = Query(select(_P.n, _P.vector).where(_P.document == p("document")).order_by(_P.place))
NUMBERS = Query(select(_P.n, null()).where(_P.document == p("document")).order_by(_P.place))
