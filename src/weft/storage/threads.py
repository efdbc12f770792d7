"""Threads of a SQL store: the steps of each operation, for either database."""

from collections.abc import Sequence
from typing import Any

from weft.errors import Conflict, NotFound
from weft.storage import thread_queries as q
from weft.storage.base import ContextRow, MessageRow, Opened, Page, Scope, Snapshot, ThreadRecord
from weft.storage.blobs import FREE_BLOBS
from weft.storage.cursor import parse
from weft.storage.database import Database
from weft.storage.memories import erasing
from weft.storage.memory_queries import ERASE_THREAD
from weft.storage.phrases import restored
from weft.storage.query import Row, Steps
from weft.storage.state import earlier, newest
from weft.storage.tables import SPAN

_FIELDS = ThreadRecord.__struct_fields__


class SqlThreads:
    """``base.Threads`` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, scope: Scope, thread_id: str) -> ThreadRecord:
        def steps() -> Steps[ThreadRecord]:
            rows = yield q.THREAD, thread_key(scope, thread_id)
            if not rows:
                raise no_thread(thread_id)
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
            if not (yield q.RENAME, {"title": title, **thread_key(scope, thread_id)}):
                raise no_thread(thread_id)

        await self._database.write(steps, lone=True)

    async def delete(self, scope: Scope, thread_id: str) -> None:
        def steps() -> Steps[None]:
            rows = yield q.LOCK_THREAD, thread_key(scope, thread_id)
            if not rows:
                raise no_thread(thread_id)
            yield from deletion(scope.workspace, scope.user, rows[0][0], thread_id)

        await self._database.erase(steps)

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
        key = thread_key(scope, thread_id)
        last = SPAN if before is None else max(0, min(before, SPAN))
        values = {"after": max(0, min(after, SPAN)), "before": last, "limit": limit, **key}

        def steps() -> Steps[Sequence[MessageRow]]:
            rows = yield query, {"conversation": conversation, **values}
            if not rows and not (yield q.THREAD_EXISTS, key):
                raise no_thread(thread_id)
            found = [_message(row) for row in rows]
            return found[::-1] if newest else found

        return await self._database.read(steps)

    async def earlier(self, thread_id: str, path: str, before: int) -> Snapshot | None:
        return await self._database.read(lambda: earlier(thread_id, path, before))

    async def open(self, thread_id: str, *, path: str | None = None, conversation: str | None = None) -> Opened:
        return await self._database.read(lambda: _open(thread_id, path, conversation), brief=conversation is None)


def deletion(workspace: str, user: str | None, n: int, thread_id: str) -> Steps[None]:
    """Take away the thread with this number, and what was heard in it alone. Raises: Conflict."""
    if busy := (yield q.IS_BUSY, {"n": n}):
        raise Conflict(f"run {busy[0][0]!r} of thread {thread_id!r} is running: cancel it first")
    yield from erasing(ERASE_THREAD, {"thread": thread_id, "workspace": workspace, "user": user})
    for query in (*FREE_BLOBS, *q.DELETE_THREAD):
        yield query, {"n": n}


def _open(thread_id: str, path: str | None, conversation: str | None) -> Steps[Opened]:
    rows = yield q.THREAD_HEAD, {"id": thread_id, "conversation": conversation}
    if not rows:
        return Opened()
    n, head_seq, created_at, forks, start, body = rows[0]
    context = None if body is None else ContextRow(conversation=conversation or "", start=start, body=body)
    said: Sequence[Row] = ()
    if conversation is not None and head_seq:
        values = {"n": n, "conversation": conversation, "start": start or 1}
        said = yield q.in_view(nested=bool(conversation)), values
    snapshot = None if path is None else (yield from newest(n, path))
    return Opened(
        head_seq=head_seq,
        created_at=created_at,
        forks=forks,
        context=context,
        messages=tuple([_message(row) for row in said]),
        snapshot=snapshot,
    )


def _thread(row: Row) -> ThreadRecord:
    return ThreadRecord(**dict(zip(_FIELDS, row, strict=True)))


def _message(row: Row) -> MessageRow:
    key, conversation, run_id, at, body, tokens = row
    return MessageRow(
        seq=key % SPAN, conversation=conversation, run_id=run_id, at=at, body=restored(body), tokens=tokens
    )


def thread_key(scope: Scope, thread_id: str) -> dict[str, str | None]:
    return {"id": thread_id, "workspace": scope.workspace, "user": scope.user}


def no_thread(thread_id: str) -> NotFound:
    return NotFound(f"no thread {thread_id!r}")
