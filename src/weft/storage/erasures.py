"""How all that belongs to somebody is taken away: a name that goes at once, then thread after thread, then the rest."""

import secrets as random
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, delete, func, literal_column, null, select, update
from sqlalchemy.dialects.postgresql import insert

from weft.errors import Conflict, NotFound
from weft.storage.belonging_rows import Erasure, Of, Subject
from weft.storage.belongings import TABLES, is_of
from weft.storage.database import Database
from weft.storage.exports import numbers, rows_of
from weft.storage.keychain import FORGET
from weft.storage.knowledge import removed
from weft.storage.knowledge_tables import document_readers, documents
from weft.storage.outside import WHOLE
from weft.storage.owners import owner_of
from weft.storage.pieces import p, status_is
from weft.storage.proving import replacement
from weft.storage.query import Query, Steps
from weft.storage.tables import (
    blob_uses,
    blobs,
    budgets,
    erasures,
    feedback,
    inbox,
    owners,
    runs,
    tallies,
    threads,
    workspaces,
)
from weft.storage.threads import deletion

_E, _R, _B, _U = erasures.c, runs.c, blobs.c, blob_uses.c
_KEPT_OF_A_USER = frozenset({"audit", "calls", "blobs", "blob_uses", "owners"})
"""What stays under the alias (what was used and spent), and blobs, which others may have too."""


def _whose(of: Of) -> ColumnElement[bool]:
    return and_(_R.workspace == p("w", "n"), _R.owner == p("o", "n") if of == "user" else literal_column("1 = 1"))


@cache
def _cancel(of: Of) -> Query:
    waits = and_(_whose(of), status_is("queued", "sleeping", "paused"))
    ended: dict[str, Any] = {"status": literal_column("'cancelled'"), "error": literal_column("'cancelled: erased'")}
    more = {"fence": _R.fence + 1, "epoch": _R.epoch + 1, "worker": null(), "wake_at": null()}
    return Query(update(runs).where(waits).values(**ended, **more))


@cache
def _running(of: Of) -> Query:
    return Query(select(_R.id).where(_whose(of), status_is("running")).limit(1))


_RENAME: Mapping[Of, Query] = {
    "user": Query(update(owners).where(owners.c.n == p("o", "n")).values(user_id=p("alias"))),
    "workspace": Query(update(workspaces).where(workspaces.c.n == p("w", "n")).values(name=p("alias"))),
}
_BY_NAME: tuple[Table, ...] = (budgets, tallies, feedback, document_readers)
"""Where a user is found by name, which is about to go."""
_RECORD = Query(
    insert(erasures).values(of=p("of"), alias=p("alias"), workspace=p("w"), owner=p("o"), at=p("at")).returning(_E.n)
)
_LEFT = (
    select(func.count())
    .select_from(threads)
    .where(threads.c.workspace == _E.workspace, (_E.owner == 0) | (threads.c.owner == _E.owner))
    .correlate(erasures)
    .scalar_subquery()
)
_FIELDS = (_E.n, _E.of, _E.alias, _E.at, _LEFT, _E.workspace, _E.owner)
_ALL = Query(select(*_FIELDS).order_by(_E.n))
_ONE = Query(select(*_FIELDS).where(_E.n == p("n")).with_for_update())
_NAME = Query(select(workspaces.c.n).where(workspaces.c.name == p("workspace")))
_NEXT: Mapping[Of, Query] = {
    "user": Query(select(threads.c.n, threads.c.id).where(threads.c.owner == p("o", "n")).limit(1)),
    "workspace": Query(select(threads.c.n, threads.c.id).where(threads.c.workspace == p("w", "n")).limit(1)),
}
_NEXT_DOCUMENT = Query(select(documents.c.n, documents.c.collection).where(documents.c.owner == p("o", "n")).limit(1))
_WORKSPACE = Query(select(workspaces.c.name).where(workspaces.c.n == p("w", "n")))
_DONE = Query(delete(erasures).where(_E.n == p("n")))

_OWN_BLOBS = Query(select(_B.sha256).where(_B.workspace == p("w", "n"), _B.owner == p("o", "n")))
_USER_OF_BLOB = Query(
    select(threads.c.owner)
    .select_from(blob_uses.join(threads, threads.c.n == _U.thread))
    .where(_U.workspace == p("w", "n"), _U.sha256 == p("sha256"))
    .limit(1)
)
_DOCUMENT_OF_BLOB = Query(
    select(documents.c.owner)
    .select_from(blob_uses.join(documents, documents.c.n == -_U.thread))
    .where(_U.workspace == p("w", "n"), _U.sha256 == p("sha256"))
    .limit(1)
)
_KEY = (_B.workspace == p("w", "n"), _B.sha256 == p("sha256"))
_HAND_ON = Query(update(blobs).where(*_KEY).values(owner=p("to", "n")))
_DROP_BLOB = (
    Query(delete(blob_uses).where(_U.workspace == p("w", "n"), _U.sha256 == p("sha256"))),
    Query(delete(blobs).where(*_KEY)),
)


