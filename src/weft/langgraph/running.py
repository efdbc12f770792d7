"""One invocation: LangGraph's order of steps, checkpoints and streams, each step driven by Weft's engine."""

import asyncio
import time
from collections.abc import Awaitable, Generator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any, cast

from weft.engine.context import Context, Interrupted
from weft.engine.graph import Update
from weft.engine.scheduler import Paused, drive
from weft.engine.step import Activation, Checkpoint
from weft.errors import GraphError, NodeTimeout
from weft.langgraph.beginning import Beginning, started
from weft.langgraph.builder import Spec
from weft.langgraph.calling import alive, asks, called
from weft.langgraph.chat import beating
from weft.langgraph.current import Task, asked_id, running
from weft.langgraph.errors import (
    GraphDrained,
    GraphInterrupt,
    GraphRecursionError,
    InvalidUpdateError,
    NodeCancelledError,
    NodeError,
    NodeInterrupt,
    NodeTimeoutError,
    ParentCommand,
    innermost,
)
from weft.langgraph.looking import WeftCheckpointer
from weft.langgraph.managed import Steps
from weft.langgraph.points import ANSWERS, ASKED, ERROR
from weft.langgraph.streaming import Shared, ordered_path
from weft.langgraph.words import START, Command, Config, ExecutionInfo, Interrupt, Runtime, TimeoutPolicy


