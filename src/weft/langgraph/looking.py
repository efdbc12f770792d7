"""A checkpointer of ``weft.langgraph``, with the verbs by which programs look at what it keeps."""

import asyncio
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from weft.langgraph.blocking import loop, wait
from weft.langgraph.points import Point, Points, point_of
from weft.langgraph.serde import loads
from weft.langgraph.words import Config
from weft.storage.trails import PointRow, Trail


class CheckpointTuple(NamedTuple):
    """A checkpoint, where it stands, and what tasks wrote after it."""

    config: Config
    checkpoint: dict[str, Any]
    metadata: dict[str, Any]
    parent_config: Config | None = None
    pending_writes: list[tuple[str, str, Any]] | None = None


class WeftCheckpointer(Points):
    """Keeps the points of graphs of ``weft.langgraph`` in a Weft store.

    ``where`` is the address of a store, or one that is open. It is opened at first use.
    """

    async def aget_tuple(self, config: Config) -> CheckpointTuple | None:
        """The checkpoint that ``config`` names, or the latest of its thread."""
        where = config["configurable"]
        trail = self.trail(where["thread_id"], where.get("checkpoint_ns", ""))
        rows = await (await self.store()).trails.read(trail, id=where.get("checkpoint_id"), limit=1)
        return _tuple(rows[0], trail) if rows else None

    def get_tuple(self, config: Config) -> CheckpointTuple | None:
        """``aget_tuple``, for programs without an event loop."""
        return wait(self.aget_tuple(config))

    async def aget(self, config: Config) -> dict[str, Any] | None:
        """The checkpoint alone."""
        found = await self.aget_tuple(config)
        return None if found is None else found.checkpoint

    def get(self, config: Config) -> dict[str, Any] | None:
        """``aget``, for programs without an event loop."""
        return wait(self.aget(config))

    async def alist(
        self,
        config: Config | None,
        *,
        filter: Mapping[str, Any] | None = None,
        before: Config | None = None,
        limit: int | None = None,
    ) -> AsyncGenerator[CheckpointTuple]:
        """Checkpoints, newest first: of a thread, or of all there are."""
        where = (config or {}).get("configurable", {})
        trail = self.trail(where.get("thread_id", ""), where.get("checkpoint_ns", ""))
        rows = await (await self.store()).trails.read(
            trail,
            everything="thread_id" not in where,
            all_namespaces="checkpoint_ns" not in where,
            id=where.get("checkpoint_id"),
            before=None if before is None else before["configurable"].get("checkpoint_id"),
            limit=limit,
            wanted=None if not filter else lambda about: _fits(loads(about), filter),
        )
        for row in rows:
            yield _tuple(row, trail)

    def list(self, config: Config | None, **options: Any) -> Generator[CheckpointTuple]:
        """``alist``, for programs without an event loop."""

        async def all() -> Any:
            return [one async for one in self.alist(config, **options)]

        yield from wait(all())

    async def adelete_thread(self, thread_id: str) -> None:
        await (await self.store()).trails.delete(self.trail(thread_id))

    def delete_thread(self, thread_id: str) -> None:
        """Forget all of a thread."""
        wait(self.adelete_thread(thread_id))

    def setup(self) -> None:
        """The tables are made when it is opened."""

    async def aclose(self) -> None:
        store, self._store = self._store, None
        if store is not None and isinstance(self._where, str):
            await store.close()

    def close(self) -> None:
        wait(self.aclose())

    def __enter__(self) -> "WeftCheckpointer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> "WeftCheckpointer":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __del__(self) -> None:
        store = self._store
        if store is not None and isinstance(self._where, str):
            with suppress(RuntimeError):
                asyncio.run_coroutine_threadsafe(store.close(), loop())


def _fits(known: Mapping[str, Any], filter: Mapping[str, Any]) -> bool:
    return all(known.get(key) == value for key, value in filter.items())


def _tuple(row: PointRow, trail: Trail) -> CheckpointTuple:
    point: Point = point_of(row)
    thread, namespace = row.thread or trail.thread, row.namespace or trail.namespace

    def at(id: str) -> Config:
        return {"configurable": {"thread_id": thread, "checkpoint_ns": namespace, "checkpoint_id": id}}

    checkpoint: dict[str, Any] = {
        "v": 1,
        "id": point.id,
        "ts": point.at,
        "channel_values": dict(point.checkpoint.values),
        "channel_versions": dict(point.versions),
        "versions_seen": {},
        "updated_channels": [key for key, version in point.versions.items() if version == point.id],
    }
    writes: list[tuple[str, str, Any]] = [
        (task, key, value) for task, update in point.done.items() for key, value in update.writes.items()
    ]
    writes += [(task, "__interrupt__", tuple(one for one, _ in asked)) for task, asked in point.asked.items()]
    writes += [(task, "__error__", error) for task, error in point.errors.items()]
    parent = None if point.parent is None else at(point.parent)
    return CheckpointTuple(at(point.id), checkpoint, point.metadata, parent, writes)
