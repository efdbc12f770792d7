"""What an invocation leaves in its thread: points, and what tasks did after them."""

import asyncio
import uuid
from collections.abc import Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from weft.engine.graph import Send as EngineSend
from weft.engine.graph import Update
from weft.engine.step import Activation, Checkpoint
from weft.langgraph.builder import Built
from weft.langgraph.looking import WeftCheckpointer
from weft.langgraph.points import ANSWERS, ASKED, ERROR, Point, new_id, without
from weft.langgraph.streaming import Shared, Teller
from weft.langgraph.words import Config, Interrupt

_NAMESPACE = uuid.UUID("6ba7b831-9dad-11d1-80b4-00c04fd430c8")


class Recorded:
    """A graph at a point of its thread."""

    def __init__(
        self, compiled: Any, config: Config, saver: WeftCheckpointer | None, shared: Shared, namespace: str
    ) -> None:
        self.compiled, self.config, self.saver, self.shared, self.namespace = compiled, config, saver, shared, namespace
        self.built: Built = compiled.built
        configurable = config.get("configurable", {})
        self.trail = None if saver is None else saver.trail(configurable["thread_id"], namespace)
        self.tell = Teller(self.built, namespace, shared, self.task_id)
        self.point = Point(id="", checkpoint=Checkpoint(), versions={}, metadata={"step": -2}, at="")
        self.parents: dict[str, str] = {}
        """The points at which the graphs around this one stand, by namespace."""
        self._writing: list[asyncio.Task[None]] = []
        self._unsaved = False
        self._fresh: set[str] = set()
        """Points that are not stored, though later ones may be."""

    def task_id(self, activation: Activation) -> str:
        return self.id_of(activation.id)

    def id_of(self, activation: str) -> str:
        return str(uuid.uuid5(_NAMESPACE, f"{self.point.id}/{self.namespace}/{activation}"))

    def open(self) -> list[Interrupt]:
        """What was asked and has no answer yet."""
        waiting = [asked for task, asked in self.point.asked.items() if task not in self.point.done]
        return list({one.id: one for asked in waiting for one, _ in asked}.values())

    async def put(
        self, checkpoint: Checkpoint, source: str, by: Sequence[str], ran: Sequence[str] | None = None
    ) -> None:
        """Stand at a new point, after the one before, once it is on record."""
        before, id = self.point, new_id()
        pulled = sorted([one for one in checkpoint.frontier if not one.sent], key=lambda one: one.node)
        frontier = (*pulled, *[one for one in checkpoint.frontier if one.sent])
        checkpoint = Checkpoint(
            step=checkpoint.step,
            values=checkpoint.values,
            frontier=frontier,
            held=checkpoint.held,
            written=checkpoint.written,
        )
        old = before.checkpoint.values
        versions = {
            key: before.versions[key] if self._stored(key, old, value) else id
            for key, value in checkpoint.values.items()
        }
        metadata: dict[str, Any] = {
            "source": source, "step": before.step + 1, "parents": self.parents, **about(self.config)
        }  # fmt: skip
        after = Point(
            id=id,
            parent=(before.parent if self._unsaved else before.id) or None,
            checkpoint=checkpoint,
            versions=versions,
            metadata=metadata,
            at=datetime.now(UTC).isoformat(),
            by=tuple(by),
            ran=tuple(ran if ran is not None else [*[one for one in before.ran if one not in by], *by]),
        )
        if self.shared.lazy:
            self._unsaved = True
            self._fresh.add(id)
        elif self.saver is not None and self.trail is not None:
            await self.saver.keep(self.trail, after, self.built.untracked)
        self.point = after
        parent = None if self.point.parent is None else self.at(self.point.parent)
        if self.saver is not None:
            self.tell.checkpoint(self.point, self.at(id), parent, self.states())

    def _stored(self, key: str, old: Mapping[str, Any], value: Any) -> bool:
        """Whether a value is there already, under the version that it had."""
        version = self.point.versions.get(key)
        return version is not None and version not in self._fresh and key in old and old[key] is value

    async def flush(self) -> None:
        """Where only the last point is to be kept: put it on record now."""
        saver, trail, point = self.saver, self.trail, self.point
        if not self._unsaved or saver is None or trail is None:
            return
        self._unsaved = False
        await saver.keep(trail, point, self.built.untracked)
        for task, update in point.done.items():
            await saver.finish(trail, point.id, task, self.storable(update))
        for kind, kept in ((ASKED, point.asked), (ANSWERS, point.answers), (ERROR, point.errors)):
            for task, value in kept.items():
                await saver.write(trail, point.id, task, kind, repr(value) if kind == ERROR else value)

    def states(self) -> dict[str, Config]:
        """For each task that runs a graph of its own: where to look for its state."""
        if self.saver is None:
            return {}
        return {
            one.id: {
                "configurable": {"thread_id": self._thread(), "checkpoint_ns": self.below(one.node, self.task_id(one))}
            }
            for one in self.point.checkpoint.frontier
            if one.node in self.built.inner
        }

    def below(self, node: str, task: str) -> str:
        """The namespace of a task."""
        return f"{self.namespace}|{node}:{task}" if self.namespace else f"{node}:{task}"

    def finish(self, activation: str, update: Update) -> None:
        """A task is done: on record before the step is."""
        self.point.done[activation] = update
        if self.saver is not None and self.trail is not None and not self.shared.lazy:
            self.later(self.saver.finish(self.trail, self.point.id, activation, self.storable(update)))

    def storable(self, update: Update) -> Update:
        """An update without what is never stored."""
        hidden = self.built.untracked
        if not hidden:
            return update
        writes = {key: value for key, value in update.writes.items() if key not in hidden}
        return Update(writes, [EngineSend(s.node, without(s.payload, hidden)) for s in update.sends], update.goto)

    def keep(self, activation: str, kind: str, value: Any) -> None:
        if self.saver is not None and self.trail is not None and not self.shared.lazy:
            self.later(self.saver.write(self.trail, self.point.id, activation, kind, value))

    def later(self, write: Coroutine[Any, Any, None]) -> None:
        self._writing.append(asyncio.get_running_loop().create_task(write))

    async def settle(self) -> None:
        """Wait for all that is being written."""
        writing, self._writing = self._writing, []
        if writing:
            await asyncio.gather(*writing)

    def at(self, id: str) -> Config:
        where: dict[str, Any] = {"thread_id": self._thread(), "checkpoint_ns": self.namespace, "checkpoint_id": id}
        if self.namespace:
            where["checkpoint_map"] = {**self.parents, self.namespace: id}
        return {"configurable": where}

    def _thread(self) -> str | None:
        thread = self.config.get("configurable", {}).get("thread_id")
        return None if thread is None else str(thread)


def about(config: Config) -> dict[str, Any]:
    """What of a config goes into the metadata of a checkpoint."""
    hidden = ("thread_id", "checkpoint_id", "checkpoint_ns", "checkpoint_map", "ls_integration")
    told: dict[str, Any] = {}
    sources: list[dict[str, Any]] = [config.get("metadata") or {}, config.get("configurable") or {}]
    for source in sources:
        for key, value in source.items():
            if key not in hidden and not key.startswith(("__", "langgraph_")) and isinstance(value, str | int | float):
                told.setdefault(key, value)
    if (run := config.get("run_id")) is not None:
        told.setdefault("run_id", str(run))
    return told
