"""What threads were, in a SQL store: their checkpoints, forks of them, and what is forgotten of them."""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from weft.errors import Conflict, NotFound
from weft.events import RunCancelled
from weft.storage import history_queries as q
from weft.storage.base import Branch, CheckpointNote, Happened, RunRecord, Scope, Snapshot
from weft.storage.blobs import SHARE_BLOBS
from weft.storage.database import Database
from weft.storage.event_rows import pack_events
from weft.storage.owners import owner_of
from weft.storage.packing import State, pack, pack_state, unpack_state
from weft.storage.phrases import shortened
from weft.storage.query import Query, Steps
from weft.storage.question_queries import WITHDRAW
from weft.storage.run_queries import ADD_LAST_EVENT, ADD_RUN, RUN_BY_ID, RUN_BY_N
from weft.storage.run_rows import run as run_of
from weft.storage.state import at_checkpoint, newest
from weft.storage.tables import SPAN
from weft.storage.thread_queries import IS_BUSY, LOCK_THREAD, THREAD, THREAD_EXISTS, USE_THREAD
from weft.storage.threads import no_thread, thread_key

_LAST = SPAN - 1
_AT_ONCE = 200
"""Rows that one statement deletes."""


class SqlHistory:
    """``base.History`` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def paths(self, scope: Scope, thread_id: str) -> Sequence[str]:
        def steps() -> Steps[Sequence[str]]:
            n = yield from _number(scope, thread_id)
            return [path for path, _ in (yield q.PATHS, {"n": n})]

        return await self._database.read(steps)

    async def checkpoints(
        self, scope: Scope, thread_id: str, path: str, *, before: int | None = None, limit: int = 50
    ) -> Sequence[CheckpointNote]:
        def steps() -> Steps[Sequence[CheckpointNote]]:
            n = yield from _number(scope, thread_id)
            rows = yield q.PLACE, {"n": n, "path": path, "channel": ""}
            if not rows:
                return []
            return (yield from _notes(n, path, rows[0][0], _LAST if before is None else min(before, _LAST), limit))

        return await self._database.read(steps)

    async def at(self, scope: Scope, thread_id: str, path: str, step: int | None = None) -> Snapshot:
        def steps() -> Steps[Snapshot]:
            n = yield from _number(scope, thread_id)
            snapshot = (yield from newest(n, path)) if step is None else (yield from _at(n, path, step))
            if snapshot is None or not snapshot.head:
                what = "no state" if step is None else f"no checkpoint {step}"
                raise NotFound(f"thread {thread_id!r} has {what} of {path!r}")
            return snapshot

        return await self._database.read(steps)

    async def branch(self, scope: Scope, branch: Branch) -> RunRecord:
        return await self._database.write(lambda: _branch(scope, branch))

    async def forget(self, scope: Scope, thread_id: str, steps: Mapping[str, Sequence[int]]) -> int:
        def taken() -> Steps[int]:
            rows = yield LOCK_THREAD, thread_key(scope, thread_id)
            if not rows:
                raise no_thread(thread_id)
            count = 0
            for path, doomed in steps.items():
                count += yield from _forget(rows[0][0], path, frozenset(doomed))
            return count

        return await self._database.write(taken)

    async def compact(self) -> None:
        await self._database.compact()


def _number(scope: Scope, thread_id: str) -> Steps[int]:
    rows = yield THREAD_EXISTS, thread_key(scope, thread_id)
    if not rows:
        raise no_thread(thread_id)
    return rows[0][0]


def _notes(n: int, path: str, place: int, before: int, limit: int) -> Steps[list[CheckpointNote]]:
    """Rows without a head are no checkpoints any more: they only hold values of others."""
    found: list[tuple[int, State, str | None]] = []
    while len(found) < limit:
        rows = yield q.NOTES, {"place": place, "before": before, "limit": limit}
        states = [(key % SPAN, unpack_state(body), run) for key, body, run in rows]
        found += [one for one in states if one[1].head]
        if len(rows) < limit:
            break
        before = states[-1][0]
    found = found[:limit]
    appended: dict[int, list[str]] = {}
    if found:
        values = {"n": n, "path": path, "first": found[-1][0], "last": found[0][0]}
        for channel, key in (yield q.APPENDED, values):
            appended.setdefault(key % SPAN, []).append(channel)
    return [
        CheckpointNote(
            step=step,
            version=state.version,
            head=state.head,
            changed=tuple(sorted({*state.values, *appended.get(step, ())})),
            run_id=run,
            at=state.at,
        )
        for step, state, run in found
    ]


def _at(n: int, path: str, step: int) -> Steps[Snapshot | None]:
    rows = yield q.PLACE, {"n": n, "path": path, "channel": ""}
    if not rows or not 0 <= step <= _LAST:
        return None
    rows = yield q.AT, {"place": rows[0][0], "step": step}
    if not rows:
        return None
    snapshot = yield from at_checkpoint(n, path, rows[0])
    done = tuple([row for row in snapshot.finished if row.step == step])
    return msgspec.structs.replace(snapshot, finished=done)


# Branches.


def _branch(scope: Scope, branch: Branch) -> Steps[RunRecord]:
    record, at = branch.run, time.time()
    rows = yield LOCK_THREAD, thread_key(scope, branch.source)
    if not rows:
        raise no_thread(branch.source)
    n = source = rows[0][0]
    workspace, owner = yield from owner_of(record.workspace, record.user_id)
    if done := (yield RUN_BY_ID, {"id": record.id, "n": workspace}):
        return run_of(done[0])  # the answer to this very call was lost on its way
    if record.thread_id != branch.source:
        n = yield from _new_thread(scope, branch, workspace, owner, source, at)
    elif busy := (yield IS_BUSY, {"n": n}):
        raise Conflict(f"run {busy[0][0]!r} of thread {branch.source!r} is running: cancel it first")
    else:
        yield from _end_waiting(n, at)
    run = yield from _stand_in(record, n, workspace, owner, at)
    yield from _write(branch, n, owner, run, at)
    yield q.ENDED, {"n": run}
    return run_of((yield RUN_BY_N, {"n": run})[0])


def _new_thread(scope: Scope, branch: Branch, workspace: int, owner: int, source: int, at: float) -> Steps[int]:
    """A thread that has the messages of another up to some number."""
    id = branch.run.thread_id
    if (yield q.TAKEN, {"id": id}):
        raise Conflict(f"there is a thread {id!r} already: fork into a new one")
    title = (yield THREAD, thread_key(scope, branch.source))[0][3]
    values = {"id": id, "n": workspace, "owner": owner, "target": branch.run.target, "title": title, "at": at}
    n: int = (yield USE_THREAD, values)[0][0]
    yield SHARE_BLOBS, {"n": n, "source": source}
    yield q.COPY_MESSAGES, {"n": n, "owner": owner, "source": source, "upto": branch.upto}
    return n


def _end_waiting(n: int, at: float) -> Steps[None]:
    """A run that stopped in the midst of the line that is left cannot go on from it."""
    error = "cancelled: its thread was forked"
    for run, owner, target in (yield q.WAITING_RUNS, {"n": n, "error": error, "at": at}):
        last = Happened(at, (target,), RunCancelled(reason="its thread was forked"))
        yield ADD_LAST_EVENT, {"run": run, "owner": owner, "body": pack_events([last])}
        yield WITHDRAW, {"run": run}


def _stand_in(record: RunRecord, n: int, workspace: int, owner: int, at: float) -> Steps[int]:
    """The run of a branch. While it is written it has the thread's lease, so that no other run begins."""
    values: dict[str, Any] = {
        **{"id": record.id, "thread": n, "n": workspace, "owner": owner, "target": record.target},
        **{"status": "running", "input": None, "key": None, "digest": None, "priority": record.priority},
        **{"wake_at": None, "worker": None, "at": at, "origin": record.origin, "limits": record.limits},
    }
    rows = yield ADD_RUN, values
    if not rows:
        raise Conflict(f"another run of thread {record.thread_id!r} began at the same moment")
    return rows[0][0]


