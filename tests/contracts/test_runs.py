"""What every store promises of runs: how they are made, who drives them, and that nobody else does."""

import asyncio
import time
from typing import Any

import pytest

from tests.storage.samples import (
    LOCAL,
    Jobs,
    begin,
    checkpoint,
    commit_of,
    event,
    message,
    no_job,
    record,
)
from weft.errors import Conflict, Fenced, NotFound
from weft.events import RunCancelled
from weft.ids import new_id
from weft.storage import Store
from weft.storage.base import (
    ContextRow,
    Job,
    Page,
    QuestionRow,
    RunChange,
    Scope,
)

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
    assert (last.seq, last.path, last.event) == (3, ("agent",), RunCancelled("enough"))
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
