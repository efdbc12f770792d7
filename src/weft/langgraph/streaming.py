"""What an invocation streams, in LangGraph's modes, and the line in which it waits for its listener."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

from weft.engine.graph import Update
from weft.engine.step import Activation, Checkpoint, apply
from weft.langgraph.builder import Built
from weft.langgraph.points import Point
from weft.langgraph.state import Many, entries, listed
from weft.langgraph.words import START, Config, Interrupt

Emit: TypeAlias = Callable[[tuple[str, ...], str, Any], None]


class Shared:
    """What an invocation and those of its sub-graphs have in common."""

    def __init__(self, emit: Emit, context: Any, store: Any) -> None:
        self.emit, self.context, self.store = emit, context, store
        self.resume: dict[str, Any] = {}
        """Answers by the id of their interrupt."""
        self.spare: list[Any] = []
        """An answer that came before its question."""


class Teller:
    """Tells what one invocation does: one namespace of the stream."""

    def __init__(self, built: Built, namespace: str, emit: Emit, task_id: Callable[[Activation], str]) -> None:
        self._built, self._emit, self._task_id = built, emit, task_id
        self._place = tuple(namespace.split("|")) if namespace else ()

    def emit(self, mode: str, data: Any) -> None:
        self._emit(self._place, mode, data)

    def values(self, point: Point) -> None:
        self.emit("values", self._built.whole(point.checkpoint.values))

    def asked(self, point: Point, interrupts: Sequence[Interrupt]) -> None:
        self.emit("updates", {"__interrupt__": tuple(interrupts)})
        values = entries(self._built.whole(point.checkpoint.values)) or {}
        self.emit("values", {**values, "__interrupt__": tuple(interrupts)})

    def halfway(self, point: Point) -> None:
        """The state as those nodes will make it that did not have to ask."""
        done = [(one, point.done[one.id]) for one in point.checkpoint.frontier if one.id in point.done]
        if any(update.writes for _, update in done):
            of_these = Checkpoint(values=point.checkpoint.values, frontier=tuple([one for one, _ in done]))
            self.emit("values", self._built.whole(apply(self._built.graph, of_these, done).values))

    def finished(self, point: Point, activation: Activation, update: Update, *, cached: bool) -> None:
        told = _told(update, self._built.keys)
        self.emit("updates", {activation.node: told, **({"__metadata__": {"cached": True}} if cached else {})})
        for some in listed(told) or [told]:
            for value in (entries(some) or {}).values():
                self._messages(point, activation, listed(value) or [value])
        result = {"id": self._task_id(activation), "name": activation.node, "error": None}
        self._debug(point, "task_result", {**result, "result": told or {}, "interrupts": []}, "tasks")

    def _messages(self, point: Point, activation: Activation, values: Sequence[Any]) -> None:
        about = {"langgraph_node": activation.node, "langgraph_step": point.step + 1}
        for one in values:
            if hasattr(one, "content") and hasattr(one, "type"):
                self.emit("messages", (one, about))

    def tasks(self, point: Point) -> None:
        for one in point.checkpoint.frontier:
            if one.node == START or one.id in point.done:
                continue
            seen = one.payload if one.sent else self._built.specs[one.node].input.values(point.checkpoint.values)
            triggers = ("__pregel_push",) if one.sent else (f"branch:to:{one.node}",)
            task = {"id": self._task_id(one), "name": one.node, "input": seen, "triggers": triggers}
            self._debug(point, "task", task, "tasks")

    def checkpoint(self, point: Point, config: Config, parent: Config | None) -> None:
        payload = {
            "values": self._built.whole(point.checkpoint.values),
            "metadata": point.metadata,
            "next": [one.node for one in ordered(self._built, point.checkpoint.frontier)],
            "config": config,
            "parent_config": parent,
        }
        self._debug(point, "checkpoint", payload, "checkpoints")

    def _debug(self, point: Point, kind: str, payload: Any, mode: str) -> None:
        self.emit(mode, payload)
        step = point.step + (0 if kind == "checkpoint" else 1)
        at = datetime.now(UTC).isoformat()
        self.emit("debug", {"step": step, "timestamp": at, "type": kind, "payload": payload})


def ordered(built: Built, frontier: Sequence[Activation]) -> Sequence[Activation]:
    """As LangGraph lists what comes next: sent ones, then the others as they were declared."""
    declared = {name: index for index, name in enumerate(built.specs)}
    pulled = [one for one in frontier if not one.sent]
    return [*[one for one in frontier if one.sent], *sorted(pulled, key=lambda one: declared.get(one.node, -1))]


def _told(update: Update, keys: Sequence[str]) -> Any:
    writes = {key: value for key, value in update.writes.items() if key in keys}
    if not writes:
        return None
    if "__root__" in writes:
        return writes["__root__"]
    if any(isinstance(value, Many) for value in writes.values()):
        return [{key: one} for key, value in writes.items() for one in (value if isinstance(value, Many) else (value,))]
    return writes


class Parts:
    """What an invocation streams, in order, for one listener in one loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._line: deque[tuple[tuple[str, ...], str, Any]] = deque()
        self._ring = asyncio.Event()
        self._closed = False

    def put(self, part: tuple[tuple[str, ...], str, Any]) -> None:
        """From any thread."""
        self._line.append(part)
        self._loop.call_soon_threadsafe(self._ring.set)

    def close(self) -> None:
        self._closed = True
        self._ring.set()

    async def all(self) -> AsyncGenerator[tuple[tuple[str, ...], str, Any]]:
        while True:
            while self._line:
                yield self._line.popleft()
            if self._closed and not self._line:
                return
            await self._ring.wait()
            self._ring.clear()
