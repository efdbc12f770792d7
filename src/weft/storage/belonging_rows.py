"""What a store promises of privacy: all that belongs to somebody can be read out, and taken away."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Literal, Protocol, TypeAlias

from msgspec import Struct

Of: TypeAlias = Literal["user", "thread", "workspace"]


class Subject(Struct, frozen=True):
    """Whose belongings: a user's or a thread's (by ``name``) in a workspace, or all of the workspace."""

    workspace: str
    of: Of = "workspace"
    name: str = ""
    user: str | None = None
    """For a thread: whose it must be; ``None`` is anybody's."""

    def __str__(self) -> str:
        return f"workspace {self.workspace!r}" if self.of == "workspace" else f"{self.of} {self.name!r}"


class Erasure(Struct, frozen=True, kw_only=True):
    """One that has begun. What it is about has no name any more, only an ``alias``."""

    n: int
    of: Of
    alias: str
    began_at: float
    threads: int = 0
    """How many are still there."""


class Belongings(Protocol):
    """What belongs to a user, a thread or a workspace, in all tables."""

    def rows(self, subject: Subject) -> AsyncIterator[tuple[str, Mapping[str, Any]]]:
        """Each with the name of its table; bodies are bytes as ``runtime`` wrote them.

        Raises:
            NotFound: there is nothing of it, or no such thread of this user.
        """
        ...

    async def begin(self, subject: Subject, *, by: str = "") -> Erasure | None:
        """Begin to erase a user or a workspace: from now on it has no name. ``None`` where there is nothing of it.

        In one transaction: its runs that wait are cancelled, its name is replaced, and that it is to be erased is
        on record. Its rows of the audit are replaced by others that name the alias.

        Raises:
            Conflict: a run of it is running; nothing was changed.
        """
        ...

    async def pending(self, workspace: str | None = None) -> Sequence[Erasure]:
        """Those that have begun and not ended, the oldest first; of one workspace, users' only."""
        ...

    async def step(self, erasure: Erasure) -> Erasure | None:
        """Take away its next thread or, where there is none, all the rest: then ``None``.

        Each step is a transaction of its own: whoever comes after a crash goes on.
        """
        ...

    async def end(self, erasure: Erasure) -> None:
        """After the last step: ``scrub``, and it is on record no more. Raises: StoreLocked."""
        ...

    async def scrub(self, *, whole: bool = False) -> None:
        """See to it that no byte of what was deleted is in the database's files.

        SQLite's log is emptied. PostgreSQL's space is freed (VACUUM), and has these bytes until it is used again; with
        ``whole`` its tables are written anew (VACUUM FULL), each locked meanwhile.

        Raises:
            StoreLocked: somebody reads for too long.
        """
        ...
