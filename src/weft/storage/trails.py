"""Checkpoints of graphs that run on another engine: the part of the store's port that keeps them.

A *trail* is what one graph left in one thread. Its *points* form a tree, by their parents; a value is stored once for
each version of its channel, whichever points refer to it; *writes* are what tasks did after a point. All bodies are
bytes with the name of their kind: what is in them is the business of the engine they belong to.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeAlias

from msgspec import Struct

Body: TypeAlias = tuple[str, bytes]
"""The kind of the bytes, and the bytes."""


class Trail(Struct, frozen=True, kw_only=True):
    """Where points stand, and whose they are. A thread here need not be one of the store's own."""

    thread: str
    namespace: str = ""
    workspace: str = "default"
    user: str = "local"
    driver: tuple[str, int] | None = None
    """The run that writes it, and the fence under which that run is driven."""


class WriteRow(Struct, frozen=True, kw_only=True):
    """One write of a task after a point. One with an ``index`` below 0 is replaced when it is put again."""

    task: str
    index: int
    path: str = ""
    channel: str
    body: Body


class PointRow(Struct, frozen=True, kw_only=True):
    """A checkpoint: its head, and by version the values it refers to."""

    thread: str = ""
    namespace: str = ""
    id: str
    """Ids sort by time."""
    parent: str | None = None
    run: str | None = None
    versions: Mapping[str, str] = {}
    """For every channel the version of its value."""
    head: Body
    about: Body
    """Metadata, by which a reader may choose."""
    values: Mapping[str, Body] = {}
    """When put: those of new versions. When read: all that are stored of ``versions``."""
    writes: Sequence[WriteRow] = ()
    """When read: by path, task and index."""


class Trails(Protocol):
    """Trails of one store. Each call sees only what belongs to the trail's workspace and user.

    What a trail's ``driver`` puts and writes is progress of that run, as a checkpoint of its own is.
    """

    async def put(self, trail: Trail, point: PointRow) -> None:
        """Raises: NotFound (the trail is somebody else's); Fenced (its driver has lost the run)."""
        ...

    async def write(self, trail: Trail, point: str, writes: Sequence[WriteRow]) -> None:
        """Raises: NotFound (the trail is somebody else's); Fenced (its driver has lost the run)."""
        ...

    async def read(
        self,
        trail: Trail,
        *,
        everything: bool = False,
        all_namespaces: bool = False,
        id: str | None = None,
        before: str | None = None,
        limit: int | None = None,
        wanted: Callable[[Body], bool] | None = None,
    ) -> Sequence[PointRow]:
        """Points, newest first: of the trail, of all namespaces of its thread, or of ``everything`` there is.

        Only those older than ``before``, and whose ``about`` is ``wanted``.
        """
        ...

    async def delete(self, trail: Trail, *, runs: Sequence[str] | None = None) -> None:
        """All trails of the thread, or, with ``runs``, the points of these runs in whatever thread."""
        ...

    async def copy(self, trail: Trail, thread: str) -> None:
        """All points of the trail's thread, in all namespaces, as points of another thread."""
        ...

    async def prune(self, trail: Trail, keep: Sequence[str]) -> None:
        """Forget all points of the trail but these, and the values that none of them refers to."""
        ...
