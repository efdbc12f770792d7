"""What a store keeps of what people say of runs: the port, and its rows."""

from collections.abc import Sequence
from typing import Literal, Protocol, TypeAlias

from msgspec import Struct

from weft.storage.rows import Scope

Verdict: TypeAlias = Literal["thumb", "correction", "label"]
"""``up`` or ``down``; what should have been said; a word of one's own."""


class Remark(Struct, frozen=True, kw_only=True):
    """What somebody said of a run, or of one message of it."""

    n: int
    """Its number in the store; greater in later ones."""
    user: str
    """Whose run it is."""
    thread: str
    run: str
    message: int = 0
    """Its number in the thread; 0 for the run as a whole."""
    agent: str
    """The run's target."""
    kind: Verdict
    value: str
    author: str
    """Who said it."""
    at: float


class Feedback(Protocol):
    """Remarks on runs. They go with their thread."""

    async def add(
        self, scope: Scope, run_id: str, kind: Verdict, value: str, *, message: int = 0, author: str = ""
    ) -> Remark:
        """Raises: NotFound, where there is no such run, or no such message in it."""
        ...

    async def list(
        self,
        scope: Scope,
        *,
        run_id: str | None = None,
        thread_id: str | None = None,
        agent: str | None = None,
        after: int = 0,
        limit: int = 50,
    ) -> Sequence[Remark]:
        """Those with a greater number than ``after``, in order."""
        ...

    async def remove(self, scope: Scope, n: int) -> None:
        """Raises: NotFound."""
        ...
