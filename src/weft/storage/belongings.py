"""Whose the rows of each table are. It is told from the columns, so that a table that is new is found too."""

from collections.abc import Callable, Mapping

from sqlalchemy import ColumnElement, Table, Text, and_, exists, literal_column, or_, select

from weft.storage.belonging_rows import Of
from weft.storage.item_tables import items as items  # its tables are among those of the metadata
from weft.storage.knowledge_tables import collections, document_readers, documents
from weft.storage.pieces import counted_in, p
from weft.storage.tables import (
    blob_uses,
    blobs,
    budgets,
    events,
    feedback,
    inbox,
    memories,
    memory_sources,
    messages,
    metadata,
    owners,
    places,
    runs,
    shelves,
    tallies,
    threads,
    trails,
    workspaces,
)

PARENTS: dict[str, Table] = {
    **{"document": documents, "shelf": shelves, "trail": trails, "place": places, "run": runs, "thread": threads},
}
"""By the name of a column the table whose number is in it: rows without an owner are of whoever has the parent."""

NOBODYS = frozenset({"workers", "erasures", "strays"})
"""Of the machine, not of people."""
ONLY_WORKSPACES = frozenset(
    {
        "workspaces",
        "audit_links",
        "secrets",
        "routers",
        "policies",
        "tools",
        "collections",
        "data_keys",
        "resealings",
        "reports",
    }
)
"""Of a workspace, and of no user or thread in it."""
NO_THREADS = frozenset({"documents", "document_readers", "pieces", "items", "item_heads"})
"""Of a user, in no thread."""

_W, _O, _T = p("w", "n"), p("o", "n"), p("t", "n")
_NAME = p("name", "t")
Rule = Callable[[], ColumnElement[bool]]


def is_of(of: Of, table: Table) -> ColumnElement[bool] | None:
    """The rows of a table that belong to a subject, given its numbers ``w``, ``o``, ``t`` and its ``name``.

    ``None``: none can. Raises: LookupError: nothing says whose rows of this table are.
    """
    if table.name in NOBODYS or (table.name in ONLY_WORKSPACES and of != "workspace"):
        return None
    if of == "thread" and table.name in NO_THREADS:
        return None
    if (rule := _RULES[of].get(table.name)) is not None:
        return rule()
    return {"user": _of_user, "thread": _of_thread, "workspace": _of_workspace}[of](table)


def parent_first(table: Table) -> int:
    """Sorts tables so that parents, by which others are found, come last."""
    order = [memories, documents, collections, shelves, tallies, places, trails, runs, threads, owners, workspaces]
    return order.index(table) if table in order else -1


def _number(table: Table, name: str) -> bool:
    return name in table.c and not isinstance(table.c[name].type, Text)


def _below(table: Table, whose: Callable[[Table], ColumnElement[bool]]) -> ColumnElement[bool]:
    for name, parent in PARENTS.items():
        if _number(table, name) and parent is not table:
            return table.c[name].in_(select(parent.c.n).where(whose(parent)))
    raise LookupError(f"nothing says whose rows of {table.name} are: give it an owner, or a rule in belongings.py")


def _of_user(table: Table) -> ColumnElement[bool]:
    return table.c.owner == _O if "owner" in table.c else _below(table, _of_user)


def _of_workspace(table: Table) -> ColumnElement[bool]:
    if "workspace" in table.c:
        return table.c.workspace == _W
    if "owner" in table.c:
        return table.c.owner.in_(select(owners.c.n).where(owners.c.workspace == _W))
    return _below(table, _of_workspace)


def _of_thread(table: Table) -> ColumnElement[bool]:
    if _number(table, "thread"):
        return table.c.thread == _T
    if "key" in table.c and table.primary_key.columns.keys() == ["key"]:
        parent = runs if table is events else places
        below = select(table.c.key).select_from(parent.join(table, counted_in(table, parent.c.n)))
        return table.c.key.in_(below.where(parent.c.thread == _T))
    for name in ("run", "place", "trail", "shelf"):
        if _number(table, name):
            parent = PARENTS[name]
            return table.c[name].in_(select(parent.c.n).where(is_of("thread", parent)))  # pyright: ignore[reportArgumentType]  # parents have rules
    raise LookupError(f"nothing says of which thread rows of {table.name} are: give it a rule in belongings.py")


def _is(text: str) -> ColumnElement[str]:
    return literal_column(f"'{text}'")


def _subject(table: Table, of: Of) -> Rule:
    return lambda: and_(table.c.workspace == _W, table.c.of == _is(of), table.c.subject == _NAME)


_in_workspace = select(owners.c.n).where(owners.c.workspace == _W)
_shelves_here = select(shelves.c.n).where(shelves.c.workspace == _W)


def _blobs_of_thread() -> ColumnElement[bool]:
    u = blob_uses.c
    used = exists().where(u.workspace == blobs.c.workspace, u.sha256 == blobs.c.sha256, u.thread == _T)
    return and_(blobs.c.workspace == _W, used)


def _memories_of_thread() -> ColumnElement[bool]:
    m, s = memories.c, memory_sources.c
    heard = exists().where(s.shelf == m.shelf, s.memory == m.id, s.of_thread == _NAME)
    return and_(m.shelf.in_(_shelves_here), or_(heard, m.shelf.in_(_shelves_here.where(shelves.c.of_thread == _NAME))))


def _readers_of_user() -> ColumnElement[bool]:
    """Who may read the user's documents, and that the user may read those of others."""
    r, d = document_readers.c, documents.c
    here = select(d.n).where(d.workspace == _W)
    return or_(r.document.in_(here.where(d.owner == _O)), and_(r.document.in_(here), r.reader == p("invited")))


_RULES: Mapping[Of, dict[str, Rule]] = {
    "user": {
        "owners": lambda: owners.c.n == _O,
        "budgets": _subject(budgets, "user"),
        "tallies": _subject(tallies, "user"),
        "document_readers": _readers_of_user,
        "feedback": lambda: or_(feedback.c.owner == _O, and_(feedback.c.workspace == _W, feedback.c.author == _NAME)),
        "inbox": lambda: or_(inbox.c.owner == _O, and_(inbox.c.owner.in_(_in_workspace), inbox.c.actor == _NAME)),
    },
    "workspace": {
        "workspaces": lambda: workspaces.c.n == _W,
        "owners": lambda: owners.c.workspace == _W,
    },
    "thread": {
        "threads": lambda: threads.c.n == _T,
        "owners": lambda: owners.c.n == _O,
        "messages": lambda: counted_in(messages, _T),
        "blobs": _blobs_of_thread,
        "budgets": _subject(budgets, "thread"),
        "tallies": _subject(tallies, "thread"),
        "trails": lambda: and_(trails.c.workspace == _W, trails.c.thread == _NAME),
        "shelves": lambda: and_(shelves.c.workspace == _W, shelves.c.of_thread == _NAME),
        "memories": _memories_of_thread,
        "memory_sources": lambda: and_(memory_sources.c.shelf.in_(_shelves_here), memory_sources.c.of_thread == _NAME),
    },
}

TABLES: tuple[Table, ...] = tuple(sorted(metadata.sorted_tables, key=parent_first))
"""In the order in which their rows can be deleted."""
