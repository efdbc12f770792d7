"""Blobs of a SQL store: bytes by their hash, kept for as long as a thread that they are of."""

import time
from collections.abc import Sequence
from hashlib import sha256

from sqlalchemy import and_, delete, exists, select
from sqlalchemy.dialects.postgresql import insert

from weft.errors import NotFound
from weft.storage.base import Scope
from weft.storage.database import Database
from weft.storage.owners import owner_of
from weft.storage.pieces import WORKSPACE_OF, p
from weft.storage.query import Query, Steps
from weft.storage.tables import blob_uses, blobs, threads

_B, _U = blobs.c, blob_uses.c

_ADD = Query(
    insert(blobs)
    .inline()
    .values(workspace=p("n"), owner=p("owner"), sha256=p("sha256"), mime=p("mime"), body=p("body"), created_at=p("at"))
    .on_conflict_do_nothing()
)
_LOCK = Query(select(_B.mime).where(_B.workspace == p("n"), _B.sha256 == p("sha256")).with_for_update(read=True))
"""Until we are done nobody deletes it."""
_GET = Query(select(_B.body, _B.mime).where(_B.workspace == WORKSPACE_OF, _B.sha256 == p("sha256")))
_THREAD = select(p("n", "n"), p("sha256", "b"), threads.c.n).where(
    threads.c.id == p("thread"), threads.c.workspace == p("n")
)
_USE = Query(
    insert(blob_uses).inline().from_select(["workspace", "sha256", "thread"], _THREAD).on_conflict_do_nothing()
)
_KEEP = Query(
    insert(blob_uses).inline().values(workspace=p("n"), sha256=p("sha256"), thread=0).on_conflict_do_nothing()
)

SHARE_BLOBS = Query(
    insert(blob_uses)
    .inline()
    .from_select(
        ["workspace", "sha256", "thread"],
        select(_U.workspace, _U.sha256, p("n", "n")).where(_U.thread == p("source", "n")),
    )
    .on_conflict_do_nothing()
)
"""What is of one thread is of its fork too."""

_other = blob_uses.alias("other")
_OF_IT = exists().where(_U.workspace == _B.workspace, _U.sha256 == _B.sha256, _U.thread == p("n")).correlate(blobs)
_OF_OTHERS = (
    exists()
    .where(and_(_other.c.workspace == _B.workspace, _other.c.sha256 == _B.sha256, _other.c.thread != p("n")))
    .correlate(blobs)
)
FREE_BLOBS = (
    Query(select(_B.mime).where(_OF_IT).with_for_update()),
    Query(delete(blobs).where(_OF_IT, ~_OF_OTHERS)),
)
"""What is of this thread alone goes with it. First the lock, as another thread may just be taking it up."""


def stored(n: int, owner: int, sha256: bytes, mime: str, body: bytes) -> Steps[None]:
    """The bytes are there until the transaction ends; who uses them says so in ``blob_uses``."""
    key = {"n": n, "sha256": sha256}
    while not (yield _LOCK, key):
        yield _ADD, {**key, "owner": owner, "mime": mime, "body": body, "at": time.time()}


class SqlBlobs:
    """``base.Blobs`` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, scope: Scope, body: bytes, mime: str, *, thread: str | None = None) -> str:
        digest = sha256(body)

        def steps() -> Steps[None]:
            n, owner = yield from owner_of(scope.workspace, scope.user or "")
            key = {"n": n, "sha256": digest.digest()}
            yield from stored(n, owner, digest.digest(), mime, body)
            if thread is None:
                yield _KEEP, key
            else:
                yield _USE, {**key, "thread": thread}

        await self._database.write(steps)
        return digest.hexdigest()

    async def hold(self, scope: Scope, thread: str, sha256s: Sequence[str]) -> None:
        def steps() -> Steps[None]:
            n, _ = yield from owner_of(scope.workspace, scope.user or "")
            for sha in sorted(set(sha256s)):
                key = {"n": n, "sha256": _digest(sha)}
                if (yield _LOCK, key):
                    yield _USE, {**key, "thread": thread}

        await self._database.write(steps)

    async def get(self, scope: Scope, sha256: str) -> tuple[bytes, str]:
        digest = _digest(sha256)

        def steps() -> Steps[tuple[bytes, str]]:
            rows = yield _GET, {"workspace": scope.workspace, "sha256": digest}
            if not rows:
                raise _no_blob(sha256)
            return rows[0][0], rows[0][1]

        return await self._database.read(steps)


def _digest(sha256: str) -> bytes:
    try:
        return bytes.fromhex(sha256)
    except ValueError:
        raise _no_blob(sha256) from None


def _no_blob(sha256: str) -> NotFound:
    return NotFound(f"no blob {sha256!r}")
