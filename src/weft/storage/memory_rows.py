"""What a store keeps of memories: the port, and its rows."""

from collections.abc import Callable, Sequence
from typing import Literal, Protocol, TypeAlias

from msgspec import Struct

from weft.storage.chore_rows import Chore
from weft.storage.rows import Scope

Kind: TypeAlias = Literal["semantic", "episodic", "profile", "procedural", "proposed"]
"""A fact; something that happened; a field of the user's profile; an instruction; one that nobody approved yet."""
Trust: TypeAlias = Literal["person", "agent", "tool"]
"""Whose word it is: a person's, a model's, or that of a tool or document. Less and less is to be relied on."""


class Source(Struct, frozen=True, kw_only=True, gc=False):
    """Where a memory came from."""

    thread: str = ""
    message: int = 0
    """Its number in the thread; 0 for none."""
    run: str = ""
    at: float = 0.0
    """When it was said, in seconds since the epoch."""


class Shelf(Struct, frozen=True, kw_only=True, gc=False):
    """Where memories lie."""

    user: str | None = None
    """``None``: everybody's of the workspace."""
    agent: str = ""
    """One agent's; '' for all."""
    thread: str = ""
    """One thread's; '' for all."""


class MemoryRow(Struct, frozen=True, kw_only=True):
    """One version of a memory.

    It holds in ``valid_from <= t < valid_to``, and was known in ``known_from <= t < known_to``, in seconds since 1970.
    """

    id: str
    version: int = 1
    kind: Kind = "semantic"
    text: str
    subject: str = ""
    attribute: str = ""
    relation: str = ""
    """How the subject is connected to the ``object``, where there may be many: ``knows``, ``not knows``."""
    object: str = ""
    """What the subject is connected to, by its ``attribute`` or its ``relation``."""
    valid_from: float
    valid_to: float | None = None
    """As of all that is known, with what followed it."""
    until: float | None = None
    """As it was told by itself."""
    known_from: float
    known_to: float | None = None
    expires_at: float | None = None
    trust: Trust = "person"
    importance: float = 0.5
    pinned: bool = False
    rejected: str | None = None
    """Why a person did not want it, as far as that was said; ``None`` for what nobody rejected."""
    digest: bytes
    """Of its words: who says the same again says nothing new."""
    vector: bytes | None = None
    """Little-endian 32-bit floats of length 1."""
    embedder: str | None = None


class Placed(Struct, frozen=True, kw_only=True):
    """A memory and where it lies."""

    n: int
    """Its number in the store; greater in every newer version."""
    shelf: Shelf
    row: MemoryRow


class Mark(Struct, frozen=True, gc=False):
    """How far a reader knows a shelf."""

    revision: int = 0
    erased: int = 0
    """When something was taken away last; of a shelf that is new a number of its own, as another of its name may have
    been erased."""


class News(Struct, frozen=True, kw_only=True):
    """What is new on a shelf since a mark; everything, where something was taken away meanwhile."""

    mark: Mark
    whole: bool
    rows: Sequence[tuple[int, MemoryRow]]
    more: bool = False
    """Whether there is more after the mark."""


Decide: TypeAlias = Callable[[Sequence[MemoryRow]], Sequence[MemoryRow]]
"""From what is known of a matter to the versions to write. Pure: it may be asked again."""


class Shelves(Protocol):
    """Memories by their shelf. Every operation says in which workspace, and never sees another's."""

    async def write(
        self,
        workspace: str,
        shelf: Shelf,
        decide: Decide,
        *,
        digest: bytes = b"",
        about: tuple[str, str] | None = None,
        edge: tuple[str, Sequence[str], str] | None = None,
        id: str | None = None,
        source: Source | None = None,
        chore: Chore | None = None,
    ) -> Sequence[MemoryRow]:
        """Write what ``decide`` makes of the newest versions with these words, on this matter or of this id.

        One writer at a time for each shelf. A version above 1 ends the time in which the one before was known. The
        source is added to the memory of the first row that ``decide`` returns, or of the one with these words.

        Args:
            about: A subject and its attribute.
            edge: A subject, any of these relations, and their object.
            chore: Written only while this is ours: what was erased meanwhile is not written again.

        Raises:
            Fenced: the chore was erased, or another process has it.
        """
        ...

    async def news(self, workspace: str, shelf: Shelf, mark: Mark, limit: int = 5_000) -> News:
        """Versions written after the mark, oldest first; nothing for a shelf that is not there.

        About so many at a time: one writing is never told in two parts.
        """
        ...

    async def find(self, scope: Scope, id: str) -> Sequence[Placed]:
        """All versions of a memory, oldest first. Raises: NotFound."""
        ...

    async def list(
        self, scope: Scope, *, kind: Kind | None = None, after: int = 0, limit: int = 50
    ) -> Sequence[Placed]:
        """What is known now, the newest first; ``after`` is the last number of the page before."""
        ...

    async def sources(self, scope: Scope, id: str) -> Sequence[Source]: ...

    async def erase(self, scope: Scope, *, id: str | None = None, thread: str | None = None) -> int:
        """Take memories away with all their versions, leaving no bytes; how many.

        One memory, those of a thread (which lie on its shelf, or have no other source), or all of the scope's.
        """
        ...
