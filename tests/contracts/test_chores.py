"""What every store promises of chores: each is one process's at a time, and nothing of it outlives its thread."""

import asyncio

import pytest

from tests.conftest import Open
from tests.storage.samples import LOCAL, begin
from weft.errors import Fenced
from weft.storage import Store
from weft.storage.base import RunRecord, Scope

WS = LOCAL.workspace


async def ended(store: Store, thread: str = "t1") -> RunRecord:
    run = await begin(store, thread_id=thread)
    await store.runs.cancel(LOCAL, run.id, None)
    return run


async def test_a_chore_of_a_run_waits_for_its_end(store: Store) -> None:
    run = await begin(store, thread_id="t1")
    for _ in range(2):
        await store.chores.learn(run.id, "helper")
    assert await store.chores.take(WS, 60) is None
    assert await store.chores.open(WS) == 1
    await store.runs.cancel(LOCAL, run.id, None)
    taken = await store.chores.take(WS, 60)
    assert taken is not None
    assert (taken.kind, taken.agent, taken.of, taken.thread, taken.user) == ("learn", "helper", run.id, "t1", "local")
    assert await store.chores.take(WS, 60) is None
    await store.chores.end(taken)
    await store.chores.learn(run.id, "helper")
    assert await store.chores.take(WS, 60) is None
    assert [one.status for one in await store.chores.list(LOCAL)] == ["done"]


async def test_who_lost_it_is_told(store: Store) -> None:
    await store.chores.learn((await ended(store)).id, "helper")
    first = await store.chores.take(WS, 0.0)
    await asyncio.sleep(0.02)
    second = await store.chores.take(WS, 60)
    assert first is not None
    assert second is not None
    assert (second.n, second.fence, second.tries) == (first.n, first.fence + 1, 2)
    with pytest.raises(Fenced):
        await store.chores.keep(first, 60, done=1)
    await store.chores.end(first, error="late")
    await store.chores.keep(second, 60, done=1, total=3, body=b"answer")
    (seen,) = await store.chores.list(LOCAL)
    assert (seen.status, seen.done, seen.total, seen.body) == ("working", 1, 3, b"answer")
    await store.chores.end(second, mark=7)
    (seen,) = await store.chores.list(LOCAL)
    assert (seen.status, seen.error, seen.body, seen.mark) == ("done", None, None, 7)


async def test_one_that_is_tried_again_keeps_what_it_has(store: Store) -> None:
    await store.chores.learn((await ended(store)).id, "helper")
    taken = await store.chores.take(WS, 60)
    assert taken is not None
    await store.chores.keep(taken, 60, body=b"answer")
    await store.chores.end(taken, again=60.0, error="busy")
    assert await store.chores.take(WS, 60) is None
    (seen,) = await store.chores.list(LOCAL)
    assert (seen.status, seen.body, seen.error) == ("waiting", b"answer", "busy")


async def test_a_standing_chore_is_there_once_and_done_again(store: Store) -> None:
    for _ in range(2):
        await store.chores.add(WS, "tidy", "ada")
    taken = await store.chores.take(WS, 60)
    assert taken is not None
    assert await store.chores.take(WS, 60) is None
    await store.chores.end(taken, mark=3)
    await store.chores.add(WS, "tidy", "ada")
    again = await store.chores.take(WS, 60)
    assert again is not None
    assert (again.n, again.user, again.mark, again.tries) == (taken.n, "ada", 3, 1)
    assert await store.chores.list(Scope(WS, "bob")) == []
    assert await store.chores.take("elsewhere", 60) is None


async def test_many_takers_never_share(open_shared: Open) -> None:
    stores = [await open_shared() for _ in range(2)]
    for n in range(6):
        await stores[0].chores.add(WS, "tidy", f"user{n}")

    async def takes(store: Store) -> list[int]:
        found: list[int] = []
        while (one := await store.chores.take(WS, 60)) is not None:
            found.append(one.n)
        return found

    taken = [n for each in await asyncio.gather(*[takes(store) for store in stores * 2]) for n in each]
    assert len(taken) == len(set(taken)) == 6


async def test_they_go_with_their_thread_and_with_their_user(store: Store) -> None:
    await store.chores.learn((await ended(store)).id, "helper")
    taken = await store.chores.take(WS, 60)
    assert taken is not None
    await store.threads.delete(LOCAL, "t1")
    with pytest.raises(Fenced):
        await store.chores.keep(taken, 60)
    await store.chores.add(WS, "tidy", "ada")
    await store.chores.add(WS, "tidy", "bob")
    await store.memories.erase(Scope(WS, "ada"))
    assert [one.user for one in await store.chores.list(Scope(WS))] == ["bob"]
