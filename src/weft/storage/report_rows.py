"""What processes tell one another through a store, where nobody minds if it is gone tomorrow: the port."""

from collections.abc import Sequence
from typing import Protocol


class Reports(Protocol):
    """One report of each process on each matter of a workspace; a new one takes the place of its last."""

    async def exchange(
        self, workspace: str, name: str, process: str, body: bytes | None, *, keep: float
    ) -> Sequence[tuple[float, bytes]]:
        """Say ``body`` (or nothing), and hear what the others said: how many seconds ago, and what.

        Reports older than ``keep`` seconds are forgotten.
        """
        ...
