"""Commits that may be stored later, beside those that must be stored with the next."""

import asyncio

from tests.storage.samples import LOCAL, begin
from weft.events import StepCommitted
from weft.runtime.journal import BURST, Journal
from weft.storage import open_store


async def test_steps_are_on_record_at_the_loops_next_turn_also_after_what_was_held(shared_url: str) -> None:
    store = await open_store(shared_url)
    run = await begin(store)
    journal = Journal(run, store, None)
    assert journal.commit(("g",), happened=[StepCommitted(1, ("a",))], hold=True) is None
    assert [journal.commit(("g",), happened=[StepCommitted(n, ("a",))], later=True) for n in (2, 3)] == [None, None]
    await asyncio.sleep(0)
    await journal.heard()
    assert [row.event for row in await store.runs.events(LOCAL, run.id)] == [
        StepCommitted(n, ("a",)) for n in (1, 2, 3)
    ]
    await store.close()


async def test_so_many_and_the_run_waits(shared_url: str) -> None:
    store = await open_store(shared_url)
    run = await begin(store)
    journal = Journal(run, store, None)
    told = [journal.commit(("g",), happened=[StepCommitted(n, ("a",))], later=True) for n in range(1, 2 * BURST + 2)]
    waits = [at for at, stored in enumerate(told, 1) if stored is not None]
    assert waits == [BURST, 2 * BURST]
    await asyncio.sleep(0)
    await journal.heard()
    assert len(await store.runs.events(LOCAL, run.id)) == 2 * BURST + 1
    await store.close()
