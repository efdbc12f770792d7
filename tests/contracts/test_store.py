"""What every store promises: the port of ``weft.storage.base``, on each database."""

import asyncio
import gc
import time
import warnings
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import Open
from tests.storage.samples import (
    LOCAL,
    Jobs,
    begin,
    checkpoint,
    commit_of,
    context_of,
    event,
    message,
    no_job,
    record,
    snapshot_of,
)
from weft.errors import Conflict, Fenced, NotFound, StoreError, UsageError
from weft.ids import new_id
from weft.storage import Store, open_store
from weft.storage.base import (
    Commit,
    ContextRow,
    EventRow,
    FinishedRow,
    Job,
    Page,
    QuestionRow,
    RunChange,
    RunRecord,
    Scope,
    SlotRow,
    Tx,
)

FOREIGN = (Scope("default", "somebody"), Scope("elsewhere", "local"), Scope("elsewhere"))


# Creating runs


async def test_a_new_run_is_queued_with_its_thread_and_its_job(store: Store) -> None:
    jobs = Jobs()
    made = await store.runs.create(record(input=b'"hello"', priority=3), jobs)
    assert (made.status, made.epoch, made.fence, made.attempts, made.seq, made.input) == (
        "queued",
        0,
        0,
        0,
        0,
        b'"hello"',
    )
    assert made == await store.runs.get(LOCAL, made.id)
    assert made.created_at == pytest.approx(time.time(), abs=60)
    thread = await store.threads.get(LOCAL, made.thread_id)
    assert (thread.title, thread.target, thread.head_seq, thread.user_id) == ("", "agent", 0, "local")
    assert jobs.durable == jobs.asked == [Job(run_id=made.id, epoch=0, priority=3)]
    assert await store.runs.waiting() == jobs.durable


async def test_an_empty_input_comes_back_as_null(store: Store) -> None:
    assert (await store.runs.create(record(), no_job)).input == b"null"


async def test_a_run_for_later_sleeps(store: Store) -> None:
    jobs = Jobs()
    made = await store.runs.create(record(wake_at=time.time() + 60), jobs)
    assert (made.status, jobs.durable[0].not_before) == ("sleeping", made.wake_at)
    await store.workers.beat("w")
    assert await store.runs.acquire(jobs.durable[0], "w", 30) is None
    due = await store.runs.create(record(wake_at=time.time() - 1), jobs)
    acquired = await store.runs.acquire(jobs.durable[1], "w", 30)
    assert acquired is not None
    assert (acquired.id, acquired.status, acquired.wake_at) == (due.id, "running", None)


async def test_the_same_key_gives_the_same_run(store: Store) -> None:
    jobs, first = Jobs(), record(input=b"1", idempotency_key="key")
    made = await store.runs.create(first, jobs)
    again = record(thread_id=first.thread_id, input=b"1", idempotency_key="key")
    assert await store.runs.create(again, jobs) == made
    assert len(jobs.durable) == 1
    with pytest.raises(NotFound):
        await store.runs.get(LOCAL, again.id)


@pytest.mark.parametrize("other", [{"thread_id": "other"}, {"target": "other"}, {"input": b"2"}])
async def test_a_key_is_for_one_request(store: Store, other: dict[str, Any]) -> None:
    first = record(input=b"1", idempotency_key="key")
    run = await store.runs.create(first, no_job)
    await store.workers.beat("w")
    run = await store.runs.acquire(Job(run_id=run.id, epoch=0), "w", 30) or run
    await store.commit(commit_of(run, 1, run=RunChange(forget_input=True)))
    with pytest.raises(Conflict):
        await store.runs.create(
            record(**{"thread_id": first.thread_id, "input": b"1", "idempotency_key": "key", **other}), no_job
        )
    if "thread_id" in other:
        with pytest.raises(NotFound):
            await store.threads.get(LOCAL, "other")


async def test_a_key_belongs_to_its_workspace(store: Store) -> None:
    one = await store.runs.create(record(idempotency_key="key"), no_job)
    two = await store.runs.create(record(idempotency_key="key", workspace="elsewhere"), no_job)
    assert one.id != two.id


