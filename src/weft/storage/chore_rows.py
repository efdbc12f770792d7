"""What a store keeps of the work on memories that is done beside the runs: the port, and its rows."""

from collections.abc import Sequence
from typing import Literal, Protocol, TypeAlias

from msgspec import UNSET, Struct, UnsetType

from weft.storage.rows import Scope

Task: TypeAlias = Literal["learn", "tidy", "propose"]
"""Draw what is worth keeping from a turn; put a user's memories in order; propose changes to instructions."""
Stage: TypeAlias = Literal["waiting", "working", "done", "failed"]


class Chore(Struct, frozen=True, kw_only=True):
    """A piece of work that is done once, by one process at a time, and goes on where a dead one left it."""

    n: int
    kind: Task
    agent: str = ""
    of: str
    """The id of the run it learns from, the user, or '' for the workspace."""
    user: str = ""
    thread: str = ""
    workspace: str = "default"
    status: Stage = "waiting"
    due_at: float = 0.0
    fence: int = 0
    tries: int = 0
    done: int = 0
    total: int = 0
    """How far it is."""
    mark: int = 0
    """How far it came the last time; its own to choose."""
    body: bytes | None = None
    """What it goes on with after a crash; nothing once it is done."""
    error: str | None = None


class Chores(Protocol):
    """Chores of workspaces. Those of a thread go with it."""

    async def learn(self, run_id: str, agent: str) -> None:
        """Learn from this run, once it has ended. Nothing where that is on record already, or the run is not."""
        ...

    async def add(self, workspace: str, kind: Task, user: str, *, agent: str = "", wait: float = 0.0) -> None:
        """Do this for a user, or ('') for the workspace, in ``wait`` seconds. One that is done is done again then."""
        ...

    async def take(self, workspace: str, ttl: float) -> Chore | None:
        """The one that is due the longest, if there is any: for ``ttl`` seconds it is the caller's."""
        ...

    async def keep(
        self,
        chore: Chore,
        ttl: float,
        *,
        done: int | None = None,
        total: int | None = None,
        body: bytes | UnsetType = UNSET,
    ) -> None:
        """It goes on: say how far it is, and have it for ``ttl`` more seconds.

        Raises:
            Fenced: another process took it, or it was erased.
        """
        ...

    async def end(
        self, chore: Chore, *, error: str | None = None, again: float | None = None, mark: int | None = None
    ) -> None:
        """It is done, or has failed, or is to be tried ``again`` in so many seconds. Nothing where it is not ours."""
        ...

    async def open(self, workspace: str) -> int:
        """How many are being worked on or wait, for the end of their runs too; what is put off for long is not."""
        ...

    async def list(self, scope: Scope, *, kind: Task | None = None, limit: int = 50) -> Sequence[Chore]:
        """The newest first."""
        ...
