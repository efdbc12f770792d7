"""What every store promises of words that came too late for their run: one run of their own, or none if erased."""

import asyncio

import pytest

from tests.storage.samples import LOCAL, Jobs, no_job, record
from weft.storage import Store
from weft.storage.base import Page, RunRecord, Waiting
from weft.storage.belonging_rows import Of, Subject
from weft.storage.commands import NewCommand


async def said(store: Store) -> RunRecord:
    """A run that has not begun, to which something was said."""
    run = await store.runs.create(record(), no_job)
    words = NewCommand(kind="inject", by="local", body=b'{"input":"secret"}', wakes=True)
    await store.inbox.send(LOCAL, run.id, words, lambda *_: None, None)
    return run


async def too_late(store: Store, run: RunRecord) -> Waiting:
    await store.runs.cancel(LOCAL, run.id, None)
    (words,) = [one for one in await store.inbox.waiting("w") if one.command.kind == "inject"]
    return words


def own(late: Waiting) -> RunRecord:
    return record(thread_id=late.run.thread_id, input=b'"secret"')


async def test_words_that_came_too_late_become_one_run(store: Store) -> None:
    late, jobs = await too_late(store, await said(store)), Jobs()
    made = await asyncio.gather(*[store.runs.follow(late, own(late), jobs) for _ in range(3)])
    (run,) = [one for one in made if one is not None]
    assert (run.status, run.input, run.thread_id) == ("queued", b'"secret"', late.run.thread_id)
    assert [job.run_id for job in jobs.durable] == [run.id]
    assert [one for one in await store.inbox.waiting("w") if one.command.kind == "inject"] == []


async def test_words_that_cannot_become_one_wait_still(store: Store) -> None:
    late = await too_late(store, await said(store))
    with pytest.raises(Exception, match="no thread"):
        await store.runs.follow(late, record(thread_id=late.run.thread_id, user_id="somebody else"), no_job)
    assert await store.runs.follow(late, own(late), no_job) is not None


@pytest.mark.parametrize("of", ["user", "workspace", "thread"])
@pytest.mark.parametrize("seen", [True, False])
async def test_what_is_erased_is_not_said_again(store: Store, of: Of, seen: bool) -> None:
    """Neither by who had read it before, nor by who looks afterwards."""
    run = await said(store)
    late = await too_late(store, run) if seen else None
    if of == "thread":
        await store.threads.delete(LOCAL, run.thread_id)
    else:
        erasure = await store.belongings.begin(Subject("default", of, "local" if of == "user" else ""))
        assert erasure is not None
    assert [one for one in await store.inbox.waiting("w") if one.command.kind == "inject"] == []
    if late is not None:
        assert await store.runs.follow(late, own(late), no_job) is None
        assert await store.threads.list(LOCAL, Page()) == []
        assert await store.runs.waiting() == []
