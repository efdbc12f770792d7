"""Rows of the ledger, made of events; none is lost with the commit that had it."""

import asyncio

import pytest

from tests.storage.samples import LOCAL, begin
from weft.errors import Fenced
from weft.events import ModelFailed, ModelFinished, RunCancelled
from weft.messages import Usage
from weft.runtime.journal import Journal
from weft.runtime.ledger import calls_of
from weft.runtime.limits import Meter
from weft.storage import open_store
from weft.storage.base import Happened


def test_a_failed_attempt_lasts_until_it_failed() -> None:
    told = [
        Happened(109.0, ("a", "0:think"), event)
        for event in (
            ModelFailed("m", "model.unavailable", "gone", 100.0, True, 100.5),
            ModelFailed("m", "model.unavailable", "gone", 107.0),
            ModelFinished("n", Usage(requests=1), 100.0, None),
        )
    ]
    assert [row.duration for row in calls_of(1, told, Meter())] == [500, 2_000, 9_000]


async def test_what_was_lost_is_known_before_its_run_is_left(shared_url: str) -> None:
    """That a commit was refused may be seen before the journal was told of the one before it."""
    store = await open_store(shared_url)
    run = await begin(store)
    await store.runs.cancel(LOCAL, run.id, None)
    journal = Journal(run, store, None)
    journal.emit(("a", "0:think"), ModelFailed("m", "cancelled", "", 100.0))
    first = journal.commit()
    assert first is not None
    await asyncio.sleep(0)  # on SQLite it is refused now, and who asks next is answered at once
    last = journal.commit(happened=[RunCancelled()])
    assert last is not None
    with pytest.raises(Fenced):
        await last
    assert journal.waits
    await journal.heard()
    assert [call.error for call in journal.unpaid] == ["cancelled"]
    assert isinstance(first.exception(), Fenced)
    await store.close()
