"""Runs, commits and jobs as tests of stores need them."""

from typing import Any

from weft.events import Custom
from weft.ids import new_id
from weft.storage.base import (
    CheckpointRow,
    Commit,
    EventRow,
    Job,
    MessageRow,
    QuestionRow,
    RunChange,
    RunRecord,
    Scope,
    SlotRow,
    Snapshot,
    Store,
    Tx,
)

LOCAL = Scope("default", "local")


class Jobs:
    """An enqueue that remembers."""

    def __init__(self) -> None:
        self.asked: list[Job] = []
        self.durable: list[Job] = []

    async def __call__(self, tx: Tx, job: Job) -> None:
        self.asked.append(job)
        tx.after_commit(lambda: self.durable.append(job))


async def no_job(tx: Tx, job: Job) -> None:
    """An enqueue for tests that drive their runs themselves."""


def record(**fields: Any) -> RunRecord:
    return RunRecord(**{"id": new_id("run"), "thread_id": new_id("thread"), "target": "agent", **fields})


async def begin(store: Store, *, worker: str = "worker", **fields: Any) -> RunRecord:
    """A run that is running, with a live owner."""
    made = await store.runs.create(record(**fields), no_job)
    await store.workers.beat(worker)
    run = await store.runs.acquire(Job(run_id=made.id, epoch=0), worker, 30)
    assert run is not None
    return run


def commit_of(run: RunRecord, seq: int, /, **fields: Any) -> Commit:
    """The commit with event ``seq`` of a run."""
    base: dict[str, Any] = {
        **{"run_id": run.id, "fence": run.fence, "thread_id": run.thread_id, "workspace": run.workspace},
        **{"user_id": run.user_id, "seq": seq, "at": run.created_at + seq, "events": [event(seq)]},
    }
    return Commit(**{**base, **fields})


def event(seq: int) -> EventRow:
    return EventRow(seq=seq, at=float(seq), path=("agent",), event=Custom(name=str(seq)))


def message(seq: int, **fields: Any) -> MessageRow:
    return MessageRow(**{"seq": seq, "at": float(seq), "body": b'"message %d"' % seq, "tokens": seq, **fields})


def checkpoint(
    step: int, slots: tuple[SlotRow, ...] = (), path: str = "agent", **ranges: tuple[int, int]
) -> CheckpointRow:
    values = {slot.channel: slot.body for slot in slots if slot.op == "set"}
    return CheckpointRow(
        path=path,
        step=step,
        version="v1",
        head=b'{"step":%d}' % step,
        values=values,
        added={slot.channel: slot.body for slot in slots if slot.op == "append"},
        ranges={name: span for name, span in ranges.items() if name not in values},
    )


async def context_of(store: Store, thread_id: str, conversation: str) -> bytes | None:
    """The context on record."""
    row = (await store.threads.open(thread_id, conversation=conversation)).context
    return None if row is None else row.body


async def snapshot_of(store: Store, thread_id: str, path: str) -> Snapshot | None:
    """The newest checkpoint on record."""
    return (await store.threads.open(thread_id, path=path)).snapshot


async def asked(store: Store, *ids: str, **fields: Any) -> RunRecord:
    run = await begin(store, **fields)
    questions = [QuestionRow(id=id, path="p", payload=b"1") for id in ids]
    await store.commit(commit_of(run, 1, questions=questions, run=RunChange(status="paused")))
    return run


async def count_rows(store: Any) -> dict[str, int]:
    """Rows of each table: what no method of the port tells."""
    from sqlalchemy import func, select  # noqa: PLC0415

    from weft.storage.query import Query, Steps  # noqa: PLC0415
    from weft.storage.tables import metadata  # noqa: PLC0415

    def steps() -> Steps[dict[str, int]]:
        counts: dict[str, int] = {}
        for table in metadata.sorted_tables:
            rows = yield Query(select(func.count()).select_from(table)), {}
            counts[table.name] = rows[0][0]
        return counts

    return await store._database.read(steps)
