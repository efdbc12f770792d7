"""What every store promises of commits and of the checkpoints in them."""

import asyncio
import gc
import warnings
from typing import Any

import pytest

from tests.storage.samples import (
    LOCAL,
    begin,
    checkpoint,
    commit_of,
    context_of,
    count_rows,
    event,
    message,
    no_job,
    record,
    snapshot_of,
)
from weft.errors import Conflict, Fenced, UsageError
from weft.events import Custom
from weft.storage import Store
from weft.storage.base import (
    ContextRow,
    EventRow,
    FinishedRow,
    Page,
    QuestionRow,
    RunChange,
    RunRecord,
    SlotRow,
)

# Commits


async def test_everything_of_a_commit_is_there(store: Store) -> None:
    run = await begin(store, input=b'"hi"')
    slots = (SlotRow(channel="notes", op="set", body=b"[1]"),)
    full = commit_of(
        run,
        2,
        at=run.created_at + 100,
        events=[event(1), event(2)],
        messages=[message(1, run_id=run.id), message(2, conversation="nested")],
        contexts=[ContextRow(body=b"main"), ContextRow(conversation="nested", body=b"inner")],
        checkpoints=[checkpoint(1, slots, notes=(1, 1))],
        finished=[FinishedRow(path="agent", step=1, activation="1:act#0", body=b"{}")],
        questions=[QuestionRow(id="q", path="agent", payload=b'"?"', schema=b"{}", expires_at=9.5)],
        run=RunChange(status="paused", usage=b"{}", first_message=1, forget_input=True),
    )
    await store.commit(full)
    assert await store.runs.events(LOCAL, run.id) == full.events
    assert await store.threads.messages(LOCAL, run.thread_id, conversation=None) == full.messages
    assert await context_of(store, run.thread_id, "") == b"main"
    assert await context_of(store, run.thread_id, "nested") == b"inner"
    snapshot = await snapshot_of(store, run.thread_id, "agent")
    assert snapshot is not None
    assert (snapshot.step, snapshot.version, snapshot.head, snapshot.ranges) == (
        1,
        "v1",
        b'{"step":1}',
        {"notes": (1, 1)},
    )
    assert snapshot.slots == ((1, slots[0]),)
    assert list(snapshot.finished) == full.finished
    [question] = await store.questions.open(LOCAL, Page())
    assert (question.id, question.payload, question.schema, question.expires_at) == ("q", b'"?"', b"{}", 9.5)
    assert (question.run_id, question.thread_id, question.created_at) == (run.id, run.thread_id, full.at)
    after = await store.runs.get(LOCAL, run.id)
    assert (after.seq, after.status, after.input, after.first_message, after.usage) == (2, "paused", b"null", 1, b"{}")
    thread = await store.threads.get(LOCAL, run.thread_id)
    assert (thread.head_seq, thread.updated_at, after.updated_at) == (2, full.at, full.at)


async def test_a_commit_may_come_twice_and_late(store: Store) -> None:
    run = await begin(store)
    first = commit_of(
        run,
        1,
        messages=[message(1)],
        contexts=[ContextRow(body=b"old")],
        checkpoints=[checkpoint(1, (SlotRow(channel="a", op="append", body=b"1"),), a=(1, 1))],
        finished=[FinishedRow(path="agent", step=1, activation="x", body=b"{}")],
        questions=[QuestionRow(id="q", path="p", payload=b"1")],
        run=RunChange(first_message=1),
    )
    second = commit_of(
        run,
        2,
        messages=[message(2)],
        contexts=[ContextRow(body=b"new")],
        checkpoints=[checkpoint(2, (SlotRow(channel="a", op="append", body=b"2"),), a=(1, 2))],
        run=RunChange(status="finished", output=b"1"),
    )

    async def all_of_it() -> list[Any]:
        return [
            await store.runs.get(LOCAL, run.id),
            await store.runs.events(LOCAL, run.id),
            await store.threads.get(LOCAL, run.thread_id),
            await store.threads.messages(LOCAL, run.thread_id),
            await context_of(store, run.thread_id, ""),
            await snapshot_of(store, run.thread_id, "agent"),
            await store.questions.open(LOCAL, Page()),
        ]

    await store.commit(first)
    before = await all_of_it()
    await asyncio.gather(store.commit(first), store.commit(first))
    assert await all_of_it() == before
    await store.commit(second)
    after = await all_of_it()
    await asyncio.gather(store.commit(first), store.commit(second), store.commit(first))
    for late in (first, second, first):
        await store.commit(late)
    assert await all_of_it() == after
    assert after[4] == b"new"
    assert after[5].finished == ()


