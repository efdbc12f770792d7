"""One invocation: LangGraph's order of steps, checkpoints and streams, each step driven by Weft's engine."""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from weft.engine.context import Context, Interrupted
from weft.engine.graph import Update
from weft.engine.scheduler import Paused, drive
from weft.engine.step import Activation, Checkpoint, begin
from weft.errors import GraphError
from weft.langgraph.builder import Built, Spec, ToParent, called
from weft.langgraph.current import Task, running
from weft.langgraph.points import ANSWERS, ASKED, ERROR, Point, WeftCheckpointer, new_id
from weft.langgraph.state import changes, entries
from weft.langgraph.streaming import Shared, Teller
from weft.langgraph.words import (
    START,
    Command,
    Config,
    EmptyInputError,
    GraphRecursionError,
    Interrupt,
    InvalidUpdateError,
    NodeInterrupt,
    Runtime,
)

_NAMESPACE = uuid.UUID("6ba7b831-9dad-11d1-80b4-00c04fd430c8")


class Edge(Exception):
    """A step is done: here is what it led to."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__()
        self.checkpoint = checkpoint


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
        self.tell = Teller(self.built, namespace, shared.emit, self.task_id)
        self._writing: list[asyncio.Task[None]] = []
        self.point: Point = Point(id="", checkpoint=Checkpoint(), versions={}, metadata={"step": -2}, at="")
        self._stop = 0
        self._cached: set[str] = set()

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
        self.tell.emit("updates", {"__interrupt__": ()})
        return ()

    async def _begin(self, given: Any) -> bool:
        """Find the point to go on from; whether a new input made it."""
        id = self.config.get("configurable", {}).get("checkpoint_id") if not self.namespace else None
        found = None
        if self.saver is not None and self.trail is not None:
            found = await self.saver.get(self.trail, id)
        if found is not None:
            self.point = found
        command = cast("Command[Any]", given) if isinstance(given, Command) else None
        self._first_step = self.point.step + 1
        if found is not None and (given is None or command is not None or (self.namespace and self.resuming)):
            await self._go_on(command, addressed=id is not None)
            return False
        if command is not None:
            given = await self._commanded(command)
        if given is None:
            raise EmptyInputError(f"Received no input for {START}")
        await self._enter(given)
        return True

    async def _enter(self, given: Any) -> None:
        writes = changes(self.built.input.made(given), self.built.keys)
        if not writes and not isinstance(given, Command):
            raise InvalidUpdateError(
                f"Must write to at least one of {list(self.built.input.keys)}" if entries(given) is not None else
                f"Expected dict, got {given}"
            )  # fmt: skip
        before = self.point.checkpoint
        entering = Activation("0:__start__", START, writes)
        await self.put(Checkpoint(step=before.step, values=before.values, frontier=(entering,)), "input", ())

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
                await self.put(point.checkpoint, "fork", point.by, point.ran)
        if command is not None and (command.update is not None or command.goto):
            update = await self.built.update("", Command(update=command.update, goto=command.goto), {}, None)
            values = begin(self.built.graph, Checkpoint(values=point.checkpoint.values), update)
            frontier = (*point.checkpoint.frontier, *values.frontier)
            checkpoint = Checkpoint(step=point.checkpoint.step + 1, values=values.values, frontier=frontier)
            done, asked, answers = point.done, point.asked, point.answers
            await self.put(checkpoint, "update", point.by, point.ran)
            self.point.done, self.point.asked, self.point.answers = done, asked, answers
        await self._give()
        self.tell.values(self.point)

    def _answer(self, resume: Any) -> None:
        if self.saver is None:
            raise RuntimeError("Cannot use Command(resume=...) without checkpointer")
        open = [one for task, asked in self.point.asked.items() if task not in self.point.done for one in asked]
        ids = {one.id for one in open}
        if (by_id := entries(resume)) and ids.issuperset(by_id):
            self.shared.resume.update(by_id)
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
        self.tell.tasks(self.point)
        first = checkpoint.frontier[0]
        if first.node == START:
            values = Checkpoint(step=checkpoint.step, values=checkpoint.values)
            given = first.payload["__root__"] if self.built.keys == ("__root__",) else first.payload
            update = await self.built.entered(given, checkpoint.values)
            try:
                after = begin(self.built.graph, values, update)
            except GraphError as error:
                raise InvalidUpdateError(str(error)) from error
            await self.put(after, "loop", (START,))
            self.tell.values(self.point)
            return None
        try:
            await drive(self.built.graph, checkpoint, self, finished=self.point.done, max_steps=1)
        except Edge as edge:
            ran = tuple(dict.fromkeys(one.node for one in checkpoint.frontier))
            await self._settle()
            await self.put(edge.checkpoint, "loop", ran)
            if edge.checkpoint.written:
                self.tell.values(self.point)
            return None
        except Paused:
            self.tell.halfway(self.point)
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
        if activation.sent and entries(seen) is not None:
            seen = spec.input.made(seen)
        task = self._task(spec, activation)
        key = self._cache_key(spec, seen)
        if key is not None and (kept := self.compiled.cache.kept.get(key)) and kept[0] > time.time():
            self._cached.add(activation_id)
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
        if isinstance(asked, NodeInterrupt):
            id = asked.id or uuid.uuid5(_NAMESPACE, self.task_id(activation)).hex
            found = [Interrupt(asked.value, id)]
        self.point.asked[activation.id] = found
        self._writing.append(asyncio.create_task(self._write(activation.id, ASKED, found)))
        self.tell.asked(self.point, found)

    def _task(self, spec: Spec, activation: Activation) -> Task:
        id = self.task_id(activation)
        namespace = f"{self.namespace}|{spec.name}:{id}" if self.namespace else f"{spec.name}:{id}"
        step = self.point.step + 1
        about = {"langgraph_step": step, "langgraph_node": spec.name, "langgraph_checkpoint_ns": namespace}
        configurable = {**self.config.get("configurable", {}), "checkpoint_ns": namespace}
        configurable.pop("checkpoint_id", None)
        metadata = {**self.config.get("metadata", {}), **spec.metadata, **about}
        config: Config = {**self.config, "configurable": configurable, "metadata": metadata}

        def writer(data: Any) -> None:
            self.tell.emit("custom", data)

        runtime: Runtime[Any] = Runtime(context=self.shared.context, store=self.shared.store, stream_writer=writer)
        answers = list(self.point.answers.get(activation.id, ()))
        return Task(id, self, config, runtime, answers, lambda task: self._spare(activation.id, task))

    def _spare(self, activation: str, task: Task) -> list[Any]:
        if not self.shared.spare:
            return []
        answer = self.shared.spare.pop()
        self.point.answers[activation] = [*task.answers, answer]
        return [answer]

    def task_id(self, activation: Activation) -> str:
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
        self.tell.finished(self.point, activation, update, cached=activation.id in self._cached)

    def failed(self, activation: Activation, error: Exception, attempt: int, *, retrying: bool) -> None:
        if not retrying:
            self.point.errors[activation.id] = error
            self._writing.append(asyncio.create_task(self._write(activation.id, ERROR, repr(error))))

    def commit(self, checkpoint: Checkpoint) -> Awaitable[None] | None:
        raise Edge(checkpoint)

    # What is on record

    async def put(
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
        metadata: dict[str, Any] = {"source": source, "step": before.step + 1, "parents": {}, **_about(self.config)}
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
        parent = None if before.id == "" else self.at(before.id)
        self.tell.checkpoint(self.point, self.at(id), parent)

    async def _write(self, task: str, kind: str, value: Any) -> None:
        if self.saver is not None and self.trail is not None:
            await self.saver.write(self.trail, self.point.id, task, kind, value)

    async def _settle(self) -> None:
        writing, self._writing = self._writing, []
        if writing:
            await asyncio.gather(*writing)

    def at(self, id: str) -> Config:
        thread = self.config.get("configurable", {}).get("thread_id")
        return {"configurable": {"thread_id": thread, "checkpoint_ns": self.namespace, "checkpoint_id": id}}

    def output(self) -> Any:
        return self.built.output.values(self.point.checkpoint.values)


def _up(command: Command[Any]) -> Command[Any]:
    return Command(update=command.update, goto=command.goto)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    found = group.exceptions[0]
    return _first(cast("BaseExceptionGroup[BaseException]", found)) if isinstance(found, BaseExceptionGroup) else found


def _about(config: Config) -> dict[str, Any]:
    """What of a config goes into the metadata of a checkpoint."""
    hidden = ("thread_id", "checkpoint_id", "checkpoint_ns", "checkpoint_map")
    about: dict[str, Any] = {}
    sources: list[dict[str, Any]] = [config.get("metadata") or {}, config.get("configurable") or {}]
    for source in sources:
        for key, value in source.items():
            if key not in hidden and not key.startswith(("__", "langgraph_")) and isinstance(value, str | int | float):
                about.setdefault(key, value)
    return about