def _write(branch: Branch, n: int, owner: int, run: int, at: float) -> Steps[None]:
    row, last = branch.checkpoint, len(branch.events)
    yield q.ADD_EVENTS, {"run": run, "seq": last, "owner": owner, "body": pack_events(branch.events)}
    if row is not None:
        place = yield from _place(n, row.path)
        found = (yield q.NEWEST_STEP, {"place": place})[0][0]
        if found is not None and found % SPAN >= row.step:
            raise Conflict(f"thread {branch.run.thread_id!r} has moved on meanwhile: look again, and fork then")
        body = pack_state(row, at)
        yield q.ADD_CHECKPOINT, {"place": place, "step": row.step, "owner": owner, "run": run, "body": body}
        for done in branch.finished:
            values = {"place": place, "step": done.step, "activation": done.activation, "owner": owner}
            yield q.ADD_FINISHED, {**values, "body": done.body}
    for one in branch.messages:
        values = {"n": n, "seq": one.seq, "owner": owner, "run": run, "conversation": one.conversation}
        yield q.ADD_MESSAGE, {**values, "at": one.at or at, "tokens": one.tokens, "body": shortened(one.body)}
    if (context := branch.context) is not None:
        values = {"n": n, "conversation": context.conversation, "owner": owner, "start": context.start}
        yield q.SET_CONTEXT, {**values, "body": context.body}
    head = max([branch.upto, *[one.seq for one in branch.messages]])
    yield q.FORKED, {"n": n, "head": head, "at": at}