async def test_many_at_once_with_one_key_make_one_run(store: Store) -> None:
    jobs, thread = Jobs(), new_id("thread")
    wanted = [record(thread_id=thread, idempotency_key="key") for _ in range(20)]
    made = await asyncio.gather(*(store.runs.create(one, jobs) for one in wanted))
    assert len({run.id for run in made}) == 1
    assert len(jobs.durable) == 1


async def test_the_same_run_twice_is_made_once_and_another_under_its_id_is_refused(store: Store) -> None:
    jobs, first = Jobs(), record()
    assert await store.runs.create(first, jobs) == await store.runs.create(first, jobs)
    assert len(jobs.durable) == 1
    with pytest.raises(Conflict):
        await store.runs.create(record(id=first.id), jobs)


async def test_nobody_starts_a_run_in_a_thread_of_others(store: Store) -> None:
    mine = await store.runs.create(record(), no_job)
    for fields in ({"user_id": "somebody"}, {"workspace": "elsewhere"}):
        with pytest.raises(NotFound):
            await store.runs.create(record(thread_id=mine.thread_id, **fields), no_job)
    assert len(await store.runs.list(LOCAL, Page(), thread_id=mine.thread_id)) == 1


# Who drives a run


async def test_acquire_takes_a_queued_run_once(store: Store) -> None:
    run = await begin(store)
    assert (run.status, run.fence, run.attempts, run.owner) == ("running", 1, 1, "worker")
    assert await store.runs.acquire(Job(run_id=run.id, epoch=0), "worker", 30) is None
    assert await store.runs.acquire(Job(run_id=run.id, epoch=1), "worker", 30) is None
    assert await store.runs.acquire(Job(run_id="nothing", epoch=0), "worker", 30) is None
    assert await store.runs.get(LOCAL, run.id) == run
    assert await store.runs.waiting() == []


async def test_a_thread_runs_one_run_at_a_time(store: Store) -> None:
    first = await begin(store)
    second = await store.runs.create(record(thread_id=first.thread_id), no_job)
    job = Job(run_id=second.id, epoch=0)
    assert await store.runs.acquire(job, "worker", 30) is None
    await store.commit(commit_of(first, 1, run=RunChange(status="paused")))
    assert await store.runs.acquire(job, "worker", 30) is not None


@pytest.mark.parametrize("status", ["finished", "failed", "dead", "cancelled", "paused"])
async def test_at_rest_a_run_has_no_owner_and_gives_the_thread_free(store: Store, status: Any) -> None:
    run = await begin(store)
    await store.commit(
        commit_of(run, 1, run=RunChange(status=status, output=b"1", error="e: x", usage=b"{}", first_message=3))
    )
    rested = await store.runs.get(LOCAL, run.id)
    assert (rested.status, rested.owner, rested.output, rested.error) == (status, None, b"1", "e: x")
    assert (rested.usage, rested.first_message) == (b"{}", 3)
    await begin(store, thread_id=run.thread_id)


async def test_a_run_of_a_dead_owner_can_be_taken_over_and_the_old_one_is_fenced(store: Store) -> None:
    old = await begin(store, worker="old")
    await store.workers.beat("new")
    assert await store.runs.acquire(Job(run_id=old.id, epoch=0), "new", 30) is None
    await asyncio.sleep(0.05)
    await store.workers.beat("new")
    new = await store.runs.acquire(Job(run_id=old.id, epoch=0), "new", 0.04)
    assert new is not None
    assert (new.owner, new.fence, new.attempts) == ("new", 2, 2)
    with pytest.raises(Fenced):
        await store.commit(commit_of(old, 1, messages=[message(1)]))
    assert await store.runs.events(LOCAL, old.id) == []
    assert await store.threads.messages(LOCAL, old.thread_id) == []


