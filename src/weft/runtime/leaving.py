"""What is still done when somebody leaves: work that a cancelled task finishes, runs that nobody waits for any more."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from weft.errors import WeftError
from weft.storage.base import RunRecord, Scope, Store


async def shielded(coroutine: Coroutine[Any, Any, Any]) -> None:
    """Finish this, even while the task is being cancelled."""
    task = asyncio.ensure_future(coroutine)
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            continue
        except WeftError:
            return


@asynccontextmanager
async def withdrawn_if_left(store: Store, record: RunRecord) -> AsyncGenerator[None]:
    """Around what comes before a run begins: if its caller leaves meanwhile, the run is cancelled.

    Else it would keep its thread busy for as long as this process lives. What was asked of the store may
    still be on its way when the caller leaves.
    """
    try:
        yield
    except asyncio.CancelledError:
        await shielded(store.runs.cancel(Scope(record.workspace), record.id, "its caller left"))
        raise
