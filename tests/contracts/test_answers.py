"""Every store keeps answers of models in the same way, and calls that came too late for their commit."""

import asyncio

from tests.storage.samples import LOCAL, begin
from weft.storage.accounts import CallRow
from weft.storage.base import Store


async def test_answers_are_of_a_workspace_and_the_last_one_counts(store: Store) -> None:
    kept = {"ttl": None, "user": "ada", "thread_id": "t"}
    await store.answers.keep("one", "d", b"first", **kept)
    await store.answers.keep("one", "d", b"second", **kept)
    assert await store.answers.find("one", "d") == b"second"
    assert await store.answers.find("two", "d") is None
    assert await store.answers.find("one", "e") is None


async def test_they_are_given_until_they_are_too_old(store: Store) -> None:
    await store.answers.keep("one", "d", b"new", ttl=60, user="ada", thread_id="t")
    await store.answers.keep("one", "e", b"old", ttl=0.01, user="ada", thread_id="t")
    await asyncio.sleep(0.02)
    assert await store.answers.find("one", "d") == b"new"
    assert await store.answers.find("one", "e") is None


async def test_those_of_a_deleted_thread_are_gone(store: Store) -> None:
    run = await begin(store)
    await store.answers.keep("default", "d", b"said", ttl=None, user="local", thread_id=run.thread_id)
    await store.runs.cancel(LOCAL, run.id, None)
    await store.threads.delete(LOCAL, run.thread_id)
    assert await store.answers.find("default", "d") is None


async def test_late_calls_count_once_and_those_of_a_gone_run_not_at_all(store: Store) -> None:
    run = await begin(store)
    call = CallRow(seq=7, at=1000.0, agent="a", model="m", error="cancelled")
    await store.ledger.late(run.id, [call, call])
    await store.ledger.late(run.id, [call])
    await store.ledger.late("run_gone", [call])
    (row,) = await store.ledger.sums(LOCAL, ["run"])
    assert (row.key, row.calls, row.failed, row.nanos) == ((run.id,), 1, 1, None)
