"""Runs and workers of a SQL store: the steps of each operation, for either database."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from hashlib import sha256
from typing import Any

import msgspec

from weft.errors import Conflict, NotFound, StoreError
from weft.events import EffectUnknown, RunCancelled, encode
from weft.storage import run_queries as q
from weft.storage.base import Enqueue, EventRow, Happened, Job, Page, RunRecord, Scope, Status, Tx, Waiting
from weft.storage.commands import IfBusy, NewCommand
from weft.storage.database import Database
from weft.storage.event_rows import pack_events, unpack_events
from weft.storage.inbox import added, followed
from weft.storage.inbox_queries import DISCARD
from weft.storage.owners import owner_of
from weft.storage.query import Rows, Steps
from weft.storage.question_queries import INTENTS, LEAVE_UNKNOWN, WITHDRAW
from weft.storage.run_rows import job as to_job
from weft.storage.run_rows import run as to_run
from weft.storage.tables import SPAN
from weft.storage.thread_queries import KNOWN_THREAD, USE_THREAD


class SqlRuns:
    """``base.Runs`` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self,
        record: RunRecord,
        enqueue: Enqueue | None,
        *,
        worker: str | None = None,
        title: str = "",
        if_busy: IfBusy = "enqueue",
        commands: Sequence[NewCommand] = (),
        ended: list[str] | None = None,
    ) -> RunRecord:
        acquire = worker is not None
        while True:
            made = _Made(record, title, worker, if_busy, commands, [] if ended is None else ended)
            try:
                run = await self._queue(partial(made.steps, acquire=acquire), enqueue)
                self._database.ring(made.ended)
                return run
            except _Raced:
                continue
            except Conflict:
                if not acquire:
                    raise
                acquire = False  # another run of the thread began at the same moment

    async def follow(self, late: Waiting, record: RunRecord, enqueue: Enqueue) -> RunRecord | None:
        def steps() -> Steps[tuple[RunRecord, bool] | None]:
            if not (yield DISCARD, {"id": late.run.id, "number": late.command.number}):
                return None
            return (yield from made.steps(acquire=False))

        while True:
            made = _Made(record, "", None, "enqueue", (), [])
            try:
                return await self._queue(steps, enqueue)
            except _Raced:
                continue

    async def _queue(self, steps: Callable[[], Steps[Any]], enqueue: Enqueue | None) -> Any:
        """What ``_Made`` makes, with its job where it is new."""

        def jobs(made: tuple[RunRecord, bool] | None) -> Sequence[Job]:
            if made is None or not made[1] or enqueue is None:
                return ()
            run = made[0]
            return (
                Job(run_id=run.id, epoch=0, workspace=run.workspace, priority=run.priority, not_before=run.wake_at),
            )

        made = await self._database.queue(steps, jobs, enqueue or _nobody)
        return None if made is None else made[0]

    async def get(self, scope: Scope, run_id: str) -> RunRecord:
        def steps() -> Steps[RunRecord]:
            rows = yield q.RUN, {"id": run_id, **_whose(scope)}
            if not rows:
                raise _no_run(run_id)
            return to_run(rows[0])

        return await self._database.read(steps)

    async def list(
        self, scope: Scope, page: Page, *, thread_id: str | None = None, status: Status | None = None
    ) -> Sequence[RunRecord]:
        query = q.run_page(
            user=scope.user is not None,
            newest=page.newest,
            cursor=page.cursor is not None,
            thread=thread_id is not None,
            status=status is not None,
        )
        values = {"limit": page.limit, "cursor": page.cursor, "thread": thread_id, "status": status, **_whose(scope)}

        def steps() -> Steps[Sequence[RunRecord]]:
            return [to_run(row) for row in (yield query, values)]

        return await self._database.read(steps)

    async def acquire(self, job: Job, worker: str, ttl: float) -> RunRecord | None:
        values = {"id": job.run_id, "epoch": job.epoch, "worker": worker, "ttl": ttl, "at": time.time()}

        def steps() -> Steps[RunRecord | None]:
            rows = yield q.ACQUIRE, values
            return to_run(rows[0]) if rows else None

        try:
            return await self._database.write(steps, lone=True)
        except Conflict:  # another run of the thread began at the same moment
            return None

    async def requeue(
        self,
        run_id: str,
        fence: int | None,
        enqueue: Enqueue | None,
        *,
        wake_at: float | None = None,
        worker: str | None = None,
        limits: bytes | None = None,
    ) -> bool:
        values = {"id": run_id, "fence": fence, "wake_at": wake_at, "worker": worker, "limits": limits}
        query = q.RESUME if fence is None else q.HAND_BACK

        def steps() -> Steps[Sequence[Job]]:
            return [to_job(row) for row in (yield query, values)]

        return bool(await self._database.queue(steps, _same if enqueue else _none, enqueue or _nobody))

    async def cancel(self, scope: Scope, run_id: str, reason: str | None, *, by: str | None = None) -> RunRecord | None:
        def steps() -> Steps[RunRecord | None]:
            if (n := (yield from _ended(run_id, _whose(scope), reason, by))) is not None:
                return to_run((yield q.RUN_BY_N, {"n": n})[0])
            if not (yield q.RUN_EXISTS, {"id": run_id, **_whose(scope)}):
                raise _no_run(run_id)
            return None

        record = await self._database.write(steps)
        self._database.ring((run_id,))
        return record

    async def events(self, scope: Scope, run_id: str, *, after: int = 0, limit: int = 1000) -> Sequence[EventRow]:
        def steps() -> Steps[Sequence[EventRow]]:
            rows = yield q.EVENTS, {"id": run_id, "after": after, "limit": limit, **_whose(scope)}
            if not rows and not (yield q.RUN_EXISTS, {"id": run_id, **_whose(scope)}):
                raise _no_run(run_id)
            found = [event for n, body in rows for event in unpack_events(n % SPAN, body, after)]
            return found[:limit]

        return await self._database.read(steps)

    async def waiting(self, limit: int = 1000) -> Sequence[Job]:
        def steps() -> Steps[Sequence[Job]]:
            return [to_job(row) for row in (yield q.WAITING, {"limit": limit})]

        return await self._database.read(steps)


