"""What is still done when somebody leaves: work that a cancelled task finishes, runs that nobody waits for any more."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from weft.errors import StoreError, WeftError
from weft.runtime.ending import Owed, Words
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
async def withdrawn_if_left(store: Store, owed: Owed, record: RunRecord) -> AsyncGenerator[None]:
    """Around what comes before a run begins: if its caller leaves meanwhile, or is sent away by the store, it ends.

    Else it would keep its thread busy for as long as this process lives. What was asked of the store may
    still be on its way when the caller leaves.
    """

    def cancel(reason: str) -> Words:
        return partial(store.runs.cancel, Scope(record.workspace), record.id, reason)

    try:
        yield
    except asyncio.CancelledError:
        await shielded(owed.say(record.id, cancel("its caller left")))
        raise
    except StoreError as error:
        await owed.say(record.id, cancel(str(error)))
        raise