class Edge(Exception):
    """A step is done: here is what it led to."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__()
        self.checkpoint = checkpoint


class Invocation(Beginning):
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
        super().__init__(compiled, config, saver, shared, namespace)
        self.resuming, self.breakpoints = resuming, breakpoints
        self._stop = 0
        limit = config.get("max_concurrency")
        self._gate = nullcontext() if limit is None else asyncio.Semaphore(limit)
        self._cached: set[str] = set()
        self._rescued: set[str] = set()
        """Activations that failed, and whose error handler took over."""
        self._attempts: dict[str, tuple[int, float]] = {}
        self.partly: dict[str, Update] = {}
        """What nodes gave whose conditional edges ask something."""
        self.tasks: dict[str, Task] = {}
        """What runs here now, by activation."""

    # From the beginning to rest

    async def run(self, given: Any) -> Sequence[Interrupt] | None:
        """The interrupts it rests at; ``None`` where it came to its end.

        Raises:
            GraphRecursionError, InvalidUpdateError, Exception: what ended it.
        """
        over = False
        try:
            asked = await self._until_rest(given)
            over = asked is None
            return asked
        finally:
            if not (over and self.namespace and self.compiled.checkpointer is not True):  # nobody comes back to it
                await self.flush()

    async def _until_rest(self, given: Any) -> Sequence[Interrupt] | None:
        fresh = await self.begin(given)
        self._stop = self.first_step + self.config.get("recursion_limit", 10_007) + 1
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
            if self.shared.edge is not None:
                await self.shared.edge()
            control = self.shared.control
            if control is not None and control.drain_requested:
                raise GraphDrained(control.drain_reason or "shutdown")
            if (asked := await self._step()) is not None:
                return asked
            self.resuming = False
            if self._breaks(self.breakpoints[1], self.point.by):
                return self._rests_before()

    def _breaks(self, where: Any, nodes: Sequence[str]) -> bool:
        return any(node != START and (where == "*" or node in where) for node in nodes)

    def _rests_before(self) -> Sequence[Interrupt]:
        if not self.namespace:
            self.tell.emit("updates", {"__interrupt__": ()})
        return ()

    @property
    def ending_step(self) -> bool:
        """Whether all of the step is done, and the next point is about to be put on record."""
        frontier = self.point.checkpoint.frontier
        return bool(frontier) and all(one.id in self.point.done for one in frontier)

    @property
    def steps(self) -> Steps:
        return Steps(self.point.step + 1, self._stop)

    # A step

    async def _step(self) -> Sequence[Interrupt] | None:
        checkpoint = self.point.checkpoint
        self.tell.tasks(self.point, self.steps)
        first = checkpoint.frontier[0]
        if first.node == START:
            return await self._entered(first)
        for one in checkpoint.frontier:
            if (known := self.point.done.get(one.id)) is not None:
                self.tell.finished(self.point, one.node, known, None, cached=True)
        try:
            async with asyncio.timeout(self.compiled.step_timeout):
                await drive(self.built.graph, checkpoint, self, finished=self.point.done, max_steps=1)
        except Edge as edge:
            ran = tuple(dict.fromkeys(one.node for one in checkpoint.frontier))
            await self.settle()
            await self.put(edge.checkpoint, "loop", ran)
            self._tell_values(edge.checkpoint.written)
            return None
        except Paused:
            self.tell.halfway(self.point, self.partly)
            return self.open() or self._rests_before()
        except NodeTimeout as error:
            late = [one for one in self.point.errors.values() if isinstance(one, NodeTimeoutError)]
            raise late[0] if late else error from None
        except GraphError as error:
            raise InvalidUpdateError(str(error)) from error
        except BaseExceptionGroup as group:
            raise innermost(group) from None
        finally:
            await self.settle()
        raise AssertionError("a step ends at its edge")

    async def _entered(self, first: Activation) -> Sequence[Interrupt] | None:
        """Write the input, and ask where it leads."""
        checkpoint, id = self.point.checkpoint, self.task_id(first)
        task = self.task(first.id, id, START, self.below(START, id), {})
        try:
            with self.within(task):
                update = await self.built.entered(first.payload, checkpoint.values, task)
        except Interrupted as asked:
            self.ask(task, asked)
            await self.settle()
            return self.open()
        await self.put(started(update, checkpoint, self.built.graph), "loop", (START,))
        self._tell_values(update.writes)
        return None

    def _tell_values(self, written: Mapping[str, Any]) -> None:
        if any(key in self.built.keys for key in written):
            self.tell.values(self.point)

    async def node(self, spec: Spec, state: Mapping[str, Any], activation_id: str) -> Update:
        """Run one node: what the engine's graph calls."""
        activation = self._activation(activation_id)
        seen = activation.payload if activation.sent else spec.input.seen(state, self.steps)
        if spec.handler is not None and activation_id in self.point.errors:
            return await self.rescued(spec, state, activation_id)
        task = self._task(spec, activation)
        if spec.timeout is not None and spec.timeout.idle_timeout is not None and spec.timeout.refresh_on == "auto":
            task.config = {**task.config, "callbacks": beating(task.config.get("callbacks"), alive)}
        self.tell.seen(seen)
        key = self._cache_key(spec, seen)
        if key is not None and (kept := self.shared.cache.kept.get(key)) and kept[0] > time.time():
            self._cached.add(activation_id)
            given = kept[1]
        else:
            given = await self._called(spec, seen, task)
            if key is not None and spec.cache is not None:
                until = float("inf") if spec.cache.ttl is None else time.time() + spec.cache.ttl
                self.shared.cache.kept[key] = (until, given)
        with self.within(task):
            try:
                return await self.built.update(spec.name, given, state, task, steps=self.steps)
            except Interrupted as asked:  # a conditional edge asks: what the node gave is seen, and given again
                self.partly[activation_id] = await self.built.update("", given, state, task)
                raise self.ask(task, asked) from None

    async def rescued(self, spec: Spec, state: Mapping[str, Any], activation_id: str) -> Update:
        """Run what takes the place of a node that failed for good; its edges are not followed."""
        task = self._task(spec, self._activation(activation_id))
        failed = self.point.errors[activation_id]
        task.error = NodeError(spec.name, failed if isinstance(failed, BaseException) else RuntimeError(failed))
        self._rescued.add(activation_id)
        with self.within(task):
            given = await called(spec.handler, spec.input.seen(state, self.steps), asks(spec.handler), task)
            update = await self.built.update("", given, state, task, steps=self.steps)
        self.point.errors.pop(activation_id)
        return Update(update.writes, update.sends, update.goto, instead=bool(update.goto or update.sends))

    def _activation(self, id: str) -> Activation:
        return next(one for one in self.point.checkpoint.frontier if one.id == id)

    def _cache_key(self, spec: Spec, seen: Any) -> Any:
        if spec.cache is None or self.shared.cache is None:
            return None
        return (self.compiled.name, spec.name, spec.cache.key_func(seen))

    async def _called(self, spec: Spec, seen: Any, task: Task) -> Any:
        try:
            async with self._gate:
                with self.within(task):
                    given = await called(spec.call, seen, spec.injected, task)
        except Interrupted as asked:
            await self._others(task)
            raise self.ask(task, asked) from None
        except asyncio.CancelledError as error:
            if (current := asyncio.current_task()) is None or current.cancelling():
                raise
            raise NodeCancelledError(spec.name) from error
        except ParentCommand as found:
            given = Command(update=found.command.update, goto=found.command.goto)
        except BaseException:
            for other in task.running:
                other.cancel()
            raise
        await self._others(task)
        return given

    async def _others(self, task: Task) -> None:
        """Wait for the functions that a node called and did not wait for."""
        while pending := [one for one in task.running if not one.done()]:
            await asyncio.wait(pending)

    @contextmanager
    def within(self, task: Task) -> Generator[None]:
        token = running.set(task)
        try:
            yield
        finally:
            running.reset(token)

    def ask(self, task: Task, asked: Interrupted, *, inside: bool = False) -> Interrupted:
        """Keep what a task asks; what it waits for."""
        found = [one.payload for one in asked.questions if isinstance(one.payload, Interrupt)]
        if isinstance(asked, NodeInterrupt):
            found = [Interrupt(asked.value, asked.id or asked_id(task.id, 0))]
        own = asked_id(task.id, task.asked - 1)
        self.point.asked[task.activation] = [(one, one.id == own) for one in found]
        self.keep(task.activation, ASKED, self.point.asked[task.activation])
        if found:
            self.tell.asked(self.point, found, task, inside=inside)
        return GraphInterrupt(found)

    # Tasks

    def _task(self, spec: Spec, activation: Activation) -> Task:
        id = self.task_id(activation)
        triggers = ("__pregel_push",) if activation.sent else self.built.triggers(spec.name)
        about = {"langgraph_triggers": triggers, "langgraph_path": ordered_path(activation)}
        task = self.task(activation.id, id, spec.name, self.below(spec.name, id), {**spec.metadata, **about})
        self.tasks[activation.id] = task
        return task

    def task(self, activation: str, id: str, name: str, namespace: str, more: Mapping[str, Any]) -> Task:
        """What runs under this id, with its config and its answers."""
        configurable = {**self.config.get("configurable", {}), "checkpoint_ns": namespace}
        for key in ("checkpoint_id", "checkpoint_map"):
            configurable.pop(key, None)
        own = self.config.get("configurable", {}) if not self.namespace and self.saver is None else configurable
        base = {key: value for key, value in own.items() if _told(key, value)}
        about = {"ls_integration": "langgraph", "langgraph_step": self.point.step + 1, "langgraph_node": name, **more}
        metadata: dict[str, Any] = {
            **base,
            **(self.config.get("metadata") or {}),
            **about,
            "langgraph_checkpoint_ns": namespace,
        }
        config: Config = {**self.config, "configurable": configurable, "metadata": metadata}
        config.setdefault("tags", [])
        config.setdefault("callbacks", None)
        runtime: Runtime[Any] = Runtime(
            context=self.shared.context,
            store=self.shared.store,
            stream_writer=partial(self._written, name),
            previous=self.point.checkpoint.values.get("__previous__"),
            heartbeat=alive,
            execution_info=self._info(activation, id, namespace, configurable),
            control=self.shared.control,
        )
        answers = list(self.point.answers.get(activation, ()))
        self.shared.places[namespace] = self.tell.place
        return Task(id, activation, self, config, runtime, answers, partial(self._spare, asyncio.get_running_loop()))

    def _written(self, name: str, value: Any) -> None:
        """What a node writes; a sign of life, unless only heartbeats count."""
        self.tell.emit("custom", value)
        spec = self.built.specs.get(name)
        if spec is None or spec.timeout is None or spec.timeout.refresh_on == "auto":
            alive()

    def _info(self, activation: str, id: str, namespace: str, configurable: Mapping[str, Any]) -> ExecutionInfo:
        number, first = self._attempts.get(activation, (1, time.time()))
        thread = configurable.get("thread_id")
        return ExecutionInfo(
            checkpoint_id=self.point.id,
            checkpoint_ns=namespace,
            task_id=id,
            thread_id=None if thread is None else str(thread),
            run_id=None if (run := self.config.get("run_id")) is None else str(run),
            node_attempt=number,
            node_first_attempt_time=first,
        )

    def _spare(self, loop: asyncio.AbstractEventLoop, task: Task) -> list[Any]:
        if not self.shared.spare:
            return []
        answers = [*task.answers, self.shared.spare.pop()]
        self.point.answers[task.activation] = answers
        loop.call_soon_threadsafe(self.keep, task.activation, ANSWERS, answers)
        return answers[-1:]

    # The engine's recorder

    def context(self, activation: Activation) -> Context[Any]:
        return Context(None, (activation.id,), self, None)  # pyright: ignore[reportArgumentType]  # nodes here see no context

    def edge(self, checkpoint: Checkpoint) -> None:
        return None

    def started(self, activation: Activation, attempt: int) -> None:
        first = self._attempts.get(activation.id, (1, time.time()))[1]
        self._attempts[activation.id] = (attempt, first)

    def finished(self, activation: Activation, update: Update, *, alone: bool) -> None:
        self.finish(activation.id, update)
        task, cached = self.tasks.get(activation.id), activation.id in self._cached
        self.tell.finished(self.point, activation.node, update, task, cached=cached)

    def failed(self, activation: Activation, error: Exception, attempt: int, *, retrying: bool) -> None:
        if not retrying:
            error = self._timed_out(activation, error)
            if activation.id not in self._rescued:
                self.point.errors[activation.id] = error
                self.keep(activation.id, ERROR, repr(error))
            self.tell.failed(self.point, activation.node, self.tasks.get(activation.id), error)

    def _timed_out(self, activation: Activation, error: Exception) -> Exception:
        spec = self.built.specs.get(activation.node)
        return self.late(activation, error, None if spec is None else spec.timeout)

    def late(self, activation: Activation, error: Exception, limit: TimeoutPolicy | None) -> Exception:
        """An error in LangGraph's words, where it is that of a time limit."""
        if not isinstance(error, NodeTimeout) or limit is None:
            return error
        elapsed = time.time() - self._attempts.get(activation.id, (1, time.time()))[1]
        run, idle = cast("float | None", limit.run_timeout), cast("float | None", limit.idle_timeout)
        kind = "idle" if "sign of life" in str(error) else "run"
        return NodeTimeoutError(activation.node, elapsed, kind=kind, run_timeout=run, idle_timeout=idle)

    def commit(self, checkpoint: Checkpoint) -> Awaitable[None] | None:
        raise Edge(checkpoint)


def _told(key: str, value: Any) -> bool:
    hidden = key.startswith("__") or "api_key" in key
    return not hidden and isinstance(value, str | int | float | bool)