async def test_resume_queues_a_paused_run_once(store: Store) -> None:
    jobs, run = Jobs(), await begin(store)
    assert not await store.runs.requeue(run.id, None, jobs)
    await store.commit(commit_of(run, 1, run=RunChange(status="paused")))
    assert await store.runs.requeue(run.id, None, jobs)
    assert not await store.runs.requeue(run.id, None, jobs)
    assert jobs.durable == [Job(run_id=run.id, epoch=1)]
    again = await store.runs.acquire(jobs.durable[0], "worker", 30)
    assert again is not None
    assert (again.fence, again.epoch, again.attempts, again.seq) == (3, 1, 1, 1)
    with pytest.raises(Fenced):
        await store.commit(commit_of(run, 2))


async def test_a_run_whose_caller_waits_is_left_to_it_as_long_as_it_is_there(store: Store) -> None:
    first = await begin(store, worker="busy")
    await store.workers.beat("caller")
    waits = await store.runs.create(record(thread_id=first.thread_id), None, worker="caller")
    assert (waits.status, waits.owner) == ("queued", "caller")
    assert await store.runs.waiting() == []
    await store.commit(commit_of(first, 1, run=RunChange(status="paused")))
    assert await store.runs.requeue(first.id, None, None, worker="caller")
    assert (await store.runs.get(LOCAL, first.id)).owner == "caller"
    assert await store.runs.waiting() == []
    await store.workers.gone("caller")
    assert await store.runs.waiting() == [Job(run_id=first.id, epoch=1), Job(run_id=waits.id, epoch=0)]
    taken = await store.runs.acquire(Job(run_id=waits.id, epoch=0), "other", 30)
    assert taken is not None
    assert (taken.status, taken.owner) == ("running", "other")


async def test_hand_back_needs_the_fence(store: Store) -> None:
    jobs, run = Jobs(), await begin(store)
    assert not await store.runs.requeue(run.id, run.fence + 1, jobs)
    assert jobs.asked == []
    wake = time.time() + 60
    assert await store.runs.requeue(run.id, run.fence, jobs, wake_at=wake)
    assert jobs.durable == [Job(run_id=run.id, epoch=1, not_before=wake)]
    back = await store.runs.get(LOCAL, run.id)
    assert (back.status, back.owner, back.wake_at) == ("sleeping", None, wake)
    assert await store.runs.waiting() == jobs.durable
    assert not await store.runs.requeue(run.id, run.fence, jobs)


async def test_attempts_count_until_there_is_progress(store: Store) -> None:
    run = await begin(store)
    jobs = Jobs()
    for attempt in (2, 3):
        await store.workers.gone("worker")
        assert await store.workers.reap(30, jobs) == 1
        await store.workers.beat("worker")
        run = await store.runs.acquire(jobs.durable[-1], "worker", 30) or run
        assert run.attempts == attempt
    await store.commit(commit_of(run, 1))
    assert (await store.runs.get(LOCAL, run.id)).attempts == 3
    await store.commit(commit_of(run, 2, checkpoints=[checkpoint(1)]))
    assert (await store.runs.get(LOCAL, run.id)).attempts == 0


async def test_cancel_ends_a_run_with_its_last_event(store: Store) -> None:
    run = await begin(store)
    await store.commit(
        commit_of(run, 2, events=[event(1), event(2)], questions=[QuestionRow(id="q", path="p", payload=b"1")])
    )
    done = await store.runs.cancel(LOCAL, run.id, "enough")
    assert done is not None
    assert (done.status, done.fence, done.seq, done.owner, done.error) == ("cancelled", 2, 3, None, "cancelled: enough")
    assert done == await store.runs.get(LOCAL, run.id)
    last = (await store.runs.events(LOCAL, run.id, after=2))[0]
    assert (last.seq, last.path, last.body) == (3, '["agent"]', b'{"type":"run.cancelled","reason":"enough"}')
    assert await store.questions.open(LOCAL, Page()) == []
    assert await store.runs.cancel(LOCAL, run.id, None) is None
    with pytest.raises(Fenced):
        await store.commit(commit_of(run, 3))
    await begin(store, thread_id=run.thread_id)


async def test_a_queued_run_can_be_cancelled(store: Store) -> None:
    jobs = Jobs()
    run = await store.runs.create(record(), jobs)
    assert (await store.runs.cancel(LOCAL, run.id, None) or run).error == "cancelled"
    assert await store.runs.acquire(jobs.durable[0], "worker", 30) is None
    assert await store.runs.waiting() == []