def _place(n: int, path: str) -> Steps[int]:
    key = {"n": n, "path": path, "channel": ""}
    rows = yield q.PLACE, key
    if not rows:
        yield q.ADD_PLACE, key
        rows = yield q.PLACE, key
    return rows[0][0]


# Forgetting.


def _forget(n: int, path: str, doomed: frozenset[int]) -> Steps[int]:
    rows = yield q.PLACE, {"n": n, "path": path, "channel": ""}
    if not rows:
        return 0
    place: int = rows[0][0]
    states = {key % SPAN: unpack_state(body) for key, body in (yield q.ALL_STATES, {"place": place})}
    kept = {step: state for step, state in states.items() if state.head and step not in doomed}
    held = _held(kept)
    gone = [step for step in states if step not in kept and step not in held]
    count = sum(1 for step, state in states.items() if state.head and step in doomed)
    for step, channels in held.items():
        if step not in kept and step in states:
            yield q.STRIP, {"place": place, "step": step, "body": _stripped(states[step], channels)}
    yield from _delete(q.forget_checkpoints, [place * SPAN + step for step in gone])
    yield from _forget_appends(n, path, kept)
    if not kept:
        yield q.FORGET_FINISHED, {"place": place}
        yield q.FORGET_PLACES, {"n": n, "path": path}
    return count


def _held(kept: Mapping[int, State]) -> dict[int, set[str]]:
    """The steps whose values others need, and of which channels."""
    held: dict[int, set[str]] = {}
    for state in kept.values():
        for channel, (base, _) in state.ranges.items():
            held.setdefault(base, set()).add(channel)
    return held


def _stripped(state: State, channels: Iterable[str]) -> bytes:
    """A row that is no checkpoint any more, with the values that others need."""
    values = {channel: body for channel, body in state.values.items() if channel in channels}
    return pack(State(state.version, b"", values, {}, state.at))


def _forget_appends(n: int, path: str, kept: Mapping[int, State]) -> Steps[None]:
    for channel, place in (yield q.CHANNEL_PLACES, {"n": n, "path": path}):
        spans = {state.ranges[channel] for state in kept.values() if channel in state.ranges}
        rows = yield q.APPENDS_OF, {"place": place}
        gone = [key for (key,) in rows if not any(base < key % SPAN <= last for base, last in spans)]
        yield from _delete(q.forget_appends, gone)


def _delete(query: Any, keys: Sequence[int]) -> Steps[None]:
    for i in range(0, len(keys), _AT_ONCE):
        some = keys[i : i + _AT_ONCE]
        padded = [*some, *[some[-1]] * (_AT_ONCE - len(some))]
        statement: Query = query(_AT_ONCE)
        yield statement, {f"k{j}": key for j, key in enumerate(padded)}
