"""Checkpoints of the engine as points of a trail in a store."""

import asyncio
import os
import random
import time
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from msgspec import Struct

from weft.engine.graph import Send as EngineSend
from weft.engine.graph import Update
from weft.engine.step import Activation, Checkpoint
from weft.langgraph.blocking import loop
from weft.langgraph.serde import dumps, loads
from weft.langgraph.words import Interrupt
from weft.security.keys import master_in
from weft.storage import open_store
from weft.storage.base import Store
from weft.storage.trails import Body, PointRow, Trail, WriteRow

DONE, ASKED, ANSWERS, ERROR = "__done__", "__interrupt__", "__resume__", "__error__"
_INDEX = {DONE: 0, ASKED: -3, ANSWERS: -4, ERROR: -1}
_BEGINNING = datetime(1582, 10, 15, tzinfo=UTC).timestamp()
_clock = [0]


def new_id() -> str:
    """An id that sorts by time, shaped as a UUID of version 6."""
    now = int((time.time() - _BEGINNING) * 10_000_000)
    _clock[0] = now = max(now, _clock[0] + 1)
    high, middle, low = now >> 28, (now >> 12) & 0xFFFF, now & 0xFFF
    return f"{high:08x}-{middle:04x}-6{low:03x}-8{random.getrandbits(12):03x}-{random.getrandbits(48):012x}"


class Point(Struct, kw_only=True):
    """A checkpoint of the engine, and where it stands in the thread's history."""

    id: str
    parent: str | None = None
    checkpoint: Checkpoint
    """Its frontier, and its values."""
    versions: Mapping[str, str]
    """For each value the point in which it was written."""
    metadata: dict[str, Any]
    at: str
    by: tuple[str, ...] = ()
    """The nodes that led to it."""
    ran: tuple[str, ...] = ()
    """All nodes that ever ran, the latest last."""
    done: dict[str, Update] = {}
    """What activations of the frontier have given already, by their ids."""
    asked: dict[str, Sequence[tuple[Interrupt, bool]]] = {}
    """What tasks ask, and whether it is themselves who ask it, not something that they run."""
    answers: dict[str, list[Any]] = {}
    errors: dict[str, Any] = {}

    @property
    def step(self) -> int:
        return self.metadata["step"]


class Points:
    """Keeps the points of graphs of ``weft.langgraph`` in a Weft store.

    ``where`` is the address of a store, or one that is open.
    """

    def __init__(self, where: str | Store = "sqlite://", *, workspace: str = "default", user: str = "local") -> None:
        self._where, self._workspace, self._user = where, workspace, user
        self._store: Store | None = None if isinstance(where, str) else where

    def trail(self, thread: Any, namespace: str = "") -> Trail:
        return Trail(thread=str(thread), namespace=namespace, workspace=self._workspace, user=self._user)

    async def store(self) -> Store:
        """Opened once, in the loop of our own, whichever loop asks."""
        if self._store is None:
            opening = asyncio.run_coroutine_threadsafe(self._open(), loop())
            await asyncio.wrap_future(opening)
        assert self._store is not None
        return self._store

    async def _open(self) -> None:
        assert isinstance(self._where, str)
        if self._store is None:
            opened = await open_store(self._where, master=master_in(os.environ))
            if self._store is None:
                self._store = opened
            else:
                await opened.close()

    async def keep(self, trail: Trail, point: Point, hidden: Collection[str] = ()) -> None:
        """Put a point on record, but for the values of those channels that are ``hidden``."""
        frontier = [(one.id, one.node, without(one.payload, hidden), one.sent) for one in point.checkpoint.frontier]
        head = {
            "frontier": frontier,
            "step": point.checkpoint.step,
            "held": point.checkpoint.held,
            "at": point.at,
            "by": point.by,
            "ran": point.ran,
        }
        values = point.checkpoint.values
        versions = {key: version for key, version in point.versions.items() if key not in hidden}
        run = point.metadata.get("run_id")
        row = PointRow(
            id=point.id,
            parent=point.parent,
            run=None if run is None else str(run),
            versions=versions,
            head=dumps(head),
            about=dumps(point.metadata),
            values={key: dumps(values[key]) for key, version in versions.items() if version == point.id},
        )
        await (await self.store()).trails.put(trail, row)

    async def write(self, trail: Trail, point: str, task: str, kind: str, value: Any) -> None:
        row = WriteRow(task=task, index=_INDEX[kind], channel=kind, body=dumps(value))
        await (await self.store()).trails.write(trail, point, [row])

    async def finish(self, trail: Trail, point: str, task: str, update: Update) -> None:
        sends = [(send.node, send.payload) for send in update.sends]
        value = (dict(update.writes), sends, list(update.goto), update.instead)
        await self.write(trail, point, task, DONE, value)

    async def find(self, trail: Trail, id: str | None = None, *, before: str | None = None) -> Point | None:
        rows = await (await self.store()).trails.read(trail, id=id, before=before, limit=1)
        return point_of(rows[0]) if rows else None

    async def points(
        self, trail: Trail, *, before: str | None, limit: int | None, filter: Mapping[str, Any] | None
    ) -> Sequence[Point]:
        def wanted(about: Body) -> bool:
            known = loads(about)
            return all(known.get(key) == value for key, value in (filter or {}).items())

        store = await self.store()
        rows = await store.trails.read(trail, before=before, limit=limit, wanted=wanted if filter else None)
        return [point_of(row) for row in rows]


def without(payload: Any, hidden: Collection[str]) -> Any:
    """A payload without what is never stored."""
    values = cast("dict[str, Any]", payload) if isinstance(payload, dict) and hidden else None
    if values is None:
        return cast("Any", payload)
    return {key: one for key, one in values.items() if key not in hidden}


def point_of(row: PointRow) -> Point:
    head = loads(row.head)
    point = Point(
        id=row.id,
        parent=row.parent,
        checkpoint=Checkpoint(
            step=head["step"],
            values={key: loads(body) for key, body in row.values.items()},
            frontier=tuple([Activation(*one) for one in head["frontier"]]),
            held=tuple(head.get("held", ())),
        ),
        versions=row.versions,
        metadata=loads(row.about),
        at=head["at"],
        by=tuple(head["by"]),
        ran=tuple(head["ran"]),
    )
    for write in row.writes:
        value = loads(write.body)
        if write.channel == DONE:
            writes, sends, goto, instead = value
            point.done[write.task] = Update(writes, [EngineSend(*one) for one in sends], goto, instead)
        else:
            {ASKED: point.asked, ANSWERS: point.answers, ERROR: point.errors}[write.channel][write.task] = value
    return point
