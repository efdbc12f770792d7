"""What every store promises of blobs: they live as long as a thread that they are of."""

import asyncio

import pytest

from tests.conftest import Open
from tests.storage.samples import LOCAL, begin, commit_of, no_job, record
from weft.errors import NotFound
from weft.storage import Store
from weft.storage.base import RunChange, RunRecord, Scope


async def rested(store: Store) -> RunRecord:
    run = await begin(store)
    await store.commit(commit_of(run, 1, run=RunChange(status="finished")))
    return run


async def there(store: Store, sha: str) -> bool:
    try:
        await store.blobs.get(LOCAL, sha)
    except NotFound:
        return False
    return True


async def test_they_go_with_their_thread(store: Store) -> None:
    one, two = await rested(store), await rested(store)
    own = await store.blobs.put(LOCAL, b"own", "text/plain", thread=one.thread_id)
    shared = await store.blobs.put(LOCAL, b"shared", "text/plain", thread=one.thread_id)
    assert await store.blobs.put(LOCAL, b"shared", "text/plain", thread=two.thread_id) == shared
    named = await store.blobs.put(LOCAL, b"named", "text/plain", thread=one.thread_id)
    await store.blobs.hold(LOCAL, two.thread_id, [named, "00" * 32])
    kept = await store.blobs.put(LOCAL, b"kept", "text/plain")
    await store.blobs.put(LOCAL, b"kept", "text/plain", thread=one.thread_id)
    await store.threads.delete(LOCAL, one.thread_id)
    assert [await there(store, sha) for sha in (own, shared, named, kept)] == [False, True, True, True]
    await store.threads.delete(LOCAL, two.thread_id)
    assert [await there(store, sha) for sha in (shared, named, kept)] == [False, False, True]


async def test_another_workspaces_are_its_own(store: Store) -> None:
    run = await rested(store)
    sha = await store.blobs.put(LOCAL, b"same", "text/plain", thread=run.thread_id)
    await store.blobs.put(Scope("other"), b"same", "text/plain")
    await store.threads.delete(LOCAL, run.thread_id)
    assert not await there(store, sha)
    assert (await store.blobs.get(Scope("other"), sha))[0] == b"same"


async def test_a_thread_that_takes_one_up_while_another_goes_has_it(open_shared: Open) -> None:
    a, b = await open_shared(), await open_shared()
    for n in range(20):
        one, two = await rested(a), await rested(a)
        body = b"%d" % n
        await a.blobs.put(LOCAL, body, "text/plain", thread=one.thread_id)
        _, sha = await asyncio.gather(
            a.threads.delete(LOCAL, one.thread_id), b.blobs.put(LOCAL, body, "text/plain", thread=two.thread_id)
        )
        assert (await b.blobs.get(LOCAL, sha))[0] == body


async def test_one_of_a_thread_that_is_not_there_is_of_nobody(store: Store) -> None:
    made = await store.runs.create(record(), no_job)
    sha = await store.blobs.put(LOCAL, b"late", "text/plain", thread="gone")
    await store.blobs.hold(LOCAL, made.thread_id, [sha])
    assert await there(store, sha)
    with pytest.raises(NotFound):
        await store.blobs.hold(LOCAL, made.thread_id, ["nonsense"])
