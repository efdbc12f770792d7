"""What a store keeps of the notes that runs make for themselves and others: the port, and its rows."""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from weft.storage.rows import Scope


class NoteRow(Struct, frozen=True, kw_only=True):
    """Something that a run put down: a proposal, a critique, a decision."""

    n: int = 0
    """Its number in the store; greater in later ones."""
    user: str = ""
    thread: str = ""
    run: str
    key: str
    """What tells it apart from the others of its run: put down again, it takes the place of what was there."""
    kind: str
    stage: str
    agent: str
    at: float
    body: bytes
    """JSON."""


class Notes(Protocol):
    """Notes of runs. They go with their thread."""

    async def put(self, note: NoteRow, *, workspace: str = "default") -> None:
        """Nothing happens where the run is gone."""
        ...

    async def list(
        self,
        scope: Scope,
        *,
        run_id: str | None = None,
        thread_id: str | None = None,
        kind: str | None = None,
        stage: str | None = None,
        agent: str | None = None,
        after: int = 0,
        limit: int = 200,
    ) -> Sequence[NoteRow]:
        """Those with a greater number than ``after``, in order."""
        ...
