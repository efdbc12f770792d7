"""What a store promises of the use of tools: the port of the audit."""

from collections.abc import Sequence
from typing import Literal, Protocol

from msgspec import Struct

from weft.errors import UsageError
from weft.storage.rows import Page, Scope, UseRow

ERASE = "erase"
"""The decision of a row that says that others were erased; its ``arguments`` are the hash of their places."""


class Link(Struct, frozen=True):
    """A place in the chain of a workspace's audit, and the hash of all up to there. Whoever notes it down elsewhere
    can tell later that what was before it is still the same.

    >>> Link.parse("2:" + "ab" * 32).n
    2
    """

    n: int = 0
    hash: bytes = bytes(32)

    def __str__(self) -> str:
        return f"{self.n}:{self.hash.hex()}"

    @classmethod
    def parse(cls, text: str) -> "Link":
        """Raises: UsageError."""
        n, _, hash = text.partition(":")
        try:
            if not n.isdecimal() or len(n) > 18 or len(hash) != 64:
                raise ValueError
            return cls(int(n), bytes.fromhex(hash))
        except ValueError:
            raise UsageError(f"{text!r} is no link of an audit: they look like 120:ab12... (64 digits)") from None


class Fault(Struct, frozen=True, kw_only=True):
    """One thing that is not as it was written."""

    kind: Literal["changed", "removed", "added", "relinked", "unknown"]
    """``changed``, ``removed``: a row; ``added``: a row that is not in the chain; ``relinked``: the chain itself was
    written anew here; ``unknown``: the link that was noted down is not in it."""
    n: int = 0
    """Its place; 0 where it has none."""
    at: float = 0.0
    run_id: str = ""
    seq: int = 0


MOST_FAULTS = 100


class Proof(Struct, frozen=True, kw_only=True):
    """What came of looking through a workspace's audit."""

    head: Link
    """Its last link."""
    rows: int
    """Those that are there, and as they were written."""
    erased: int
    """Those that were erased by ``erase``: their hashes are still in the chain."""
    faults: tuple[Fault, ...] = ()
    """The first ``MOST_FAULTS``."""

    @property
    def ok(self) -> bool:
        return not self.faults


class Audit(Protocol):
    """The use of tools. Rows come with the commits of their runs, or alone, never change, and outlive their threads.

    Each is sealed together with the one before it in its workspace (``storage/chain.py``).
    """

    async def list(
        self,
        scope: Scope,
        page: Page,
        *,
        run_id: str | None = None,
        tool: str | None = None,
        decision: str | None = None,
        since: float = 0.0,
        until: float | None = None,
    ) -> Sequence[UseRow]:
        """By time, newest first; the cursor is ``place_of_use`` of the last row."""
        ...

    async def add(self, scope: Scope, use: UseRow) -> None:
        """A use that belongs to no run, as of a tool that was only tried."""
        ...

    async def verify(self, workspace: str, *, known: Link | None = None) -> Proof:
        """Look through all of it; with ``known``, also whether that link is still in it."""
        ...

    async def erase(self, scope: Scope, *, before: float, by: str = "") -> int:
        """Erase what is older (of a user: theirs); how many. Their hashes stay, and a row says who did it."""
        ...


def place_of_use(row: UseRow) -> str:
    """Where in the audit a row is."""
    return f"{row.at!r}:{row.run_id}:{row.seq}"