@cache
def _delete(of: Of, table: Table) -> Query | None:
    rule = is_of(of, table)
    return None if rule is None else Query(delete(table).where(rule))


class SqlBelongings:
    """``belonging_rows.Belongings`` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def rows(self, subject: Subject) -> AsyncIterator[tuple[str, Mapping[str, Any]]]:
        return rows_of(self._database, subject)

    async def begin(self, subject: Subject, *, by: str = "") -> Erasure | None:
        if subject.of == "thread":
            raise ValueError("a thread is deleted, in one transaction")

        def steps() -> Steps[Erasure | None]:
            try:
                return (yield from _begin(subject, by))
            except NotFound:
                return None

        return await self._database.write(steps)

    async def pending(self, workspace: str | None = None) -> Sequence[Erasure]:
        def steps() -> Steps[Sequence[Erasure]]:
            rows = yield _ALL, {}
            if workspace is not None:
                found = yield _NAME, {"workspace": workspace}
                rows = [row for row in rows if found and row[1] == "user" and row[5] == found[0][0]]
            return [_erasure(row) for row in rows]

        return await self._database.read(steps)

    async def step(self, erasure: Erasure) -> Erasure | None:
        return await self._database.write(lambda: _step(erasure))

    async def end(self, erasure: Erasure) -> None:
        await self._database.scrub()

        def steps() -> Steps[None]:
            yield _DONE, {"n": erasure.n}

        await self._database.write(steps)

    async def scrub(self, *, whole: bool = False) -> None:
        await self._database.scrub(whole=whole)


def _erasure(row: Sequence[Any]) -> Erasure:
    return Erasure(n=row[0], of=row[1], alias=row[2], began_at=row[3], threads=row[4])


def _begin(subject: Subject, by: str) -> Steps[Erasure]:
    values = yield from numbers(subject)
    if (words := _delete(subject.of, inbox)) is not None:
        yield words, values  # first: words that a run has not heard would become a run of their own once it has ended
    yield _cancel(subject.of), values
    if busy := (yield _running(subject.of), values):
        raise Conflict(f"run {busy[0][0]!r} of {subject} is running: cancel it, or wait until it rests")
    alias = f"erased-{random.token_hex(8)}"
    values |= {"of": subject.of, "alias": alias, "at": time.time()}
    if subject.of == "user":
        for table in _BY_NAME:
            if (query := _delete("user", table)) is not None:
                yield query, values
        yield _RENAME["user"], values
        by_whom = values["o"] if by == subject.name else (yield from owner_of(subject.workspace, by))[1]
        yield from replacement(values["w"], values["o"], subject.name, alias, by_whom)
    else:
        yield _RENAME["workspace"], values
        yield FORGET, values
    n = (yield _RECORD, values)[0][0]
    return _erasure((yield _ONE, {"n": n})[0])


def _step(erasure: Erasure) -> Steps[Erasure | None]:
    if not (found := (yield _ONE, {"n": erasure.n})):
        return None
    *_, w, o = found[0]
    values: dict[str, Any] = {"w": w, "o": o, "t": 0, "name": erasure.alias, "invited": "", "n": erasure.n}
    if rows := (yield _NEXT[erasure.of], values):
        workspace = (yield _WORKSPACE, values)[0][0]
        yield from deletion(workspace, None, *rows[0])
        return _erasure((yield _ONE, values)[0])
    if erasure.of == "user" and (rows := (yield _NEXT_DOCUMENT, values)):
        yield from removed(*rows[0])
        return _erasure((yield _ONE, values)[0])
    for query in WHOLE[erasure.of]:
        yield query, values
    for table in TABLES:
        if (erasure.of == "workspace" or table.name not in _KEPT_OF_A_USER) and (
            (query := _delete(erasure.of, table)) is not None
        ):
            yield query, values
    if erasure.of == "user":
        yield from _blobs(values)
    return None


def _blobs(values: Mapping[str, Any]) -> Steps[None]:
    """Those that a thread or a document of another user has too are that user's now; all others go."""
    for (sha,) in (yield _OWN_BLOBS, values):
        key = {**values, "sha256": sha}
        if others := (yield _USER_OF_BLOB, key) or (yield _DOCUMENT_OF_BLOB, key):
            yield _HAND_ON, {**key, "to": others[0][0]}
        else:
            for query in _DROP_BLOB:
                yield query, key
