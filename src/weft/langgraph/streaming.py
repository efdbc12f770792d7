"""What an invocation streams, in LangGraph's modes, and the line in which it waits for its listener."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from copy import copy
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias, cast
from uuid import uuid4

from weft.engine.graph import Update
from weft.engine.step import Activation, Checkpoint, apply
from weft.langgraph.builder import Built
from weft.langgraph.current import Task
from weft.langgraph.points import Point
from weft.langgraph.state import Many, entries, is_model, listed
from weft.langgraph.words import START, Config, Interrupt, RunControl

Emit: TypeAlias = Callable[[tuple[str, ...], str, Any], None]


class Shared:
    """What an invocation and those of its sub-graphs have in common."""

    def __init__(self, emit: Emit, context: Any, store: Any, *, lazy: bool = False) -> None:
        self.emit, self.context, self.store = emit, context, store
        self.lazy = lazy
        """Whether only the last point of each graph is stored."""
        self.resume: dict[str, Any] = {}
        """Answers by the id of their interrupt."""
        self.spare: list[Any] = []
        """An answer that came before its question."""
        self.map: Mapping[str, str] = {}
        """The points from which graphs are to go on, by namespace."""
        self.replay: str | None = None
        """The point before which those of the graphs inside are looked for, while an old one is gone on from."""
        self.visited: set[str] = set()
        self.seen: set[Any] = set()
        """Ids of messages that were told already."""
        self.places: dict[str, tuple[str, ...]] = {}
        """Where the graph of a task stands, by the namespace of the task."""
        self.messages = False
        """Whether somebody listens to messages: then each has an id."""
        self.edge: Callable[[], Awaitable[None]] | None = None
        """What is waited for between two steps."""
        self.cache: Any = None
        self.control: RunControl | None = None

    def beside(self, emit: Emit) -> "Shared":
        """The same for a graph inside, whose parts go another way."""
        other = copy(self)
        other.emit, other.edge = emit, None
        return other

    def visits(self, namespace: str) -> bool:
        """Whether the graph there is come to for the first time while the past is gone on from."""
        stable = namespace.rpartition(":")[0] or namespace
        first = stable not in self.visited
        self.visited.add(stable)
        return first


class Teller:
    """Tells what one invocation does: one namespace of the stream."""

    def __init__(self, built: Built, namespace: str, shared: Shared, task_id: Callable[[Activation], str]) -> None:
        self._built, self._shared, self._task_id = built, shared, task_id
        self.place = tuple(namespace.split("|")) if namespace else ()

    def emit(self, mode: str, data: Any) -> None:
        self._shared.emit(self.place, mode, data)

    def values(self, point: Point) -> None:
        if self._built.tells_values(point.checkpoint):
            self.emit("values", self._built.shown(point.checkpoint.values))

    def asked(self, point: Point, interrupts: Sequence[Interrupt], task: Task, *, inside: bool) -> None:
        """``inside``: by a function that a node called, so that the node will tell it."""
        told = [{"value": one.value, "id": one.id, "response_schema": one.response_schema} for one in interrupts]
        name = task.config["metadata"]["langgraph_node"]
        result: dict[str, Any] = {"id": task.id, "name": name, "error": None, "result": {}, "interrupts": told}
        self._debug(point, "task_result", result, "tasks")
        if inside:
            return
        self.emit("updates", {"__interrupt__": tuple(interrupts)})
        if self._built.streams_values:
            values = entries(self._built.shown(point.checkpoint.values)) or {}
            self.emit("values", {**values, "__interrupt__": tuple(interrupts)})

    def halfway(self, point: Point, partly: Mapping[str, Update]) -> None:
        """The state as those nodes will make it that did not have to ask, or whose edges do."""
        given = {**partly, **point.done}
        done = [(one, given[one.id]) for one in point.checkpoint.frontier if one.id in given]
        if any(update.writes for _, update in done):
            of_these = Checkpoint(values=point.checkpoint.values, frontier=tuple([one for one, _ in done]))
            self.emit("values", self._built.shown(apply(self._built.graph, of_these, done).values))

    def seen(self, given: Any) -> None:
        """The messages in it are known: they are not told as new ones."""
        for value in _values(given):
            for one in listed(value) or [value]:
                if _is_message(one) and one.id is not None:
                    self._shared.seen.add(one.id)

    def finished(self, point: Point, name: str, update: Update, task: Task | None, *, cached: bool) -> None:
        told = shown(update, self._built.keys)
        self.emit("updates", {name: told, **({"__metadata__": {"cached": True}} if cached else {})})
        if task is None:
            return
        for some in listed(told) or [told]:
            for value in (some,) if _is_message(some) else _values(some):
                self._messages(task, listed(value) or [value])
        result: dict[str, Any] = {
            "id": task.id,
            "name": name,
            "error": None,
            "result": results(update, self._built.keys),
        }
        self._debug(point, "task_result", {**result, "interrupts": []}, "tasks")

    def failed(self, point: Point, name: str, task: Task | None, error: Exception) -> None:
        if task is not None:
            result: dict[str, Any] = {"id": task.id, "name": name, "error": error, "result": {}, "interrupts": []}
            self._debug(point, "task_result", result, "tasks")

    def _messages(self, task: Task, values: Sequence[Any]) -> None:
        if not self._shared.messages:
            return
        for one in values:
            if _is_message(one) and (one.id is None or one.id not in self._shared.seen):
                if one.id is None:
                    one.id = str(uuid4())
                self._shared.seen.add(one.id)
                self.emit("messages", (one, task.config["metadata"]))

    def say(self, task: Task, message: Any) -> None:
        """A message that is not the result of a task."""
        self._shared.seen.add(message.id if hasattr(message, "id") else message["id"])
        self.emit("messages", (message, task.config["metadata"]))

    def tasks(self, point: Point, steps: Any) -> None:
        for one in point.checkpoint.frontier:
            if one.id in point.done:
                continue
            if one.node == START:
                seen: Any = self._built.given(one.payload)
                triggers: tuple[str, ...] = ("__start__",)
            else:
                spec = self._built.specs[one.node]
                seen = one.payload if one.sent else spec.input.seen(point.checkpoint.values, steps)
                triggers = ("__pregel_push",) if one.sent else self._built.triggers(one.node)
            if one.node != START:
                self.started(point, self._task_id(one), one.node, seen, triggers)

    def started(self, point: Point, id: str, name: str, given: Any, triggers: Sequence[str]) -> None:
        task = {"id": id, "name": name, "input": given, "triggers": tuple(triggers)}
        self._debug(point, "task", task, "tasks")

    def checkpoint(self, point: Point, config: Config, parent: Config | None, states: Mapping[str, Config]) -> None:
        frontier = ordered(self._built, point.checkpoint.frontier)
        payload = {
            "config": config,
            "parent_config": parent,
            "values": self._built.shown(point.checkpoint.values),
            "metadata": point.metadata,
            "next": [one.node for one in frontier],
            "tasks": [
                {"id": self._task_id(one), "name": one.node, "interrupts": (), "state": states.get(one.id)}
                for one in frontier
            ],
        }
        self._debug(point, "checkpoint", payload, "checkpoints")

    def _debug(self, point: Point, kind: str, payload: Any, mode: str) -> None:
        self.emit(mode, payload)
        step = point.step + (0 if kind == "checkpoint" else 1)
        at = datetime.now(UTC).isoformat()
        self.emit("debug", {"step": step, "timestamp": at, "type": kind, "payload": payload})


def _is_message(one: Any) -> bool:
    return hasattr(one, "content") and hasattr(one, "type") and hasattr(one, "id") and one.type != "remove"


def _values(given: Any) -> list[Any]:
    """The values of the fields of a state, or of a part of one."""
    if (parts := entries(given)) is not None:
        return list(parts.values())
    if is_dataclass(given) and not isinstance(given, type):
        return [getattr(given, one.name) for one in fields(given)]
    return [getattr(given, key) for key in cast("Any", type(given)).model_fields] if is_model(type(given)) else []


def ordered(built: Built, frontier: Sequence[Activation]) -> Sequence[Activation]:
    """As LangGraph lists what comes next: sent ones, then the others as they were declared."""
    declared = {name: index for index, name in enumerate(built.specs)}
    pulled = [one for one in frontier if not one.sent]
    return [*[one for one in frontier if one.sent], *sorted(pulled, key=lambda one: declared.get(one.node, -1))]


def ordered_path(activation: Activation) -> tuple[Any, ...]:
    """Where LangGraph would say that a task stands."""
    if not activation.sent:
        return ("__pregel_pull", activation.node)
    return ("__pregel_push", int(activation.id.rpartition("#")[2] or 0), False)


def results(update: Update, keys: Sequence[str]) -> dict[str, Any]:
    """What a task wrote, as snapshots tell it."""
    writes = {key: value for key, value in update.writes.items() if key in keys or key == "__return__"}
    return {key: {"$writes": list(value)} if isinstance(value, Many) else value for key, value in writes.items()}


def shown(update: Update, keys: Sequence[str]) -> Any:
    """What a task wrote, as ``updates`` tell it."""
    if "__return__" in update.writes:
        return update.writes["__return__"]
    writes = {key: value for key, value in update.writes.items() if key in keys}
    if not writes:
        return None
    if "__root__" in writes:
        root = writes["__root__"]
        return list(root) if isinstance(root, Many) else root
    if any(isinstance(value, Many) for value in writes.values()):
        return [{key: one} for key, value in writes.items() for one in (value if isinstance(value, Many) else (value,))]
    return writes


class Parts:
    """What an invocation streams, in order, for one listener in one loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._line: deque[tuple[tuple[str, ...], str, Any]] = deque()
        self._ring, self._back, self._rests = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._waits = self._closed = False

    def put(self, part: tuple[tuple[str, ...], str, Any]) -> None:
        """From any thread."""
        self._line.append(part)
        self._loop.call_soon_threadsafe(self._ring.set)

    def close(self) -> None:
        self._closed = True
        self._ring.set()
        self._rests.set()

    async def all(self) -> AsyncGenerator[tuple[tuple[str, ...], str, Any]]:
        while True:
            while self._line:
                yield self._line.popleft()
            if self._closed and not self._line:
                return
            self._waits = True
            self._back.set()
            await self._ring.wait()
            self._ring.clear()
            self._waits = False

    async def taken(self) -> None:
        """Until the listener has all of it, and has come back for more."""
        while self._line or not self._waits:
            self._rests.set()
            self._back.clear()
            await self._back.wait()
        self._rests.clear()

    async def resting(self) -> None:
        """Until who speaks waits for the listener, or has ended."""
        await self._rests.wait()
