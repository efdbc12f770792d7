"""What two stores on one database promise each other, and what a store does alone."""

import asyncio

import pytest

from tests.conftest import Open
from tests.storage.samples import (
    LOCAL,
    Jobs,
    begin,
    commit_of,
    no_job,
    record,
)
from weft.errors import Fenced, StoreError
from weft.ids import new_id
from weft.storage import Store, open_store
from weft.storage.base import (
    Commit,
    Job,
    Page,
    RunRecord,
    Tx,
)

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