async def test_a_fenced_commit_leaves_nothing_and_its_neighbours_everything(store: Store) -> None:
    runs = [await begin(store) for _ in range(3)]
    old = runs[1]
    assert await store.runs.requeue(old.id, old.fence, no_job)
    commits = [
        commit_of(
            run,
            1,
            messages=[message(1)],
            contexts=[ContextRow(body=b"c")],
            checkpoints=[checkpoint(1, (SlotRow(channel="a", op="set", body=b"1"),), a=(1, 1))],
            finished=[FinishedRow(path="agent", step=1, activation="x", body=b"{}")],
            questions=[QuestionRow(id="q", path="p", payload=b"1")],
            run=RunChange(status="finished"),
        )
        for run in runs
    ]
    outcomes = await asyncio.gather(*map(store.commit, commits), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [type(None), Fenced, type(None)]
    for run, written in zip(runs, (True, False, True), strict=True):
        assert bool(await store.runs.events(LOCAL, run.id)) is written
        assert bool(await store.threads.messages(LOCAL, run.thread_id)) is written
        assert (await context_of(store, run.thread_id, "") is not None) is written
        assert (await snapshot_of(store, run.thread_id, "agent") is not None) is written
        assert ((await store.runs.get(LOCAL, run.id)).status == "finished") is written


async def test_a_commit_of_a_run_that_is_gone_is_fenced(store: Store) -> None:
    with pytest.raises(Fenced):
        await store.commit(commit_of(record(), 1))


async def test_a_commit_after_a_lost_one_is_refused(store: Store) -> None:
    """Else a run that went on after a full disk would have a gap."""
    run = await begin(store)
    await store.commit(commit_of(run, 1))
    late = [store.commit(commit_of(run, 3)), store.commit(commit_of(run, 4))]
    for outcome in await asyncio.gather(*late, return_exceptions=True):
        assert isinstance(outcome, Conflict)
    await store.commit(commit_of(run, 2))
    await store.commit(commit_of(run, 3))
    assert [row.seq for row in await store.runs.events(LOCAL, run.id)] == [1, 2, 3]


async def test_commits_are_written_in_order_though_nobody_waits(store: Store) -> None:
    run = await begin(store)
    for seq in range(1, 101):
        last = store.commit(commit_of(run, seq, messages=[message(seq)], contexts=[ContextRow(body=b"%d" % seq)]))
    handed = store.runs.requeue(run.id, run.fence, no_job)
    assert await handed
    await last
    assert [row.seq for row in await store.runs.events(LOCAL, run.id)] == list(range(1, 101))
    assert await context_of(store, run.thread_id, "") == b"100"


async def test_a_cancel_does_not_overtake_commits_in_line(store: Store) -> None:
    run = await begin(store)
    await asyncio.gather(*(store.runs.get(LOCAL, run.id) for _ in range(5)))  # connections are open
    for seq in range(1, 51):
        last = store.commit(commit_of(run, seq))
    done = await store.runs.cancel(LOCAL, run.id, None)
    await last
    assert done is not None
    assert done.seq == 51


async def test_a_failed_commit_that_nobody_awaits_does_not_warn(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _ = store.commit(commit_of(record(), 1))
        run = await begin(store)
        await store.commit(commit_of(run, 1))
        del _
        gc.collect()
        await asyncio.sleep(0)
    assert caplog.records == []


async def test_a_cancelled_waiter_does_not_cancel_the_commit(store: Store) -> None:
    run = await begin(store)

    async def wait() -> None:
        await store.commit(commit_of(run, 1))

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    await store.commit(commit_of(run, 2))
    assert (await store.runs.get(LOCAL, run.id)).seq == 2


async def test_many_runs_at_once(store: Store) -> None:
    runs = await asyncio.gather(*(begin(store) for _ in range(100)))

    async def drive(run: RunRecord) -> None:
        for seq in range(1, 11):
            slots = (SlotRow(channel="a", op="set", body=b"%d" % seq),)
            await store.commit(
                commit_of(run, seq, messages=[message(seq)], checkpoints=[checkpoint(seq, slots, a=(seq, seq))])
            )

    await asyncio.gather(*map(drive, runs))
    for run in runs:
        assert [row.seq for row in await store.runs.events(LOCAL, run.id)] == list(range(1, 11))
        snapshot = await snapshot_of(store, run.thread_id, "agent")
        assert snapshot is not None
        assert [slot.body for _, slot in snapshot.slots] == [b"10"]


async def test_a_value_that_cannot_be_stored_fails_its_own_commit_only(store: Store) -> None:
    good, bad = await begin(store), await begin(store)
    broken = commit_of(bad, 1, events=[EventRow(seq=1, at=0.0, path=("\ud800",), event=Custom("x"))])
    outcomes = await asyncio.gather(store.commit(broken), store.commit(commit_of(good, 1)), return_exceptions=True)
    assert isinstance(outcomes[0], UsageError)
    assert outcomes[1] is None
    assert (await store.runs.get(LOCAL, good.id)).seq == 1
    assert (await store.runs.get(LOCAL, bad.id)).seq == 0


# Checkpoints


async def test_a_snapshot_holds_bases_and_what_was_appended_since(store: Store) -> None:
    run = await begin(store)

    def slot(channel: str, op: Any, body: bytes) -> SlotRow:
        return SlotRow(channel=channel, op=op, body=body)

    steps = [
        checkpoint(1, (slot("a", "set", b"a1"), slot("b", "set", b"b1")), a=(1, 1), b=(1, 1)),
        checkpoint(2, (slot("a", "append", b"a2"),), a=(1, 2), b=(1, 1)),
        checkpoint(3, (slot("b", "set", b"b3"),), a=(1, 2), b=(3, 3)),
        checkpoint(4, (slot("a", "append", b"a4"), slot("c", "set", b"c4")), a=(1, 4), b=(3, 3), c=(4, 4)),
        checkpoint(5, (), a=(1, 4), b=(3, 3)),
    ]
    for seq, step in enumerate(steps, 1):
        await store.commit(commit_of(run, seq, checkpoints=[step]))
    await store.commit(commit_of(run, 6, checkpoints=[checkpoint(9, path="agent/inner")]))
    snapshot = await snapshot_of(store, run.thread_id, "agent")
    assert snapshot is not None
    assert snapshot.step == 5
    assert [(step, slot.channel, slot.op, slot.body) for step, slot in snapshot.slots] == [
        (1, "a", "set", b"a1"),
        (2, "a", "append", b"a2"),
        (3, "b", "set", b"b3"),
        (4, "a", "append", b"a4"),
    ]
    inner = await snapshot_of(store, run.thread_id, "agent/inner")
    assert inner is not None
    assert (inner.step, inner.slots, inner.ranges) == (9, (), {})
    assert await snapshot_of(store, run.thread_id, "agent/other") is None
    assert await snapshot_of(store, "nothing", "agent") is None


async def test_finished_activations_last_until_their_step_is_closed(store: Store) -> None:
    run = await begin(store)

    def done(step: int, name: str, path: str = "agent") -> FinishedRow:
        return FinishedRow(path=path, step=step, activation=name, body=name.encode())

    async def names() -> list[str]:
        snapshot = await snapshot_of(store, run.thread_id, "agent")
        assert snapshot is not None
        return [row.activation for row in snapshot.finished]

    await store.commit(commit_of(run, 1, checkpoints=[checkpoint(1), checkpoint(1, path="inner")]))
    await store.commit(commit_of(run, 2, finished=[done(1, "b"), done(1, "a"), done(1, "i", "inner")]))
    assert await names() == ["a", "b"]
    await store.commit(commit_of(run, 3, checkpoints=[checkpoint(2)], finished=[done(1, "c"), done(2, "d")]))
    assert await names() == ["d"]
    inner = await snapshot_of(store, run.thread_id, "inner")
    assert inner is not None
    assert [row.activation for row in inner.finished] == ["i"]
    assert (await count_rows(store))["finished"] == 2
    await store.commit(commit_of(run, 4, checkpoints=[checkpoint(3), checkpoint(2, path="inner")]))
    assert (await count_rows(store))["finished"] == 0
    await store.commit(commit_of(run, 2, events=[], finished=[done(1, "b")]))
    assert (await count_rows(store))["finished"] == 0
