"""What a store keeps of documents that are searched: two ports, for who reads and for who indexes, and their rows."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, TypeAlias

from msgspec import Struct

Progress: TypeAlias = Literal["waiting", "reading", "ready", "failed"]
EVERYBODY = "*"
"""The reader that all users of a workspace are."""


class Reader(Struct, frozen=True):
    """Who asks: a user with roles; ``user=None`` sees the whole workspace."""

    workspace: str = "default"
    user: str | None = None
    roles: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        """As what he may have been let in.

        >>> Reader(user="ada", roles=("staff",)).names
        ['*', 'user:ada', 'role:staff']
        """
        return [EVERYBODY, f"user:{self.user or ''}", *[f"role:{role}" for role in self.roles]]


class NewDocument(Struct, frozen=True, kw_only=True):
    """A document to be read."""

    collection: str
    name: str
    """Told apart by it, for one owner in one collection."""
    body: bytes
    mime: str = "application/octet-stream"
    origin: str = ""
    """Where it was taken from: a path or an address."""
    facts: Mapping[str, Any] = {}
    """Its metadata."""
    readers: tuple[str, ...] = ()
    """As ``Reader.names`` has them. Its owner may always read it."""
    recipe: str = ""
    """How it is to be cut and embedded; what was made by another one is made again. '': as before."""


class DocumentRow(Struct, frozen=True, kw_only=True):
    """A document, and how far it is."""

    n: int
    id: str
    collection: str
    name: str
    user: str = ""
    """Its owner; '' for the workspace."""
    workspace: str = ""
    """Only where it was taken."""
    origin: str = ""
    mime: str = ""
    kind: str = ""
    """As its reader says, once it was read."""
    title: str = ""
    facts: Mapping[str, Any] = {}
    readers: tuple[str, ...] = ()
    sha256: bytes = b""
    size: int = 0
    """Bytes."""
    pages: int = 0
    pieces: int = 0
    embedded: int = 0
    """How many of the pieces have a vector, as far as that is known."""
    status: Progress = "waiting"
    error: str | None = None
    more: str = ""
    """What was left out of it, in words."""
    recipe: str = ""
    made: bytes | None = None
    fence: int = 0
    tries: int = 0
    created_at: float = 0.0
    updated_at: float = 0.0


class PieceRow(Struct, frozen=True, kw_only=True, gc=False):
    """What is found of a document."""

    n: int = 0
    document: int = 0
    text: str
    start: int
    """Characters before it in the document's text."""
    page: int = 0
    """0 where there are none."""
    context: str = ""
    """The headings that it stands under."""
    digest: bytes = b""


class Summary(Struct, frozen=True, kw_only=True):
    """A collection as one reader sees it."""

    name: str
    documents: int
    pieces: int
    indexing: int
    """Documents that are not ready yet."""


class State(Struct, frozen=True, gc=False):
    """How far an index knows a collection."""

    revision: int = 0
    erased: int = 0


class Listed(Struct, frozen=True, gc=False):
    """A document as an index needs it."""

    n: int
    name: str
    title: str
    facts: Mapping[str, Any]


class Changes(Struct, frozen=True, kw_only=True):
    """What is new in a collection."""

    state: State
    documents: Sequence[Listed]
    """Those that changed."""
    alive: frozenset[int] | None = None
    """All that are there, where some were taken away."""


class Documents(Protocol):
    """Documents for who reads them. What a reader may not see is not there for him."""

    async def put(self, reader: Reader, new: NewDocument) -> tuple[DocumentRow, bool]:
        """Keep it under its name, to be read; whether anything is new.

        The same bytes by the same recipe are not read again; what is said of them may have changed.
        """
        ...

    async def get(self, reader: Reader, id: str) -> DocumentRow:
        """Raises: NotFound."""
        ...

    async def list(
        self, reader: Reader, collection: str, *, after: int = 0, limit: int = 50, name: str | None = None
    ) -> Sequence[DocumentRow]:
        """By their numbers; ``after`` is the last one of the page before."""
        ...

    async def remove(self, reader: Reader, id: str) -> None:
        """Take it away with all that was made of it, leaving no bytes: for its owner, or who sees the workspace.

        Raises: NotFound.
        """
        ...

    async def collections(self, reader: Reader) -> Sequence[Summary]: ...

    async def readable(self, reader: Reader, collection: str) -> Sequence[int]:
        """The numbers of the documents that he may read."""
        ...

    async def pieces(self, reader: Reader, numbers: Sequence[int]) -> Sequence[tuple[PieceRow, DocumentRow]]:
        """Those of these that are in documents that he may read, in no order."""
        ...

    async def around(self, reader: Reader, id: str, start: int, stop: int) -> Sequence[PieceRow]:
        """The pieces of a document that begin there, in order. Raises: NotFound."""
        ...


class Indexing(Protocol):
    """Documents for who reads and embeds them: one process at a time has each, by the database's clock."""

    async def take(self, workspace: str, ttl: float) -> DocumentRow | None:
        """The one that is due the longest, if there is any: for ``ttl`` seconds it is the caller's."""
        ...

    async def keep(self, taken: DocumentRow, ttl: float) -> None:
        """Have it for ``ttl`` more seconds.

        Raises:
            Fenced: another process took it, or it is not what it was.
        """
        ...

    async def cut(
        self, taken: DocumentRow, pieces: Sequence[PieceRow], embedder: str | None, terms: bytes = b""
    ) -> None:
        """These are its pieces from now on, made of ``taken.made``. Those with the same digest stay as they are.

        ``terms`` is what an index finds them by, its own to choose. Vectors of another embedder are dropped.

        Raises: Fenced.
        """
        ...

    async def bare(self, taken: DocumentRow, limit: int) -> Sequence[PieceRow]:
        """The first pieces that have no vector."""
        ...

    async def embed(self, taken: DocumentRow, vectors: Sequence[tuple[int, bytes]], embedder: str, ttl: float) -> None:
        """Keep vectors by the numbers of their pieces, and the document for ``ttl`` more seconds. Raises: Fenced."""
        ...

    async def end(self, taken: DocumentRow, *, error: str | None = None, again: float | None = None) -> None:
        """It is ready, or failed, or is to be tried ``again`` in so many seconds. Nothing where it is not ours."""
        ...

    async def waiting(self, workspace: str, collection: str | None = None) -> int:
        """How many are being read or wait."""
        ...

    async def embedded(self, workspace: str, collection: str) -> int:
        """How many of its pieces have a vector."""
        ...

    async def changes(self, workspace: str, collection: str, state: State) -> Changes:
        """What an index does not know yet."""
        ...

    async def load(self, document: int, *, vectors: bool = True) -> tuple[bytes, Sequence[tuple[int, bytes | None]]]:
        """What an index finds a document by: its terms, and its pieces' numbers and vectors, in order."""
        ...
