"""Whether an audit is as it was written: its chain looked through link by link; and how rows of it are erased."""

import time
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, exists, literal_column, null, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from weft.ids import new_id
from weft.storage.audit_rows import ERASE, MOST_FAULTS, Fault, Link, Proof
from weft.storage.chain import SEALED, digest_of, link_of
from weft.storage.database import Database
from weft.storage.owners import owner_of
from weft.storage.pieces import OWNER_OF, WORKSPACE_OF, named, p
from weft.storage.query import Query, Row, Steps
from weft.storage.rows import Scope
from weft.storage.tables import audit, audit_links, owners

PAGE = 500
"""Links that are looked at before others get their turn: about three milliseconds."""

_A, _L = audit.c, audit_links.c
_SAME = and_(_A.workspace == _L.workspace, _A.at == _L.at, _A.run_id == _L.run_id, _A.seq == _L.seq)
_ROW = [named(owners.c.user_id, _A.owner, "user_id") if name == "user_id" else _A[name] for name in SEALED]
_ERASURE: ColumnElement[str] = literal_column(f"'{ERASE}'")

_LINKS = Query(
    select(_L.n, _L.at, _L.run_id, _L.seq, _L.seal, _L.erased_by, _A.workspace, *_ROW)
    .select_from(audit_links.outerjoin(audit, _SAME))
    .where(_L.workspace == WORKSPACE_OF, _L.n > p("after", "n"))
    .order_by(_L.n)
    .limit(p("limit", "n"))
)
_LOOSE = Query(
    select(_A.at, _A.run_id, _A.seq)
    .select_from(audit.outerjoin(audit_links, _SAME))
    .where(_A.workspace == WORKSPACE_OF, _L.n.is_(None))
    .limit(p("limit", "n"))
)


async def proof(database: Database, workspace: str, known: Link | None) -> Proof:
    """Twice where something is wrong: while one looks, another may erase in good order."""
    found = await _look(database, workspace, known)
    return found if found.ok else await _look(database, workspace, known)


async def _look(database: Database, workspace: str, known: Link | None) -> Proof:
    walk = _Walk(known)

    def links() -> Steps[Sequence[Row]]:
        return (yield _LINKS, {"workspace": workspace, "after": walk.n, "limit": PAGE})

    def loose() -> Steps[Sequence[Row]]:
        return (yield _LOOSE, {"workspace": workspace, "limit": MOST_FAULTS})

    while page := await database.read(links):
        for row in page:
            walk.step(row)
    for at, run_id, seq in await database.read(loose):
        walk.faults.append(Fault(kind="added", at=at, run_id=run_id, seq=seq))
    return walk.end()


class _Walk:
    """Along the chain, from its first link."""

    def __init__(self, known: Link | None) -> None:
        self.n, self._before, self._known = 0, Link().hash, known
        self.faults: list[Fault] = []
        self._rows = self._erased = 0
        self._told: dict[str, bytes] = {}
        """By erasure, the hash of the places that it says it emptied."""
        self._empty: dict[str, Any] = {}
        """The same, of those that are empty in its name."""

    def step(self, row: Row) -> None:
        n, at, run_id, seq, seal, erased_by, there, *values = row
        place = {"at": at, "run_id": run_id, "seq": seq}
        for missing in range(self.n + 1, min(n, self.n + 1 + MOST_FAULTS)):
            self.faults.append(Fault(kind="removed", n=missing))
        if n == self.n + 1 and link_of(self._before, n, at, run_id, seq, seal[:32]) != seal[32:]:
            self.faults.append(Fault(kind="relinked", n=n, **place))
        if there is not None:
            self._see(n, place, seal[:32], values)
        elif erased_by is None:
            self.faults.append(Fault(kind="removed", n=n, **place))
        else:
            self._erased += 1
            self._empty.setdefault(erased_by, sha256()).update(n.to_bytes(8))
        if self._known is not None and n == self._known.n and seal[32:] != self._known.hash:
            self.faults.append(Fault(kind="unknown", n=n))
        self.n, self._before = n, seal[32:]

    def _see(self, n: int, place: dict[str, Any], digest: bytes, values: list[Any]) -> None:
        if digest_of(tuple(values)) != digest:
            self.faults.append(Fault(kind="changed", n=n, **place))
            return
        self._rows += 1
        row = dict(zip(SEALED, values, strict=True))
        if row["decision"] == ERASE:
            self._told[row["run_id"]] = row["arguments"]

    def end(self) -> Proof:
        for by, places in self._empty.items():
            if self._told.get(by) != places.digest():
                self.faults.append(Fault(kind="removed", run_id=by))
        if self._known is not None and self._known.n > self.n:
            self.faults.append(Fault(kind="unknown", n=self._known.n))
        faults = tuple(self.faults[:MOST_FAULTS])
        return Proof(head=Link(self.n, self._before), rows=self._rows, erased=self._erased, faults=faults)


