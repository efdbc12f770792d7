"""What the writer of a run puts on record when, and of which moment it says it is."""

import asyncio
import time

from tests.storage.samples import LOCAL, begin
from weft.events import Custom, StepCommitted
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


async def test_only_a_commit_that_follows_the_end_of_a_node_at_once_is_of_its_moment(shared_url: str) -> None:
    store = await open_store(shared_url)
    run = await begin(store)
    journal = Journal(run, store, None)

    def step(number: int, *, alone: bool, between: bool) -> None:
        journal.finished(("g", f"{number}:a"), "a", alone=alone)
        time.sleep(0.002)
        if between:
            journal.emit(("g",), Custom("noise"))
        journal.commit(("g",), happened=[StepCommitted(number, ("a",))])

    step(1, alone=True, between=False)
    step(2, alone=False, between=False)
    step(3, alone=True, between=True)
    await journal.heard()
    at = [row.at for row in await store.runs.events(LOCAL, run.id) if not isinstance(row.event, Custom)]
    assert at[1] == at[0]
    assert at[3] - at[2] >= 0.002
    assert at[5] - at[4] >= 0.002
    await store.close()