async def test_the_reaper_requeues_the_runs_of_dead_workers_only(store: Store) -> None:
    jobs = Jobs()
    alive, dead = await begin(store, worker="alive"), await begin(store, worker="dead", workspace="w", priority=7)
    never = await store.runs.create(record(), no_job)
    assert await store.runs.acquire(Job(run_id=never.id, epoch=0), "never beat", 30) is not None
    await store.workers.gone("dead")
    assert await store.workers.reap(30, jobs) == 2
    assert sorted(jobs.durable, key=lambda job: job.run_id) == [
        Job(run_id=dead.id, epoch=1, workspace="w", priority=7),
        Job(run_id=never.id, epoch=1),
    ]
    assert (await store.runs.get(LOCAL, alive.id)).status == "running"
    taken = await store.runs.get(Scope("w"), dead.id)
    assert (taken.status, taken.owner, taken.fence, taken.attempts) == ("queued", None, 2, 1)
    assert await store.workers.reap(30, jobs) == 0


# Two stores on one database


async def test_two_stores_never_both_own_a_thread(open_shared: Open) -> None:
    one, two = await open_shared(), await open_shared()
    for store, name in ((one, "one"), (two, "two")):
        await store.workers.beat(name)
    for _ in range(10):
        thread = new_id("thread")
        runs = [await one.runs.create(record(thread_id=thread), no_job) for _ in range(3)]
        tries = [
            store.runs.acquire(Job(run_id=run.id, epoch=0), name, 30)
            for run in runs
            for store, name in ((one, "one"), (two, "two"))
        ]
        assert len([got for got in await asyncio.gather(*tries) if got is not None]) == 1
        assert len(await two.runs.list(LOCAL, Page(), thread_id=thread, status="running")) == 1


async def test_only_one_of_many_takes_a_dead_workers_run_over(open_shared: Open) -> None:
    one, two = await open_shared(), await open_shared()
    old = await begin(one, worker="old")
    await one.workers.gone("old")
    for name in "abcd":
        await one.workers.beat(name)
    job = Job(run_id=old.id, epoch=0)
    got = await asyncio.gather(
        *(store.runs.acquire(job, name, 30) for store, name in zip((one, two) * 2, "abcd", strict=True))
    )
    new = [run for run in got if run is not None]
    assert [run.fence for run in new] == [2]
    outcomes = await asyncio.gather(
        one.commit(commit_of(old, 1)), two.commit(commit_of(new[0], 1)), return_exceptions=True
    )
    assert isinstance(outcomes[0], Fenced)
    assert outcomes[1] is None


async def test_two_reapers_share_the_dead(open_shared: Open) -> None:
    one, two = await open_shared(), await open_shared()
    for _ in range(10):
        await begin(one, worker="dead")
    await one.workers.gone("dead")
    jobs = Jobs()
    counts = await asyncio.gather(*(store.workers.reap(30, jobs) for store in (one, two, one, two)))
    assert sum(counts) == len({job.run_id for job in jobs.durable}) == len(jobs.durable) == 10


# Commits


async def test_everything_of_a_commit_is_there(store: Store) -> None:
    run = await begin(store, input=b'"hi"')
    slots = (SlotRow(channel="notes", op="set", body=b"[1]"), SlotRow(channel="gone", op="delete"))
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
    broken = commit_of(bad, 1, events=[EventRow(seq=1, at=0.0, path="\ud800", body=b"")])
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
        checkpoint(5, (slot("c", "delete", b""),), a=(1, 4), b=(3, 3)),
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


# Questions


async def asked(store: Store, *ids: str, **fields: Any) -> RunRecord:
    run = await begin(store, **fields)
    questions = [QuestionRow(id=id, path="p", payload=b"1") for id in ids]
    await store.commit(commit_of(run, 1, questions=questions, run=RunChange(status="paused")))
    return run


