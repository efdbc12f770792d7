"""Threads and blobs of a SQL store: the steps of each operation, for either database."""

import time
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from weft.errors import Conflict, NotFound
from weft.storage import thread_queries as q
from weft.storage.base import ContextRow, MessageRow, Opened, Page, Scope, ThreadRecord
from weft.storage.cursor import parse
from weft.storage.database import Database
from weft.storage.owners import owner_of
from weft.storage.query import Row, Steps
from weft.storage.state import newest

_FIELDS = ThreadRecord.__struct_fields__
_LAST = 2**62


class SqlThreads:
    """``base.Threads`` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, scope: Scope, thread_id: str) -> ThreadRecord:
        def steps() -> Steps[ThreadRecord]:
            rows = yield q.THREAD, _key(scope, thread_id)
            if not rows:
                raise _no_thread(thread_id)
            return _thread(rows[0])

        return await self._database.read(steps)

    async def list(self, scope: Scope, page: Page) -> Sequence[ThreadRecord]:
        query = q.thread_page(user=scope.user is not None, newest=page.newest, cursor=page.cursor is not None)
        values: dict[str, Any] = {"limit": page.limit, "workspace": scope.workspace, "user": scope.user}
        if page.cursor is not None:
            values["at"], values["id"] = parse(page.cursor)

        def steps() -> Steps[Sequence[ThreadRecord]]:
            return [_thread(row) for row in (yield query, values)]

        return await self._database.read(steps)

    async def rename(self, scope: Scope, thread_id: str, title: str) -> None:
        def steps() -> Steps[None]:
            if not (yield q.RENAME, {"title": title, **_key(scope, thread_id)}):
                raise _no_thread(thread_id)

        await self._database.write(steps, lone=True)

    async def delete(self, scope: Scope, thread_id: str) -> None:
        def steps() -> Steps[None]:
            rows = yield q.LOCK_THREAD, _key(scope, thread_id)
            if not rows:
                raise _no_thread(thread_id)
            n = rows[0][0]
            if busy := (yield q.IS_BUSY, {"n": n}):
                raise Conflict(f"run {busy[0][0]!r} of thread {thread_id!r} is running: cancel it first")
            for query in q.DELETE_THREAD:
                yield query, {"n": n}

        await self._database.write(steps)

    async def messages(
        self,
        scope: Scope,
        thread_id: str,
        *,
        conversation: str | None = "",
        after: int = 0,
        before: int | None = None,
        limit: int = 50,
        newest: bool = False,
    ) -> Sequence[MessageRow]:
        query = q.message_page(conversation=None if conversation is None else bool(conversation), newest=newest)
        key = _key(scope, thread_id)
        values = {"after": after, "before": _LAST if before is None else before, "limit": limit, **key}

        def steps() -> Steps[Sequence[MessageRow]]:
            rows = yield query, {"conversation": conversation, **values}
            if not rows and not (yield q.THREAD_EXISTS, key):
                raise _no_thread(thread_id)
            found = [_message(row) for row in rows]
            return found[::-1] if newest else found

        return await self._database.read(steps)

    async def open(self, thread_id: str, *, path: str | None = None, conversation: str | None = None) -> Opened:
        return await self._database.read(lambda: _open(thread_id, path, conversation))


class SqlBlobs:
    """``base.Blobs`` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, scope: Scope, body: bytes, mime: str) -> str:
        digest = sha256(body)

        def steps() -> Steps[None]:
            n, owner = yield from owner_of(scope.workspace, scope.user or "")
            if not (yield q.BLOB_EXISTS, {"n": n, "sha256": digest.digest()}):
                values = {"n": n, "owner": owner, "sha256": digest.digest(), "mime": mime, "body": body}
                yield q.ADD_BLOB, {"at": time.time(), **values}

        await self._database.write(steps)
        return digest.hexdigest()

    async def get(self, scope: Scope, sha256: str) -> tuple[bytes, str]:
        try:
            digest = bytes.fromhex(sha256)
        except ValueError:
            raise _no_blob(sha256) from None

        def steps() -> Steps[tuple[bytes, str]]:
            rows = yield q.BLOB, {"workspace": scope.workspace, "sha256": digest}
            if not rows:
                raise _no_blob(sha256)
            return rows[0][0], rows[0][1]

        return await self._database.read(steps)


def _open(thread_id: str, path: str | None, conversation: str | None) -> Steps[Opened]:
    rows = yield q.THREAD_HEAD, {"id": thread_id, "conversation": conversation}
    if not rows:
        return Opened()
    n, head_seq, created_at, start, body = rows[0]
    context = None if body is None else ContextRow(conversation=conversation or "", start=start, body=body)
    said: Sequence[Row] = ()
    if conversation is not None and head_seq:
        values = {"n": n, "conversation": conversation, "start": start or 1}
        said = yield q.in_view(nested=bool(conversation)), values
    snapshot = None if path is None else (yield from newest(n, path))
    return Opened(
        head_seq=head_seq,
        created_at=created_at,
        context=context,
        messages=tuple([_message(row) for row in said]),
        snapshot=snapshot,
    )


def _thread(row: Row) -> ThreadRecord:
    return ThreadRecord(**dict(zip(_FIELDS, row, strict=True)))


def _message(row: Row) -> MessageRow:
    seq, conversation, run_id, at, body, tokens = row
    return MessageRow(seq=seq, conversation=conversation, run_id=run_id, at=at, body=body, tokens=tokens)


def _key(scope: Scope, thread_id: str) -> dict[str, str | None]:
    return {"id": thread_id, "workspace": scope.workspace, "user": scope.user}


def _no_thread(thread_id: str) -> NotFound:
    return NotFound(f"no thread {thread_id!r}")


def _no_blob(sha256: str) -> NotFound:
    return NotFound(f"no blob {sha256!r}")
