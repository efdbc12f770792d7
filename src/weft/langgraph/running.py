"""One invocation: LangGraph's order of steps, checkpoints and streams, each step driven by Weft's engine."""

import asyncio
import time
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

from weft.engine.context import Context, Interrupted
from weft.engine.graph import Update
from weft.engine.scheduler import Paused, drive
from weft.engine.step import Activation, Checkpoint, apply, begin
from weft.errors import GraphError
from weft.langgraph.builder import Built, Spec, ToParent, called
from weft.langgraph.current import Task, running
from weft.langgraph.points import ANSWERS, ASKED, ERROR, Point, WeftCheckpointer, new_id
from weft.langgraph.state import Many, changes
from weft.langgraph.words import (
    START,
    Command,
    Config,
    EmptyInputError,
    GraphRecursionError,
    Interrupt,
    InvalidUpdateError,
    Runtime,
)

Emit: TypeAlias = Callable[[tuple[str, ...], str, Any], None]
_NAMESPACE = uuid.UUID("6ba7b831-9dad-11d1-80b4-00c04fd430c8")


class Edge(Exception):
    """A step is done: here is what it led to."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__()
        self.checkpoint = checkpoint


class Shared:
    """What an invocation and those of its sub-graphs have in common."""

    def __init__(self, emit: Emit, context: Any, store: Any) -> None:
        self.emit, self.context, self.store = emit, context, store
        self.resume: dict[str, Any] = {}
        """Answers by the id of their interrupt."""
        self.spare: list[Any] = []
        """An answer that came before its question."""


class Invocation:
    """Runs a compiled graph from a point of its thread, or from the beginning, until it rests."""

    def __init__(
        self,
        compiled: Any,
        config: Config,
        saver: WeftCheckpointer | None,
        shared: Shared,
        *,
        namespace: str = "",
        resuming: bool = False,
        breakpoints: tuple[Any, Any] = ((), ()),
    ) -> None:
        self.compiled, self.config, self.saver, self.shared = compiled, config, saver, shared
        self.built: Built = compiled.built
        self.namespace, self.resuming = namespace, resuming
        self.breakpoints = breakpoints
        configurable = config.get("configurable", {})
        self.trail = None if saver is None else saver.trail(configurable["thread_id"], namespace)
        self._place = tuple(namespace.split("|")) if namespace else ()
        self._writing: list[asyncio.Task[None]] = []
        self.point: Point = Point(id="", checkpoint=Checkpoint(), versions={}, metadata={"step": -2}, at="")
        self._stop = 0
        self.cached: set[str] = set()

    # From the beginning to rest

    async def run(self, given: Any) -> Sequence[Interrupt] | None:
        """The interrupts it rests at; ``None`` where it came to its end.

        Raises:
            GraphRecursionError, InvalidUpdateError, Exception: what ended it.
        """
        fresh = await self._begin(given)
        self._stop = self._first_step + self.config.get("recursion_limit", 10_007) + 1
        passed = not fresh and self.resuming
        while True:
            if self.point.step + 1 > self._stop:
                raise GraphRecursionError(
                    f"Recursion limit of {self.config['recursion_limit']} reached without hitting a stop condition. "
                    "You can increase the limit by setting the `recursion_limit` config key."
                )
            frontier = self.point.checkpoint.frontier
            if not frontier:
                return None
            if not passed and self._breaks(self.breakpoints[0], [one.node for one in frontier]):
                return self._rests_before()
            passed = False
            if (asked := await self._step()) is not None:
                return asked
            if self._breaks(self.breakpoints[1], self.point.by):
                return self._rests_before()

    def _breaks(self, where: Any, nodes: Sequence[str]) -> bool:
        return any(node != START and (where == "*" or node in where) for node in nodes)

    def _rests_before(self) -> Sequence[Interrupt]:
        self.emit("updates", {"__interrupt__": ()})
        return ()

    async def _begin(self, given: Any) -> bool:
        """Find the point to go on from; whether a new input made it."""
        id = self.config.get("configurable", {}).get("checkpoint_id") if not self.namespace else None
        found = None
        if self.saver is not None and self.trail is not None:
            found = await self.saver.get(self.trail, id)
        if found is not None:
            self.point = found
        command = isinstance(given, Command)
        self._first_step = self.point.step + 1
        if found is not None and (given is None or command or (self.namespace and self.resuming)):
            await self._go_on(given if command else None, addressed=id is not None)
            return False
        if command:
            given = await self._commanded(given)
        if given is None:
            raise EmptyInputError(f"Received no input for {START}")
        await self._enter(given)
        return True

    async def _enter(self, given: Any) -> None:
        writes = changes(self.built.input.made(given), self.built.keys)
        if not writes and not isinstance(given, Command):
            raise InvalidUpdateError(
                f"Must write to at least one of {list(self.built.input.keys)}" if isinstance(given, dict) else
                f"Expected dict, got {given}"
            )  # fmt: skip
        before = self.point.checkpoint
        entering = Activation("0:__start__", START, writes)
        await self._put(Checkpoint(step=before.step, values=before.values, frontier=(entering,)), "input", ())

    async def _commanded(self, command: Command[Any]) -> Any:
        """A command where nothing is to be gone on from."""
        if command.resume is not None and self.saver is None:
            raise RuntimeError("Cannot use Command(resume=...) without checkpointer")
        return command.update

    async def _go_on(self, command: Command[Any] | None, *, addressed: bool) -> None:
        self.resuming = True
        point = self.point
        answered = command is not None and command.resume is not None
        if answered and command is not None:
            self._answer(command.resume)
        if addressed and not answered:
            point.asked, point.answers = {}, {}
            if point.metadata.get("source") not in ("update", "fork"):
                point.done = {}
                await self._put(point.checkpoint, "fork", point.by, point.ran)
        if command is not None and (command.update is not None or command.goto):
            update = await self.built.update("", Command(update=command.update, goto=command.goto), {}, None)
            values = begin(self.built.graph, Checkpoint(values=point.checkpoint.values), update)
            frontier = (*point.checkpoint.frontier, *values.frontier)
            checkpoint = Checkpoint(step=point.checkpoint.step + 1, values=values.values, frontier=frontier)
            done, asked, answers = point.done, point.asked, point.answers
            await self._put(checkpoint, "update", point.by, point.ran)
            self.point.done, self.point.asked, self.point.answers = done, asked, answers
        await self._give()
        self._values()

    def _answer(self, resume: Any) -> None:
        if self.saver is None:
            raise RuntimeError("Cannot use Command(resume=...) without checkpointer")
        open = [one for task, asked in self.point.asked.items() if task not in self.point.done for one in asked]
        ids = {one.id for one in open}
        if isinstance(resume, dict) and resume and ids.issuperset(resume):
            self.shared.resume.update(resume)
        elif len(open) > 1:
            raise RuntimeError(
                "When there are multiple pending interrupts, you must specify the interrupt id when resuming."
            )
        elif open:
            self.shared.resume[open[0].id] = resume
        else:
            self.shared.spare.append(resume)

    async def _give(self) -> None:
        """Put the answers on record with the tasks that asked here."""
        for task, asked in self.point.asked.items():
            given = [self.shared.resume[one.id] for one in asked if one.id in self.shared.resume]
            own = [one for one in asked if one.id in self.shared.resume and not one.id.startswith("sub:")]
            if given and own and task not in self.point.done:
                answers = [*self.point.answers.get(task, []), *[self.shared.resume[one.id] for one in own]]
                self.point.answers[task] = answers
                await self._write(task, ANSWERS, answers)

    # A step

    async def _step(self) -> Sequence[Interrupt] | None:
        checkpoint = self.point.checkpoint
        self._tell_tasks()
        first = checkpoint.frontier[0]
        if first.node == START:
            values = Checkpoint(step=checkpoint.step, values=checkpoint.values)
            update = await self.built.entered(first.payload, checkpoint.values)
            try:
                after = begin(self.built.graph, values, update)
            except GraphError as error:
                raise InvalidUpdateError(str(error)) from error
            await self._put(after, "loop", (START,))
            self._values()
            return None
        try:
            await drive(self.built.graph, checkpoint, self, finished=self.point.done, max_steps=1)
        except Edge as edge:
            ran = tuple(dict.fromkeys(one.node for one in checkpoint.frontier))
            await self._settle()
            await self._put(edge.checkpoint, "loop", ran)
            if edge.checkpoint.written:
                self._values()
            return None
        except Paused:
            self._tell_halfway(checkpoint)
            return [one for task, some in self.point.asked.items() if task not in self.point.done for one in some]
        except GraphError as error:
            raise InvalidUpdateError(str(error)) from error
        except BaseExceptionGroup as group:
            raise _first(group) from None
        finally:
            await self._settle()
        raise AssertionError("a step ends at its edge")

    async def node(self, spec: Spec, state: Mapping[str, Any], activation_id: str) -> Update:
        """Run one node: what the engine's graph calls."""
        activation = next(one for one in self.point.checkpoint.frontier if one.id == activation_id)
        seen = activation.payload if activation.sent else spec.input.seen(state)
        if activation.sent and isinstance(seen, dict):
            seen = spec.input.made(seen) if not isinstance(spec.input.made(seen), dict) else seen
        task = self._task(spec, activation)
        key = self._cache_key(spec, seen)
        if key is not None and (kept := self.compiled.cache.kept.get(key)) and kept[0] > time.time():
            self.cached.add(activation_id)
            given = kept[1]
        else:
            given = await self._called(spec, seen, task, activation)
            if key is not None and spec.cache is not None:
                until = float("inf") if spec.cache.ttl is None else time.time() + spec.cache.ttl
                self.compiled.cache.kept[key] = (until, given)
        return await self._update(spec, given, state, task)

    def _cache_key(self, spec: Spec, seen: Any) -> Any:
        if spec.cache is None or self.compiled.cache is None:
            return None
        return (self.compiled.name, spec.name, spec.cache.key_func(seen))

    async def _called(self, spec: Spec, seen: Any, task: Task, activation: Activation) -> Any:
        token = running.set(task)
        try:
            return await called(spec.call, seen, spec.injected, task)
        except Interrupted as asked:
            self._ask(activation, asked)
            raise
        except ToParent as command:
            return command.command if command.command.graph is None else _up(command.command)
        finally:
            running.reset(token)

    async def _update(self, spec: Spec, given: Any, state: Mapping[str, Any], task: Task) -> Update:
        token = running.set(task)
        try:
            return await self.built.update(spec.name, given, state, task)
        finally:
            running.reset(token)

    def _ask(self, activation: Activation, asked: Interrupted) -> None:
        found = [one.payload for one in asked.questions if isinstance(one.payload, Interrupt)]
        if hasattr(asked, "value"):
            id = getattr(asked, "id", None) or uuid.uuid5(_NAMESPACE, self._task_id(activation)).hex
            found = [Interrupt(asked.value, id)]  # pyright: ignore[reportAttributeAccessIssue]  # a NodeInterrupt
        self.point.asked[activation.id] = found
        self._writing.append(asyncio.create_task(self._write(activation.id, ASKED, found)))
        self.emit("updates", {"__interrupt__": tuple(found)})
        values = self.built.whole(self.point.checkpoint.values)
        told = values if isinstance(values, dict) else {}
        self.emit("values", {**told, "__interrupt__": tuple(found)})

    def _task(self, spec: Spec, activation: Activation) -> Task:
        id = self._task_id(activation)
        namespace = f"{self.namespace}|{spec.name}:{id}" if self.namespace else f"{spec.name}:{id}"
        step = self.point.step + 1
        about = {"langgraph_step": step, "langgraph_node": spec.name, "langgraph_checkpoint_ns": namespace}
        configurable = {**self.config.get("configurable", {}), "checkpoint_ns": namespace}
        configurable.pop("checkpoint_id", None)
        metadata = {**self.config.get("metadata", {}), **spec.metadata, **about}
        config: Config = {**self.config, "configurable": configurable, "metadata": metadata}
        writer = lambda data: self.emit("custom", data)  # noqa: E731
        runtime = Runtime(context=self.shared.context, store=self.shared.store, stream_writer=writer)
        answers = list(self.point.answers.get(activation.id, ()))
        return Task(id, self, config, runtime, answers, lambda task: self._spare(activation.id, task))

    def _spare(self, activation: str, task: Task) -> list[Any]:
        if not self.shared.spare:
            return []
        answer = self.shared.spare.pop()
        self.point.answers[activation] = [*task.answers, answer]
        return [answer]

    def _task_id(self, activation: Activation) -> str:
        return str(uuid.uuid5(_NAMESPACE, f"{self.point.id}/{self.namespace}/{activation.id}"))

    # The engine's recorder

    def context(self, activation: Activation) -> Context[Any]:
        return Context(None, (activation.id,), self, None)  # pyright: ignore[reportArgumentType]  # nodes here see no context

    def edge(self, checkpoint: Checkpoint) -> None:
        return None

    def started(self, activation: Activation, attempt: int) -> None:
        return None

    def finished(self, activation: Activation, update: Update, *, alone: bool) -> None:
        self.point.done[activation.id] = update
        if self.saver is not None and self.trail is not None:
            save = self.saver.finish(self.trail, self.point.id, activation.id, update)
            self._writing.append(asyncio.create_task(save))
        told = _told(update, self.built.keys)
        chunk: dict[str, Any] = {activation.node: told}
        if activation.id in self.cached:
            chunk["__metadata__"] = {"cached": True}
        self.emit("updates", chunk)
        self._tell_messages(activation, told)
        result = {} if told is None else told
        self._debug("task_result", {"id": self._task_id(activation), "name": activation.node, "error": None,
                                    "result": result, "interrupts": []}, "tasks")  # fmt: skip

    def failed(self, activation: Activation, error: Exception, attempt: int, *, retrying: bool) -> None:
        if not retrying:
            self.point.errors[activation.id] = error
            self._writing.append(asyncio.create_task(self._write(activation.id, ERROR, repr(error))))

    def commit(self, checkpoint: Checkpoint) -> Awaitable[None] | None:
        raise Edge(checkpoint)

    # What is on record

    async def _put(
        self, checkpoint: Checkpoint, source: str, by: Sequence[str], ran: Sequence[str] | None = None
    ) -> None:
        before, id = self.point, new_id()
        pulled = sorted([one for one in checkpoint.frontier if not one.sent], key=lambda one: one.node)
        frontier = (*pulled, *[one for one in checkpoint.frontier if one.sent])
        checkpoint = Checkpoint(
            step=checkpoint.step, values=checkpoint.values, frontier=frontier, written=checkpoint.written
        )
        old = before.checkpoint.values
        versions = {
            key: before.versions[key] if key in before.versions and key in old and old[key] is value else id
            for key, value in checkpoint.values.items()
        }
        metadata = {"source": source, "step": before.step + 1, "parents": {}, **_about(self.config)}
        self.point = Point(
            id=id,
            parent=before.id or None,
            checkpoint=checkpoint,
            versions=versions,
            metadata=metadata,
            at=datetime.now(UTC).isoformat(),
            by=tuple(by),
            ran=tuple(ran if ran is not None else [*[one for one in before.ran if one not in by], *by]),
        )
        if self.saver is not None and self.trail is not None:
            await self.saver.put(self.trail, self.point)
        self._tell_checkpoint()

    async def _write(self, task: str, kind: str, value: Any) -> None:
        if self.saver is not None and self.trail is not None:
            await self.saver.write(self.trail, self.point.id, task, kind, value)

    async def _settle(self) -> None:
        writing, self._writing = self._writing, []
        if writing:
            await asyncio.gather(*writing)

    # What is streamed

    def emit(self, mode: str, data: Any) -> None:
        self.shared.emit(self._place, mode, data)

    def _values(self) -> None:
        self.emit("values", self.built.whole(self.point.checkpoint.values))

    def _tell_halfway(self, checkpoint: Checkpoint) -> None:
        """The state as those nodes will make it that did not have to ask."""
        done = [(one, self.point.done[one.id]) for one in checkpoint.frontier if one.id in self.point.done]
        if any(update.writes for _, update in done):
            of_these = Checkpoint(values=checkpoint.values, frontier=tuple([one for one, _ in done]))
            self.emit("values", self.built.whole(apply(self.built.graph, of_these, done).values))

    def _debug(self, kind: str, payload: Any, mode: str) -> None:
        self.emit(mode, payload)
        at = datetime.now(UTC).isoformat()
        step = self.point.step + (0 if kind == "checkpoint" else 1)
        self.emit("debug", {"step": step, "timestamp": at, "type": kind, "payload": payload})

    def _tell_tasks(self) -> None:
        for one in self.point.checkpoint.frontier:
            if one.node == START or one.id in self.point.done:
                continue
            seen = one.payload if one.sent else self.built.specs[one.node].input.values(self.point.checkpoint.values)
            triggers = ("__pregel_push",) if one.sent else (f"branch:to:{one.node}",)
            task = {"id": self._task_id(one), "name": one.node, "input": seen, "triggers": triggers}
            self._debug("task", task, "tasks")

    def _tell_checkpoint(self) -> None:
        point = self.point
        payload = {
            "values": self.built.whole(point.checkpoint.values),
            "metadata": point.metadata,
            "next": [one.node for one in ordered(self.built, point.checkpoint.frontier)],
            "config": self.at(point.id),
            "parent_config": None if point.parent is None else self.at(point.parent),
        }
        self._debug("checkpoint", payload, "checkpoints")

    def _tell_messages(self, activation: Activation, told: Any) -> None:
        for update in told if isinstance(told, list) else [told or {}]:
            for value in update.values():
                for one in value if isinstance(value, list) else (value,):
                    if hasattr(one, "content") and hasattr(one, "type"):
                        about = {"langgraph_node": activation.node, "langgraph_step": self.point.step + 1}
                        self.emit("messages", (one, about))

    def at(self, id: str) -> Config:
        thread = self.config.get("configurable", {}).get("thread_id")
        return {"configurable": {"thread_id": thread, "checkpoint_ns": self.namespace, "checkpoint_id": id}}

    def output(self) -> Any:
        return self.built.output.values(self.point.checkpoint.values)


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


def _up(command: Command[Any]) -> Command[Any]:
    return Command(update=command.update, goto=command.goto)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found


def _about(config: Config) -> dict[str, Any]:
    """What of a config goes into the metadata of a checkpoint."""
    hidden = ("thread_id", "checkpoint_id", "checkpoint_ns", "checkpoint_map")
    about: dict[str, Any] = {}
    for source in (config.get("metadata") or {}, config.get("configurable") or {}):
        for key, value in source.items():
            if key not in hidden and not key.startswith(("__", "langgraph_")) and isinstance(value, str | int | float):
                about.setdefault(key, value)
    return about


class Parts:
    """What an invocation streams, in order, for one listener in one loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._line: deque[Any] = deque()
        self._ring = asyncio.Event()
        self._closed = False

    def put(self, part: Any) -> None:
        """From any thread."""
        self._line.append(part)
        self._loop.call_soon_threadsafe(self._ring.set)

    def close(self) -> None:
        self._closed = True
        self._ring.set()

    async def __aiter__(self) -> Any:
        while True:
            while self._line:
                yield self._line.popleft()
            if self._closed and not self._line:
                return
            await self._ring.wait()
            self._ring.clear()