# Erasing.


@cache
def _mark(*, user: bool) -> Query:
    old = and_(_SAME, _A.at < p("before"), _A.decision != _ERASURE)
    there = exists().where(and_(old, _A.owner == OWNER_OF) if user else old).correlate(audit_links)
    return Query(
        update(audit_links)
        .where(_L.workspace == WORKSPACE_OF, _L.erased_by.is_(None), there)
        .values(erased_by=p("id"))
        .returning(_L.n)
    )


_DROP = Query(
    delete(audit).where(
        _A.workspace == WORKSPACE_OF,
        tuple_(_A.at, _A.run_id, _A.seq).in_(
            select(_L.at, _L.run_id, _L.seq).where(_L.workspace == WORKSPACE_OF, _L.erased_by == p("id"))
        ),
    )
)
_SAY = Query(
    insert(audit).values(
        **{"workspace": p("n"), "at": p("at"), "run_id": p("id"), "seq": 0, "run": 0, "owner": p("owner")},
        **{"agent": "", "tool": "", "call_id": "", "effect": "", "decision": ERASE, "rule": p("rule"), "answer": ""},
        **{"sources": "", "arguments": p("places"), "result": null(), "failed": 0, "duration": 0},
    )
)


def erasure(scope: Scope, before: float, by: str) -> Steps[int]:
    """Rows go, their links stay, and a row of its own says which."""
    id = new_id("erasure")
    values = {"workspace": scope.workspace, "user": scope.user, "before": before, "id": id}
    places = sorted([row[0] for row in (yield _mark(user=scope.user is not None), values)])
    if not places:
        return 0
    yield _DROP, values
    n, owner = yield from owner_of(scope.workspace, by)
    told = f"{len(places)} rows" + ("" if scope.user is None else f" of {scope.user}")
    digest = sha256(b"".join([place.to_bytes(8) for place in places])).digest()
    yield _SAY, {"n": n, "owner": owner, "at": time.time(), "id": id, "rule": told, "places": digest}
    return len(places)


# A user who is erased: what they did stays, under an alias.

_OF_USER = or_(_A.owner == p("o", "n"), and_(_A.decision == _ERASURE, _A.rule.endswith(p("told", "t"))))
_KEPT = (
    "at",
    "run_id",
    "seq",
    "owner",
    "agent",
    "tool",
    "effect",
    "decision",
    "rule",
    "arguments",
    "failed",
    "duration",
)
_USES = Query(
    select(*[_A[name] for name in _KEPT])
    .where(_A.workspace == p("w", "n"), _OF_USER)
    .order_by(_A.at, _A.run_id, _A.seq)
    .with_for_update()
)
_LEAVE = Query(
    update(audit_links)
    .where(_L.workspace == p("w", "n"), _L.at == p("at"), _L.run_id == p("run_id"), _L.seq == p("seq"))
    .values(erased_by=p("id"))
    .returning(_L.n)
)
_TAKE = Query(
    delete(audit).where(_A.workspace == p("w", "n"), _A.at == p("at"), _A.run_id == p("run_id"), _A.seq == p("seq"))
)
_AGAIN = Query(
    insert(audit).values(
        **{name: p(name) for name in _KEPT},
        **{"workspace": p("w"), "run": 0, "call_id": "", "answer": "", "sources": "", "result": null()},
    )
)


def replacement(w: int, o: int, name: str, alias: str, by: int) -> Steps[int]:
    """Put others in the place of a user's rows: with the tool, the time and the decision, and nothing that tells of
    whom they were. The links of the old ones stay; a row of its own says that, ``by`` whom.
    """
    id, told = new_id("erasure"), f" of {name}"
    places: list[int] = []
    aliases: dict[str, str] = {}
    for row in (yield _USES, {"w": w, "o": o, "told": told}):
        use: dict[str, Any] = {**dict(zip(_KEPT, row, strict=True)), "w": w, "id": id}
        places += [link[0] for link in (yield _LEAVE, use)]
        yield _TAKE, use
        if use["decision"] == ERASE:
            use |= {"seq": use["seq"] + 1, "rule": use["rule"].removesuffix(told)}
        else:
            run = aliases.setdefault(use["run_id"], f"{alias}/{len(aliases) + 1}")
            use |= {"run_id": run, "arguments": b""}
        yield _AGAIN, use
    if places:
        digest = sha256(b"".join([place.to_bytes(8) for place in sorted(places)])).digest()
        said = {"n": w, "owner": by, "at": time.time(), "id": id, "places": digest}
        yield _SAY, {**said, "rule": f"{len(places)} rows replaced"}
    return len(places)