class SqlWorkers:
    """``base.Workers`` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def beat(self, worker: str, *, draining: bool = False) -> None:
        def steps() -> Steps[None]:
            yield q.BEAT, {"id": worker, "draining": int(draining)}

        await self._database.write(steps, lone=True)

    async def gone(self, worker: str) -> None:
        def steps() -> Steps[None]:
            yield q.GONE, {"id": worker}

        await self._database.write(steps, lone=True)

    async def all(self) -> Sequence[str]:
        def steps() -> Steps[Sequence[str]]:
            return [row[0] for row in (yield q.WORKERS, {})]

        return await self._database.read(steps)

    async def lost(self, worker: str, fences: Mapping[str, int]) -> Sequence[str]:
        def steps() -> Steps[Sequence[str]]:
            ours = {row[0]: row[1] for row in (yield q.DRIVEN, {"worker": worker})}
            return [run_id for run_id, fence in fences.items() if ours.get(run_id) != fence]

        return await self._database.read(steps)

    async def reap(self, ttl: float, enqueue: Enqueue) -> int:
        def steps() -> Steps[Sequence[Job]]:
            rows = yield q.REAP, {"ttl": ttl}
            yield q.FORGET_WORKERS, {"ttl": ttl}
            return [to_job(row) for row in rows]

        return len(await self._database.queue(steps, _same, enqueue))


class _Raced(StoreError):
    """The same run was made by somebody else at this very moment: look again."""


class _Made:
    """A run that is being created: how its steps find their way, which may have to be taken again."""

    def __init__(
        self,
        record: RunRecord,
        title: str,
        worker: str | None,
        if_busy: IfBusy,
        commands: Sequence[NewCommand],
        ended: list[str],
    ) -> None:
        self.record, self.title, self.worker, self.if_busy = record, title, worker, if_busy
        self.commands, self.ended = commands, ended

    def steps(self, *, acquire: bool) -> Steps[tuple[RunRecord, bool]]:
        """The run, and whether it is new; acquired for its worker if its thread is free, else kept for it."""
        self.ended.clear()
        n, owner = yield from owner_of(self.record.workspace, self.record.user_id)
        digest = None if self.record.idempotency_key is None else _digest(self.record)
        if digest is not None:
            rows = yield q.RUN_BY_KEY, {"n": n, "key": self.record.idempotency_key}
            if rows and rows[0][0] != digest:
                raise Conflict(f"key {self.record.idempotency_key!r} was used for another thread, target or input")
            if rows:
                return to_run(rows[0][1:]), False
        at = self.record.created_at or time.time()
        thread = yield from self._thread(n, owner, at)
        acquire, apart = acquire and self.record.wake_at is None, self.if_busy != "enqueue" or bool(self.commands)
        values = self._values(n, owner, thread, digest, at)
        new = yield q.ADD_RUNNING if acquire and not apart else q.ADD_RUN, values
        if not new:
            return _found(self.record, (yield q.RUN_BY_ID, {"id": self.record.id, "n": n})), False
        if not apart:
            return _new_run(self.record, at, self.worker, *new[0][1:]), True
        yield from self._apart(new[0][0], thread, owner)
        if acquire:
            values = {"id": self.record.id, "epoch": 0, "worker": self.worker, "ttl": 0.0, "at": time.time()}
            if rows := (yield q.ACQUIRE, values):
                return to_run(rows[0]), True
        return to_run((yield q.RUN_BY_ID, {"id": self.record.id, "n": n})[0]), True

    def _thread(self, n: int, owner: int, at: float) -> Steps[int]:
        record = self.record
        thread = {"id": record.thread_id, "n": n, "owner": owner, "target": record.target, "title": self.title}
        rows = (yield KNOWN_THREAD, thread) if self.worker is not None else ()
        rows = rows or (yield USE_THREAD, {**thread, "at": at})
        if not rows:
            raise NotFound(f"no thread {record.thread_id!r}")
        return rows[0][0]

    def _values(self, n: int, owner: int, thread: int, digest: bytes | None, at: float) -> dict[str, Any]:
        record = self.record
        return {
            **{"id": record.id, "thread": thread, "n": n, "owner": owner, "target": record.target},
            **{
                "status": "queued" if record.wake_at is None else "sleeping",
                "input": None if record.input == b"null" else record.input,
            },
            **{"key": record.idempotency_key, "digest": digest, "priority": record.priority},
            **{"wake_at": record.wake_at, "worker": self.worker, "at": at},
            **{"origin": record.origin, "limits": record.limits},
        }

    def _apart(self, n: int, thread: int, owner: int) -> Steps[None]:
        """What sets it apart from other runs: how it deals with a busy thread, and its first commands."""
        commands = [*self.commands]
        if self.if_busy != "enqueue":
            others = yield q.OTHERS, {"thread": thread, "n": n}
            busy = [run_id for run_id, status, held in others if status != "paused" or held]
            if self.if_busy == "reject" and busy:
                raise Conflict(f"thread {self.record.thread_id!r} is busy: run {busy[0]!r} goes on in it")
            if self.if_busy in ("interrupt", "rollback"):
                yield from self._end(others)
                if self.if_busy == "rollback" and busy:
                    commands.insert(0, NewCommand(kind="rollback", by="weft", body=encode({"runs": busy})))
        for number, command in enumerate(commands, 1):
            yield from added(n, owner, number, command)

    def _end(self, others: Rows) -> Steps[None]:
        whose = {"workspace": self.record.workspace, "user": None}
        for run_id, _, _ in others:
            reason = f"another run took its place ({self.if_busy})"
            if (yield from _ended(run_id, whose, reason, self.record.user_id)) is not None:
                self.ended.append(run_id)


def _new_run(record: RunRecord, at: float, worker: str | None, status: Status, fence: int, attempts: int) -> RunRecord:
    return RunRecord(
        id=record.id,
        thread_id=record.thread_id,
        target=record.target,
        workspace=record.workspace,
        user_id=record.user_id,
        status=status,
        input=record.input,
        idempotency_key=record.idempotency_key,
        fence=fence,
        owner=worker,
        attempts=attempts,
        priority=record.priority,
        wake_at=record.wake_at,
        created_at=at,
        updated_at=at,
        origin=record.origin,
        limits=record.limits,
    )


def _found(record: RunRecord, rows: Rows) -> RunRecord:
    """The run that was there before us under this id: the same one, or a mistake."""
    if not rows:
        if record.idempotency_key is None:
            raise Conflict(f"there is a run {record.id!r} already")
        raise _Raced(record.id)
    found = to_run(rows[0])
    if (found.thread_id, found.target, found.user_id) != (record.thread_id, record.target, record.user_id):
        raise Conflict(f"there is another run {record.id!r} already")
    return found


def _ended(run_id: str, whose: Mapping[str, str | None], reason: str | None, by: str | None) -> Steps[int | None]:
    """End a run from outside, if it has not ended: its number. Whoever drives it finds that in its inbox."""
    at, error = time.time(), "cancelled" if reason is None else f"cancelled: {reason}"
    rows = yield q.CANCEL, {"id": run_id, "error": error, "at": at, **whose}
    if not rows:
        return None
    n, owner, target = rows[0]
    yield from _leave_unknown(n, owner, at)
    last = Happened(at, (target,), RunCancelled(reason, by))
    yield q.ADD_LAST_EVENT, {"run": n, "owner": owner, "body": pack_events([last])}
    yield WITHDRAW, {"run": n}
    yield from followed(n, owner, NewCommand(kind="abort", by=by or "", body=b"{}"))
    return n


async def _nobody(tx: Tx, job: Job) -> None:
    """There is no queue to tell."""


def _leave_unknown(run: int, owner: int, at: float) -> Steps[None]:
    """What was under way and must not happen twice: nobody will know how it came out, and the run says so."""
    for _, path, payload in (yield INTENTS, {"run": run}):
        what: dict[str, Any] = msgspec.json.decode(payload)
        event = EffectUnknown(what["name"], what["key"], "the run was cancelled while it was under way")
        row = Happened(at, tuple(path.split("/")), event)
        yield q.ADD_LAST_EVENT, {"run": run, "owner": owner, "body": pack_events([row])}
    yield LEAVE_UNKNOWN, {"run": run}


def _digest(record: RunRecord) -> bytes:
    """Of what was asked for: the input itself may be gone when the same request comes again."""
    return sha256(msgspec.json.encode([record.thread_id, record.target, record.input])).digest()[:12]


def _same(jobs: Sequence[Job]) -> Sequence[Job]:
    return jobs


def _none(jobs: Sequence[Job]) -> Sequence[Job]:
    return ()


def _whose(scope: Scope) -> dict[str, str | None]:
    return {"workspace": scope.workspace, "user": scope.user}


def _no_run(run_id: str) -> NotFound:
    return NotFound(f"no run {run_id!r}")