async def test_an_answer_is_recorded_once(store: Store) -> None:
    run = await asked(store, "q1", "q2")
    assert await store.questions.answer(LOCAL, run.id, "q1", b"yes")
    assert not await store.questions.answer(LOCAL, run.id, "q1", b"yes")
    with pytest.raises(Conflict):
        await store.questions.answer(LOCAL, run.id, "q1", b"no")
    assert await store.questions.answers(run.id) == {"q1": b"yes"}
    assert [row.id for row in await store.questions.open(LOCAL, Page(), run_id=run.id)] == ["q2"]
    with pytest.raises(NotFound):
        await store.questions.answer(LOCAL, run.id, "q3", b"yes")
    for scope in FOREIGN:
        with pytest.raises(NotFound):
            await store.questions.answer(scope, run.id, "q2", b"yes")
        assert await store.questions.open(scope, Page()) == []


async def test_of_many_answers_at_once_one_counts(store: Store) -> None:
    run = await asked(store, "q")
    tries = [store.questions.answer(LOCAL, run.id, "q", b"%d" % n) for n in range(10)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert outcomes.count(True) == 1
    assert all(isinstance(outcome, Conflict) for outcome in outcomes if outcome is not True)


async def test_a_question_that_is_asked_again_keeps_its_answer_and_a_withdrawn_one_closes(store: Store) -> None:
    run = await begin(store)
    ask = [QuestionRow(id="a", path="p", payload=b"1"), QuestionRow(id="b", path="p", payload=b"1")]
    await store.commit(commit_of(run, 1, questions=ask))
    await store.questions.answer(LOCAL, run.id, "a", b"yes")
    await store.commit(commit_of(run, 2, questions=ask))
    assert await store.questions.answers(run.id) == {"a": b"yes"}
    close = [QuestionRow(id=id, path="p", payload=b"1", status="withdrawn") for id in "ab"]
    await store.commit(commit_of(run, 3, questions=close))
    assert await store.questions.open(LOCAL, Page()) == []
    assert await store.questions.answers(run.id) == {"a": b"yes"}


async def test_open_questions_come_in_pages_until_their_run_ends(store: Store) -> None:
    runs = [await asked(store, "q1", "q2") for _ in range(3)]
    await asked(store, "q", user_id="somebody")
    pages: list[QuestionRow] = []
    cursor = None
    while page := await store.questions.open(LOCAL, Page(limit=4, cursor=cursor)):
        pages += page
        cursor = f"{page[-1].created_at!r}:{page[-1].run_id}:{page[-1].id}"
    assert [(row.run_id, row.id) for row in pages] == [(run.id, q) for run in reversed(runs) for q in ("q2", "q1")]
    oldest = await store.questions.open(LOCAL, Page(limit=1, newest=False))
    assert (oldest[0].run_id, oldest[0].id) == (runs[0].id, "q1")
    assert len(await store.questions.open(Scope("default"), Page())) == 7
    jobs = Jobs()
    await store.runs.requeue(runs[0].id, None, jobs)
    run = await store.runs.acquire(jobs.durable[0], "worker", 30)
    assert run is not None
    await store.commit(commit_of(run, 2, run=RunChange(status="failed")))
    assert await store.questions.open(LOCAL, Page(), run_id=runs[0].id) == []


# Lists


async def test_runs_come_in_pages(store: Store) -> None:
    thread = new_id("thread")
    runs = [await store.runs.create(record(thread_id=thread, input=b"1"), no_job) for _ in range(7)]
    await store.runs.create(record(), no_job)
    await store.runs.cancel(LOCAL, runs[3].id, None)
    for newest in (True, False):
        seen: list[RunRecord] = []
        cursor = None
        while page := await store.runs.list(LOCAL, Page(limit=3, cursor=cursor, newest=newest), thread_id=thread):
            seen += page
            cursor = page[-1].id
        assert [run.id for run in seen] == [run.id for run in (reversed(runs) if newest else runs)]
    assert {run.input for run in seen} == {b"null"}
    assert [run.id for run in await store.runs.list(LOCAL, Page(), status="cancelled")] == [runs[3].id]
    assert len(await store.runs.list(Scope("default"), Page())) == 8
    for scope in FOREIGN:
        assert await store.runs.list(scope, Page(), thread_id=thread) == []


async def test_threads_come_in_pages_by_when_they_were_used(store: Store) -> None:
    runs = [await begin(store) for _ in range(5)]
    for at, run in zip((30.0, 10.0, 20.0, 20.0, 50.0), runs, strict=True):
        await store.commit(commit_of(run, 1, at=run.created_at + at, messages=[message(1)]))
    order = [run.thread_id for run in (runs[4], runs[0])]
    seen: list[str] = []
    cursor = None
    while page := await store.threads.list(LOCAL, Page(limit=2, cursor=cursor)):
        seen += [thread.id for thread in page]
        cursor = f"{page[-1].updated_at!r}:{page[-1].id}"
    assert seen[:2] == order
    assert sorted(seen) == sorted(run.thread_id for run in runs)
    assert seen[-1] == runs[1].thread_id
    last = await store.threads.list(Scope("default"), Page(limit=1, newest=False))
    assert last[0].id == runs[1].thread_id
    for scope in FOREIGN:
        assert await store.threads.list(scope, Page()) == []
    with pytest.raises(UsageError):
        await store.threads.list(LOCAL, Page(cursor="nonsense"))


async def test_messages_are_read_by_their_numbers(store: Store) -> None:
    run = await begin(store)
    rows = [message(seq, run_id=run.id, conversation="" if seq % 2 else "inner") for seq in range(1, 21)]
    await store.commit(commit_of(run, 1, messages=rows))

    async def read(**options: Any) -> list[int]:
        return [row.seq for row in await store.threads.messages(LOCAL, run.thread_id, **options)]

    assert await read() == list(range(1, 21, 2))
    assert await read(conversation="inner", limit=3) == [2, 4, 6]
    assert await read(conversation="inner", limit=3, newest=True) == [16, 18, 20]
    assert await read(conversation="nothing") == []
    assert await read(conversation=None, after=5, before=9) == [6, 7, 8]
    assert await read(conversation=None, limit=3, newest=True, before=10) == [7, 8, 9]
    assert await read(after=20) == []


async def test_events_are_read_after_a_number(store: Store) -> None:
    run = await begin(store)
    await store.commit(commit_of(run, 9, events=[event(seq) for seq in range(1, 10)]))
    assert [row.seq for row in await store.runs.events(LOCAL, run.id, after=4, limit=3)] == [5, 6, 7]
    assert await store.runs.events(LOCAL, run.id, after=9) == []


async def test_the_end_of_a_long_thread_is_read_as_fast_as_of_a_short_one(store: Store) -> None:
    run = await begin(store)
    for start in range(1, 10_001, 1_000):
        rows = [message(seq, run_id=run.id, body=b"x" * 200) for seq in range(start, start + 1_000)]
        await store.commit(commit_of(run, start // 1_000 + 1, messages=rows))

    async def cost(**options: Any) -> float:
        times: list[float] = []
        for _ in range(20):
            begun = time.perf_counter()
            assert len(await store.threads.messages(LOCAL, run.thread_id, **options)) == 50
            times.append(time.perf_counter() - begun)
        return min(times)

    early, late = await cost(before=51), await cost(newest=True)
    assert late < 3 * early + 0.001
    assert late < 0.02


# Threads


async def test_a_thread_is_renamed(store: Store) -> None:
    run = await begin(store)
    await store.threads.rename(LOCAL, run.thread_id, "Rome")
    assert (await store.threads.get(LOCAL, run.thread_id)).title == "Rome"
    await store.runs.create(record(thread_id=run.thread_id, target="other"), no_job)
    thread = await store.threads.get(LOCAL, run.thread_id)
    assert (thread.title, thread.target) == ("Rome", "other")


async def test_nothing_is_left_of_a_deleted_thread(store: Store) -> None:
    run, other = await begin(store), await begin(store)
    for one in (run, other):
        await store.commit(
            commit_of(
                one,
                1,
                messages=[message(1)],
                contexts=[ContextRow(body=b"c")],
                checkpoints=[checkpoint(1, (SlotRow(channel="a", op="append"),), a=(1, 1))],
                finished=[FinishedRow(path="agent", step=1, activation="x", body=b"{}")],
                questions=[QuestionRow(id="q", path="p", payload=b"1")],
            )
        )
    with pytest.raises(Conflict):
        await store.threads.delete(LOCAL, run.thread_id)
    await store.commit(commit_of(run, 2, run=RunChange(status="paused")))
    kept = await count_rows(store)
    await store.threads.delete(LOCAL, run.thread_id)
    with pytest.raises(NotFound):
        await store.threads.get(LOCAL, run.thread_id)
    with pytest.raises(NotFound):
        await store.runs.get(LOCAL, run.id)
    assert await store.questions.answers(run.id) == {}
    assert await context_of(store, run.thread_id, "") is None
    assert await snapshot_of(store, run.thread_id, "agent") is None
    left = await count_rows(store)
    tables = ("threads", "runs", "messages", "contexts", "checkpoints", "slots", "finished", "questions")
    assert {name: left[name] for name in tables} == dict.fromkeys(tables, 1)
    assert (kept["events"], left["events"], left["places"]) == (3, 1, 2)
    with pytest.raises(Fenced):
        await store.commit(commit_of(run, 3))
    again = await begin(store, thread_id=run.thread_id)
    assert (again.seq, again.fence) == (0, 1)
    assert await store.threads.messages(LOCAL, run.thread_id) == []


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


# Blobs


async def test_bytes_are_kept_once_per_workspace(store: Store) -> None:
    body = bytes(range(256)) * 100
    key = await store.blobs.put(LOCAL, body, "image/png")
    assert await store.blobs.put(Scope("default", "somebody"), body, "image/jpeg") == key
    assert await store.blobs.get(LOCAL, key) == (body, "image/png")
    assert (await count_rows(store))["blobs"] == 1
    for scope, sha256 in ((Scope("elsewhere"), key), (LOCAL, "00" * 32), (LOCAL, "nonsense")):
        with pytest.raises(NotFound):
            await store.blobs.get(scope, sha256)


# Whose rows


names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)


async def test_nobody_sees_or_changes_what_is_not_theirs(store: Store) -> None:
    """Every method with a scope, for whichever workspace and user."""
    run = await asked(store, "q")

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(names, names | st.none())
    def property(workspace: str, user: str | None) -> None:
        scope = Scope(workspace, user)
        if (workspace, user) not in (("default", "local"), ("default", None)):
            found.append(scope)

    found = list(FOREIGN)
    await asyncio.to_thread(property)
    for scope in found:
        await refuses(store, scope, run)
    assert (await store.runs.get(Scope("default"), run.id)).status == "paused"
    assert (await store.threads.get(Scope("default"), run.thread_id)).title == ""


async def refuses(store: Store, scope: Scope, run: RunRecord) -> None:
    calls = [
        store.runs.get(scope, run.id),
        store.runs.cancel(scope, run.id, None),
        store.runs.events(scope, run.id),
        store.threads.get(scope, run.thread_id),
        store.threads.rename(scope, run.thread_id, "mine"),
        store.threads.delete(scope, run.thread_id),
        store.threads.messages(scope, run.thread_id),
        store.questions.answer(scope, run.id, "q", b"1"),
    ]
    for call in calls:
        with pytest.raises(NotFound):
            await call
    for rows in (
        await store.runs.list(scope, Page()),
        await store.runs.list(scope, Page(), thread_id=run.thread_id),
        await store.runs.list(scope, Page(cursor=run.id, newest=False)),
        await store.threads.list(scope, Page()),
        await store.questions.open(scope, Page(), run_id=run.id),
    ):
        assert rows == []


async def test_what_does_not_exist_is_not_found(store: Store) -> None:
    await refuses(store, LOCAL, record())


# The store itself


async def test_it_says_where_it_is_and_refuses_work_when_closed(store_url: str) -> None:
    store = await open_store(store_url)
    run = await begin(store)
    last = store.commit(commit_of(run, 1))
    await store.close()
    await last
    assert store.url.startswith(("sqlite", "postgresql"))
    with pytest.raises(StoreError):
        await store.runs.get(LOCAL, run.id)


async def test_what_was_written_is_there_when_it_is_opened_again(open_shared: Open) -> None:
    first = await open_shared()
    run = await begin(first)
    await first.commit(commit_of(run, 1))
    second = await open_shared()
    assert (await second.runs.get(LOCAL, run.id)).seq == 1


def test_it_can_be_used_from_a_second_loop(shared_url: str) -> None:
    async def write() -> tuple[Store, RunRecord]:
        store = await open_store(shared_url)
        run = await begin(store)
        await store.commit(commit_of(run, 1))
        store.listen(lambda _: None)
        return store, run

    async def go_on(store: Store, run: RunRecord) -> int:
        await store.commit(commit_of(run, 2))
        seq = (await store.runs.get(LOCAL, run.id)).seq
        await store.close()
        return seq

    store, run = asyncio.run(write())
    assert asyncio.run(go_on(store, run)) == 2


async def test_stopping_to_listen_is_always_possible(store: Store) -> None:
    stop = store.listen(lambda _: None)
    await asyncio.sleep(0)
    stop()
    stop()


async def test_an_enqueue_hears_of_the_commit_after_it(store: Store) -> None:
    seen: list[str] = []

    async def enqueue(tx: Tx, job: Job) -> None:
        tx.after_commit(lambda: seen.append(f"durable {job.id}"))
        seen.append(f"asked {job.id}")

    run = await store.runs.create(record(), enqueue)
    assert seen == [f"asked {run.id}/0", f"durable {run.id}/0"]


def test_a_commit_is_a_plain_value() -> None:
    run = record()
    assert commit_of(run, 1) == commit_of(run, 1)
    assert isinstance(commit_of(run, 1), Commit)


# Going on in a thread


async def test_a_thread_is_opened_in_one_look(store: Store) -> None:
    run = await begin(store)
    said = [message(seq, conversation="" if seq != 3 else "inner") for seq in range(1, 6)]
    await store.commit(
        commit_of(run, 0, messages=said, contexts=[ContextRow(start=2, body=b"c")], checkpoints=[checkpoint(1)])
    )
    opened = await store.threads.open(run.thread_id, path="agent", conversation="")
    assert (opened.head_seq, opened.context) == (5, ContextRow(start=2, body=b"c"))
    assert [row.seq for row in opened.messages] == [2, 4, 5]
    assert opened.snapshot is not None
    assert opened.snapshot.step == 1
    inner = await store.threads.open(run.thread_id, conversation="inner")
    assert ([row.seq for row in inner.messages], inner.context, inner.snapshot) == ([3], None, None)
    assert (await store.threads.open("nothing", path="agent", conversation="")).head_seq == 0
    thread = await store.threads.get(LOCAL, run.thread_id)
    assert opened.created_at == thread.created_at


async def test_a_run_is_acquired_as_it_is_created_if_its_thread_is_free(store: Store) -> None:
    await store.workers.beat("w")
    first = await store.runs.create(record(thread_id="t"), None, worker="w")
    assert (first.status, first.owner, first.fence, first.attempts) == ("running", "w", 1, 1)
    second = await store.runs.create(record(thread_id="t"), None, worker="w")
    assert (second.status, second.owner, second.fence) == ("queued", "w", 0)
    third = await store.runs.create(record(thread_id="other"), None, worker="w")
    assert third.status == "running"


async def test_who_is_alive_and_which_runs_were_lost(store: Store) -> None:
    await store.workers.beat("w")
    await store.workers.beat("v")
    assert sorted(await store.workers.all()) == ["v", "w"]
    await store.workers.gone("v")
    assert await store.workers.all() == ["w"]
    ours = await store.runs.create(record(), None, worker="w")
    cancelled = await store.runs.create(record(), None, worker="w")
    await store.runs.cancel(LOCAL, cancelled.id, None)
    fences = {ours.id: 1, cancelled.id: 1, "nothing": 1}
    assert sorted(await store.workers.lost("w", fences)) == sorted([cancelled.id, "nothing"])
    assert await store.workers.lost("w", {ours.id: 2}) == [ours.id]
