"""The verbs of an app for the keys that its store is sealed under."""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

from weft.errors import StoreError
from weft.security.sealing import Sealer
from weft.storage.base import Store
from weft.storage.key_rows import KeyInfo, Resealing

EVERY = 30.0
"""Seconds between two looks of a started app at what is to be sealed again."""
_log = logging.getLogger("weft.keys")


class Locking(ABC):
    """How a sealed store gets new keys. Every verb raises ``UsageError`` where no master key is set."""

    workspace: str

    @property
    @abstractmethod
    def store(self) -> Store: ...

    @abstractmethod
    async def open(self) -> Any: ...

    async def keys(self) -> Sequence[KeyInfo]:
        """The data keys of all workspaces, without themselves."""
        await self.open()
        return await self.store.keys.list()

    async def rotate_keys(self, told: Callable[[Resealing], None] | None = None) -> bool:
        """Give the app's workspace a new data key, and seal all that is there under it, also what was plain.

        Whether the old key is gone: for a minute it stays, as other processes may still write under it. A started app,
        or ``finish_rotation``, goes on then, and after a crash. ``told`` is called after each page of rows.
        """
        await self.open()
        await self.store.keys.rotate(self.workspace)
        return await self.finish_rotation(told)

    async def finish_rotation(self, told: Callable[[Resealing], None] | None = None) -> bool:
        """Go on with it; whether nothing is left to do."""
        await self.open()
        keys = self.store.keys
        for one in await keys.going():
            while await keys.step(one.workspace):
                if told is not None:
                    for now in await keys.going():
                        told(now)
        return not await keys.going()

    async def change_master(self, master: Sealer) -> int:
        """Wrap all data keys of the store by another master key; how many. From now on it opens with that one only.

        Processes that have it open go on; they need the new one when they start again.
        """
        await self.open()
        return await self.store.keys.rewrap(master)

    async def _keep_resealing(self) -> None:
        """Until cancelled, where the store is sealed."""
        while True:
            try:
                await self.finish_rotation()
            except StoreError as error:
                _log.warning("values are still under an old key: %s", error)
            await asyncio.sleep(EVERY)
