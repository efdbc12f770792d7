"""Memories as the API shows them."""

from msgspec import Struct

from weft.memory.graph import Edge, Entity
from weft.storage.memory_rows import Kind, MemoryRow, Placed, Source, Trust


class MemoryView(Struct, frozen=True, kw_only=True):
    """A memory as it is known now, or was."""

    id: str
    version: int
    kind: Kind
    text: str
    subject: str
    attribute: str
    """What of the subject it says, where that has one value at a time."""
    relation: str
    """How the subject is connected to the object, where there may be many."""
    object: str
    valid_from: float
    """Seconds since the epoch, as all times here."""
    valid_to: float | None
    """When it stopped to hold; ``null`` while it does."""
    known_from: float
    known_to: float | None
    """When this version was replaced; ``null`` for the newest."""
    expires_at: float | None
    trust: Trust
    importance: float
    pinned: bool
    rejected: str | None
    """Why a person did not want what was proposed; ``null`` for what nobody rejected."""
    embedder: str | None


class KeptMemory(Struct, frozen=True, kw_only=True):
    """A memory, and where it lies."""

    memory: MemoryView
    user: str | None
    """``null``: everybody's of the workspace."""
    agent: str
    thread: str


class MemoryPage(Struct, frozen=True):
    items: list[KeptMemory]
    next: int | None
    """For ``after``, while there is more."""


class FoundMemory(Struct, frozen=True, kw_only=True):
    """A memory that fits a query."""

    memory: MemoryView
    score: float
    """Between 0 and 1; only comparable within one answer."""


class FoundMemories(Struct, frozen=True):
    items: list[FoundMemory]


class MemoryStory(Struct, frozen=True):
    """All versions of a memory, oldest first, and where it came from."""

    versions: list[MemoryView]
    sources: list[Source]
    user: str | None
    """Where it lies, as of a ``KeptMemory``."""
    agent: str
    thread: str


class Erased(Struct, frozen=True):
    """How many memories were taken away, with all their versions."""

    count: int


class EdgeView(Struct, frozen=True, kw_only=True):
    """Two entities that are connected."""

    subject: str
    relation: str
    object: str
    since: float
    until: float | None
    """When it ends; ``null`` where nobody says."""
    trust: Trust
    """Of the best word for it."""
    memories: list[MemoryView]
    """That say so, the best and latest word first."""


class EntityPage(Struct, frozen=True):
    items: list[Entity]
    next: str | None
    """For ``after``, while there is more."""


class Around(Struct, frozen=True):
    """What is around an entity."""

    names: list[str]
    """All that it is called by, its chief name first."""
    items: list[EdgeView]


class Ways(Struct, frozen=True):
    """Ways from one entity to another, each edge by edge."""

    items: list[list[EdgeView]]


MEMORY_VIEWS: tuple[type[Struct], ...] = (
    *(MemoryView, MemoryPage, FoundMemories, MemoryStory, Erased),
    *(EntityPage, Around, Ways),
)


def edge_view(edge: Edge) -> EdgeView:
    return EdgeView(
        subject=edge.subject,
        relation=edge.relation,
        object=edge.object,
        since=edge.since,
        until=edge.until,
        trust=edge.trust,
        memories=[memory_view(row) for row in edge.memories],
    )


def memory_view(row: MemoryRow) -> MemoryView:
    return MemoryView(**{name: getattr(row, name) for name in MemoryView.__struct_fields__})


def kept_memory(placed: Placed) -> KeptMemory:
    shelf = placed.shelf
    return KeptMemory(memory=memory_view(placed.row), user=shelf.user, agent=shelf.agent, thread=shelf.thread)
