"""The loop: run what is in the frontier side by side, apply, commit. The engine's only concurrency."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol

from weft.engine.attempt import attempt as _attempt
from weft.engine.attempt import describe as describe
from weft.engine.context import Asked, Context, Interrupted, Waits, joined
from weft.engine.graph import Graph, Update
from weft.engine.step import Activation, Checkpoint, apply
from weft.errors import LimitExceeded


class Recorder(Protocol):
    """Where the scheduler puts what must outlive it. Only ``commit`` may make it wait."""

    def context(self, activation: Activation) -> Context[Any]: ...

    def started(self, activation: Activation, attempt: int) -> None: ...

    def finished(self, activation: Activation, update: Update, *, alone: bool) -> None:
        """It is done. ``alone``: its commit follows at once, so nothing more need be kept of it."""
        ...

    def failed(self, activation: Activation, error: Exception, attempt: int, *, retrying: bool) -> None: ...

    def edge(self, checkpoint: Checkpoint) -> Checkpoint | None:
        """Asked before each step, and when nothing is left to run: ``None`` to go on.

        A checkpoint takes the place of the one given: somebody wrote to it between two steps.

        Raises:
            Paused: the graph is to stop here.
        """
        ...

    def commit(self, checkpoint: Checkpoint) -> Awaitable[None] | None:
        """Put the checkpoint on record; ``None`` where there is nothing to wait for."""
        ...


class Paused(Exception):
    """The graph cannot go on until these questions have answers, there is more of what stopped it, or it is let go."""

    def __init__(
        self, questions: tuple[Asked, ...], stop: LimitExceeded | None = None, *, halted: str | None = None
    ) -> None:
        super().__init__(", ".join(question.id for question in questions))
        self.questions = questions
        self.stop = stop
        """The limit that stopped it, where one did."""
        self.halted = halted
        """Why it was halted at an edge, where it was."""


NONE_FINISHED: Mapping[str, Update] = MappingProxyType({})


async def drive(
    graph: Graph,
    checkpoint: Checkpoint,
    recorder: Recorder,
    *,
    finished: Mapping[str, Update] = NONE_FINISHED,
    max_steps: int = 1000,
) -> Checkpoint:
    """Run ``graph`` from ``checkpoint`` until its frontier is empty; the last checkpoint.

    ``finished`` holds the updates of activations that were done before a crash: they do not run again.

    Raises:
        Paused: nodes asked questions, a limit stopped one, it took ``max_steps`` steps, or it was halted; the
            checkpoint on record is the one to resume from.
        Exception: what a node raised, after its policy had its say; its siblings are cancelled.
    """
    last = checkpoint.step + max_steps
    if graph.schedule == "eager":
        return await _Eager(graph, checkpoint, recorder, finished, last).drive()
    edge = recorder.edge
    while True:
        if (changed := edge(checkpoint)) is not None:
            checkpoint = changed
        if not (frontier := checkpoint.frontier):
            return checkpoint
        if checkpoint.step >= last:
            raise _looping(graph)
        state = MappingProxyType(checkpoint.values)
        if len(frontier) == 1 and not finished:
            activation = frontier[0]
            try:
                update = await _attempt(graph, state, activation, recorder)
            except Interrupted as asked:
                raise together([asked]) from None
            recorder.finished(activation, update, alone=True)
            done = [(activation, update)]
        else:
            updates = await _side_by_side(graph, state, frontier, recorder, finished)
            done = [(activation, updates[activation.id]) for activation in frontier]
            finished = NONE_FINISHED
        checkpoint = apply(graph, checkpoint, done)
        if (durable := recorder.commit(checkpoint)) is not None:
            await durable


def _looping(graph: Graph) -> Paused:
    words = f"graph {graph.name!r} took more steps than its limit allows; does it loop?"
    return Paused((), LimitExceeded(f"{words} A run that is resumed counts them anew", "recursion"))


async def _side_by_side(
    graph: Graph,
    state: Mapping[str, Any],
    frontier: tuple[Activation, ...],
    recorder: Recorder,
    finished: Mapping[str, Update],
) -> dict[str, Update]:
    """The updates of all activations of the frontier, or the first error, or all questions."""
    updates: dict[str, Update] = {}
    halted: list[Interrupted] = []
    errors: list[Exception] = []
    tasks: list[asyncio.Task[None]] = []
    gate = None if graph.parallel is None else asyncio.Semaphore(graph.parallel)

    async def run(activation: Activation) -> None:
        try:
            update = await _attempt(graph, state, activation, recorder)
        except Interrupted as halt:
            halted.append(halt)
        except Exception as error:
            errors.append(error)
            for task in tasks:
                task.cancel()
        else:
            updates[activation.id] = update
            recorder.finished(activation, update, alone=False)

    async with asyncio.TaskGroup() as group:
        for activation in frontier:
            if activation.id in finished:
                updates[activation.id] = finished[activation.id]
            else:
                tasks.append(group.create_task(run(activation) if gate is None else _gated(gate, run, activation)))
    if errors:
        raise errors[0]
    if halted:
        raise together(halted)
    return updates


def together(halted: Sequence[Waits]) -> Paused:
    """All that keeps the branches of a step from going on, as one."""
    one = joined(halted)
    return Paused(one.questions, one.stop, halted=one.halted)


class _Eager:
    """Every activation commits by itself as soon as it is done, and what it woke starts at once."""

    def __init__(
        self, graph: Graph, checkpoint: Checkpoint, recorder: Recorder, finished: Mapping[str, Update], last: int
    ) -> None:
        self._graph, self._checkpoint, self._recorder = graph, checkpoint, recorder
        self._finished, self._last = finished, last
        self._running: dict[asyncio.Task[Update], Activation] = {}
        self._begun: set[str] = set()
        self._halted: list[Interrupted] = []
        self._halt: Paused | None = None

    async def drive(self) -> Checkpoint:
        try:
            await self._start()
            while self._running:
                done, _ = await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
                for task in [task for task in self._running if task in done]:
                    await self._settle(task, self._running.pop(task))
        finally:
            await _cancel(self._running)
        if self._halt is not None or self._halted:
            raise together([*self._halted, *(() if self._halt is None else (self._halt,))])
        return self._checkpoint

    async def _start(self) -> None:
        """Start every activation of the frontier that is not running yet; none any more once it was halted."""
        if self._halt is not None:
            return
        try:
            if (changed := self._recorder.edge(self._checkpoint)) is not None:
                self._checkpoint = changed
        except Paused as halt:
            self._halt = halt
            return
        state = MappingProxyType(self._checkpoint.values)
        for activation in self._checkpoint.frontier:
            if activation.id in self._begun:
                continue
            if self._halt is not None or self._full():
                return
            self._begun.add(activation.id)
            if activation.id in self._finished:
                await self._commit(activation, self._finished[activation.id])
                continue
            task = asyncio.create_task(_attempt(self._graph, state, activation, self._recorder))
            self._running[task] = activation

    def _full(self) -> bool:
        return self._graph.parallel is not None and len(self._running) >= self._graph.parallel

    async def _settle(self, task: asyncio.Task[Update], activation: Activation) -> None:
        try:
            update = task.result()
        except Interrupted as halt:
            self._halted.append(halt)
            await self._start()
            return
        self._recorder.finished(activation, update, alone=True)
        await self._commit(activation, update)

    async def _commit(self, activation: Activation, update: Update) -> None:
        if self._checkpoint.step >= self._last:
            raise _looping(self._graph)
        self._checkpoint = apply(self._graph, self._checkpoint, [(activation, update)])
        if (durable := self._recorder.commit(self._checkpoint)) is not None:
            await durable
        await self._start()


async def _cancel(tasks: Mapping[asyncio.Task[Update], Activation]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.gather(*tasks, return_exceptions=True)


async def _gated(gate: asyncio.Semaphore, run: Callable[[Activation], Awaitable[None]], activation: Activation) -> None:
    async with gate:
        await run(activation)
