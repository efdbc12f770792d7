"""A checkpointer for LangGraph's own engine over a Weft store: one of the two doors of the package ``langgraph``.

Values are stored once for each version of their channel, serialised by LangGraph's own serde without pickle; every row
belongs to a workspace and a user.
"""

import json
import os
import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    get_checkpoint_id,
    get_checkpoint_metadata,
)
from langgraph.checkpoint.serde.base import SerializerProtocol

from weft.errors import UsageError
from weft.langgraph.blocking import wait
from weft.security.keys import master_in
from weft.storage import open_store
from weft.storage.base import Scope, Store
from weft.storage.trails import Body, PointRow, Trail, WriteRow

DELTAS = "counters_since_delta_snapshot"
"""Where a checkpoint's metadata names the channels whose value is spread over its ancestors."""


class WeftSaver(BaseCheckpointSaver[str]):
    """``graph.compile(checkpointer=...)`` for LangGraph, on a store that is open.

    It sees the threads of its ``scope`` only. Deleting a thread of the store with the same id and owner deletes
    what is here of it too.
    """

    def __init__(
        self,
        store: Store,
        scope: Scope | None = None,
        *,
        below: str = "",
        driver: tuple[str, int] | None = None,
        serde: SerializerProtocol | None = None,
    ) -> None:
        """``below`` keeps several graphs of one thread apart: a place that is put before their namespaces.

        ``driver`` is the run of the store that runs the graph, and its fence: nothing is written for one that lost it.
        """
        super().__init__(serde=serde)
        self._trails = store.trails
        self._workspace = scope.workspace if scope is not None else "default"
        self._user = (scope.user if scope is not None else None) or "local"
        self._below = f"{below}\x1f" if below else ""
        self._driver = driver

    # What LangGraph asks, waiting for the loop

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        found = await self._trails.read(self._trail(config), id=get_checkpoint_id(config), limit=1)
        return self._tuple(found[0]) if found else None

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        for found in await self._list(config, filter, before, limit):
            yield found

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        trail = self._trail(config)
        head = cast("dict[str, Any]", checkpoint.copy())
        values, versions = head.pop("channel_values"), head.pop("channel_versions")
        about = get_checkpoint_metadata(config, metadata)
        run = about.get("run_id")
        point = PointRow(
            id=checkpoint["id"],
            parent=get_checkpoint_id(config),
            run=None if run is None else str(run),
            versions={channel: json.dumps(version) for channel, version in versions.items()},
            head=self.serde.dumps_typed(head),
            about=self.serde.dumps_typed(about),
            values={
                channel: self.serde.dumps_typed(values[channel])
                for channel in new_versions
                if channel in values and channel in versions
            },
        )
        await self._trails.put(trail, point)
        return self._config(trail, point.id)

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        rows = [
            WriteRow(
                task=task_id,
                index=WRITES_IDX_MAP.get(channel, index),
                path=task_path,
                channel=channel,
                body=self.serde.dumps_typed(value),
            )
            for index, (channel, value) in enumerate(writes)
        ]
        point = get_checkpoint_id(config)
        if point is None:
            raise UsageError("writes belong to a checkpoint: the config has no checkpoint_id")
        await self._trails.write(self._trail(config), point, rows)

    async def adelete_thread(self, thread_id: str) -> None:
        await self._trails.delete(self._of(thread_id))

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        await self._trails.delete(self._of(""), runs=[str(run) for run in run_ids])

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        await self._trails.copy(self._of(source_thread_id), str(target_thread_id))

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Forget all but the latest checkpoint of each namespace, and the ancestors that its delta channels need."""
        if strategy not in ("keep_latest", "delete"):
            raise UsageError(f"there is no strategy {strategy!r}: keep_latest or delete")
        for thread in thread_ids:
            if strategy == "delete":
                await self.adelete_thread(thread)
                continue
            points = await self._trails.read(self._of(thread), all_namespaces=True)
            by_namespace: dict[str, list[PointRow]] = {}
            for point in points:
                if point.namespace.startswith(self._below):
                    by_namespace.setdefault(point.namespace.removeprefix(self._below), []).append(point)
            for namespace, of_it in by_namespace.items():
                await self._trails.prune(self._of(thread, namespace), self._kept(of_it))

    # The same, waiting in the thread

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        return wait(self.aget_tuple(config))

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        return iter(wait(self._list(config, filter, before, limit)))

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        return wait(self.aput(config, checkpoint, metadata, new_versions))

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        wait(self.aput_writes(config, writes, task_id, task_path))

    def delete_thread(self, thread_id: str) -> None:
        wait(self.adelete_thread(thread_id))

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        wait(self.adelete_for_runs(run_ids))

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        wait(self.acopy_thread(source_thread_id, target_thread_id))

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        wait(self.aprune(thread_ids, strategy=strategy))

    def get_next_version(self, current: str | None, channel: None) -> str:
        """A number that grows, and a random part: two branches of a fork must not share a version."""
        number = 0 if current is None else int(str(current).partition(".")[0])
        return f"{number + 1:016}.{random.getrandbits(48):012x}"

    # Rows and tuples

    def _of(self, thread: str, namespace: str = "") -> Trail:
        namespace = self._below + namespace
        whose = {"workspace": self._workspace, "user": self._user}
        return Trail(thread=str(thread), namespace=namespace, driver=self._driver, **whose)

    def _trail(self, config: RunnableConfig) -> Trail:
        configurable = config.get("configurable", {})
        if "thread_id" not in configurable:
            raise UsageError("a checkpointer needs a thread: give config={'configurable': {'thread_id': ...}}")
        return self._of(configurable["thread_id"], configurable.get("checkpoint_ns", ""))

    async def _list(
        self,
        config: RunnableConfig | None,
        filter: dict[str, Any] | None,
        before: RunnableConfig | None,
        limit: int | None,
    ) -> Sequence[CheckpointTuple]:
        rows = await self._trails.read(
            self._of("") if config is None else self._trail(config),
            everything=config is None,
            all_namespaces=config is not None and "checkpoint_ns" not in config.get("configurable", {}),
            id=None if config is None else get_checkpoint_id(config),
            before=None if before is None else get_checkpoint_id(before),
            limit=limit,
            wanted=self._wanted(filter) if filter else None,
        )
        return [self._tuple(row) for row in rows if row.namespace.startswith(self._below)]

    def _wanted(self, filter: dict[str, Any]) -> Callable[[Body], bool]:
        def wanted(about: Body) -> bool:
            metadata = self.serde.loads_typed(about)
            return all(metadata.get(key) == value for key, value in filter.items())

        return wanted

    def _tuple(self, row: PointRow) -> CheckpointTuple:
        loads = self.serde.loads_typed
        checkpoint = {
            **loads(row.head),
            "channel_versions": {channel: json.loads(version) for channel, version in row.versions.items()},
            "channel_values": {channel: loads(body) for channel, body in row.values.items()},
        }
        return CheckpointTuple(
            config=self._config(row, row.id),
            checkpoint=cast("Checkpoint", checkpoint),
            metadata=loads(row.about),
            parent_config=None if row.parent is None else self._config(row, row.parent),
            pending_writes=[(write.task, write.channel, loads(write.body)) for write in row.writes],
        )

    def _kept(self, points: Sequence[PointRow]) -> Sequence[str]:
        """The latest of these, and as many of its ancestors as its delta channels are made of."""
        by_id = {point.id: point for point in points}
        latest = points[0]
        spread = {name for name in self.serde.loads_typed(latest.about).get(DELTAS, ()) if name not in latest.values}
        kept, ancestor = [latest.id], by_id.get(latest.parent or "")
        while spread and ancestor is not None:
            kept.append(ancestor.id)
            spread -= ancestor.values.keys()
            ancestor = by_id.get(ancestor.parent or "")
        return kept

    def _config(self, place: Trail | PointRow, id: str) -> RunnableConfig:
        namespace = place.namespace.removeprefix(self._below)
        return {"configurable": {"thread_id": place.thread, "checkpoint_ns": namespace, "checkpoint_id": id}}


@asynccontextmanager
async def checkpointer(where: str, scope: Scope | None = None) -> AsyncGenerator[WeftSaver]:
    """A checkpointer on the store at this address, which is opened and closed again.

    Raises:
        StoreError: it cannot be opened.
    """
    store = await open_store(where, master=master_in(os.environ))
    try:
        yield WeftSaver(store, scope)
    finally:
        await store.close()
