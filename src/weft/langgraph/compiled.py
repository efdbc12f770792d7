"""A compiled graph with LangGraph's verbs: invoke, stream, and the state of its threads."""

import asyncio
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Literal, TypeVar, is_typeddict

from weft.engine.context import Asked, Interrupted
from weft.langgraph.blocking import loop, wait
from weft.langgraph.builder import Built, Declared, ToParent
from weft.langgraph.by_hand import updated
from weft.langgraph.current import Task, running
from weft.langgraph.points import Point, WeftCheckpointer
from weft.langgraph.running import Invocation
from weft.langgraph.state import entries, listed
from weft.langgraph.streaming import Parts, Shared, ordered
from weft.langgraph.words import (
    START,
    Config,
    InvalidUpdateError,
    PregelTask,
    StateSnapshot,
    StateUpdate,
)

_MODES = ("values", "updates", "checkpoints", "tasks", "debug", "messages", "custom")


S = TypeVar("S")


class CompiledStateGraph:
    """Runs in this process, on Weft's engine; its checkpoints are in a Weft store."""

    def __init__(
        self,
        builder: Declared[Any],
        *,
        checkpointer: WeftCheckpointer | bool | None,
        cache: Any,
        store: Any,
        interrupt_before: Any,
        interrupt_after: Any,
        name: str,
        config: Config | None = None,
    ) -> None:
        self.builder, self.checkpointer, self.cache, self.store, self.name = builder, checkpointer, cache, store, name
        self.interrupt_before, self.interrupt_after = interrupt_before, interrupt_after
        self.config = config or {}
        self.built = Built(builder, name)

    def with_config(self, config: Config | None = None, **more: Any) -> "CompiledStateGraph":
        """The same graph, with what each run's config begins with."""
        return CompiledStateGraph(
            self.builder,
            checkpointer=self.checkpointer,
            cache=self.cache,
            store=self.store,
            interrupt_before=self.interrupt_before,
            interrupt_after=self.interrupt_after,
            name=self.name,
            config=_merged(self.config, {**(config or {}), **more}),
        )

    # Run

    async def astream(
        self,
        input: Any,
        config: Config | None = None,
        *,
        context: Any = None,
        stream_mode: str | Sequence[str] | None = None,
        output_keys: Any = None,
        interrupt_before: Any = None,
        interrupt_after: Any = None,
        durability: str | None = None,
        subgraphs: bool = False,
        **_: Any,
    ) -> AsyncGenerator[Any]:
        """What happens, as ``stream_mode`` says: updates of nodes, whole values, messages, what nodes write ...

        Several modes give ``(mode, data)``; ``subgraphs`` puts the namespace before it.
        """
        parent = running.get()
        modes = (stream_mode or "updates",) if stream_mode is None or isinstance(stream_mode, str) else stream_mode
        single = stream_mode is None or isinstance(stream_mode, str)
        if unknown := [mode for mode in modes if mode not in _MODES]:
            raise ValueError(f"there is no stream mode {unknown[0]!r}: {', '.join(_MODES)}")
        parts = Parts()
        depth = len(parent.config["configurable"]["checkpoint_ns"].split("|")) if parent is not None else 0

        def emit(namespace: tuple[str, ...], mode: str, data: Any) -> None:
            if mode in modes and (subgraphs or len(namespace) <= depth or mode == "messages"):
                parts.put((namespace, mode, data))
            if parent is not None:
                parent.run.shared.emit(namespace, mode, data)

        made = self._invocation(config, context, emit, (interrupt_before, interrupt_after))
        task = asyncio.create_task(_resting(made, input, nested=parent is not None))
        task.add_done_callback(lambda _: parts.close())
        try:
            async for namespace, mode, told in parts.all():
                data: Any = _only(told, output_keys) if mode in ("values", "updates") else told
                part = (*((namespace,) if subgraphs else ()), *(() if single else (mode,)), data)
                yield part if len(part) > 1 else data
            await task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def ainvoke(
        self, input: Any, config: Config | None = None, *, stream_mode: Any = "values", **options: Any
    ) -> Any:
        """The state at the end; with ``__interrupt__`` in it where the graph waits."""
        if stream_mode != "values":
            return [part async for part in self.astream(input, config, stream_mode=stream_mode, **options)]
        keys = options.pop("output_keys", None) or self.built.output.keys
        latest: Any = None
        interrupts: list[Any] = []
        async with aclosing(
            self.astream(input, config, stream_mode=["updates", "values"], output_keys=None, **options)
        ) as parts:
            async for mode, data in parts:
                if mode == "values":
                    latest = data
                else:
                    interrupts.extend(data.get("__interrupt__", ()))
        latest = latest if keys == ("__root__",) else _only(latest, keys)
        return {**(entries(latest) or {}), "__interrupt__": interrupts} if interrupts else latest

    def stream(self, input: Any, config: Config | None = None, **options: Any) -> Generator[Any]:
        """``astream`` for programs without an event loop."""
        on = self._loop()
        generator = self.astream(input, config, **options)
        try:
            while True:
                try:
                    yield wait(generator.__anext__(), on=on)  # pyright: ignore[reportArgumentType]  # it is a coroutine
                except StopAsyncIteration:
                    return
        finally:
            wait(generator.aclose(), on=on)

    def invoke(self, input: Any, config: Config | None = None, **options: Any) -> Any:
        """``ainvoke`` for programs without an event loop."""
        return wait(self.ainvoke(input, config, **options), on=self._loop())

    async def abatch(self, inputs: Sequence[Any], config: Any = None, **options: Any) -> list[Any]:
        """Several inputs side by side."""
        configs = listed(config) or [config] * len(inputs)
        runs = [self.ainvoke(one, of, **options) for one, of in zip(inputs, configs, strict=True)]
        return list(await asyncio.gather(*runs))

    def batch(self, inputs: Sequence[Any], config: Any = None, **options: Any) -> list[Any]:
        return wait(self.abatch(inputs, config, **options), on=self._loop())

    def _loop(self) -> asyncio.AbstractEventLoop:
        now = running.get()
        return now.loop if now is not None else loop()

    def _invocation(self, config: Config | None, context: Any, emit: Any, breakpoints: tuple[Any, Any]) -> Invocation:
        parent = running.get()
        merged = _merged(self.config, config or {})
        before = breakpoints[0] if breakpoints[0] is not None else self.interrupt_before
        after = breakpoints[1] if breakpoints[1] is not None else self.interrupt_after
        if parent is not None:
            return self._nested(parent, merged, emit, (before, after))
        merged.setdefault("recursion_limit", 10_007)
        saver = self.checkpointer if isinstance(self.checkpointer, WeftCheckpointer) else None
        if saver is not None and "thread_id" not in merged.get("configurable", {}):
            raise ValueError(
                "Checkpointer requires one or more of the following 'configurable' keys: "
                "thread_id, checkpoint_ns, checkpoint_id"
            )
        shared = Shared(emit, self._context(context), self.store)
        return Invocation(self, merged, saver, shared, breakpoints=(before, after))

    def _nested(self, parent: Task, config: Config, emit: Any, breakpoints: tuple[Any, Any]) -> Invocation:
        """As part of a node of another graph: its thread, its context, a namespace below."""
        outer: Invocation = parent.run
        namespace: str = parent.config["configurable"]["checkpoint_ns"]
        if parent.nested:
            namespace = f"{namespace}|{parent.nested}"
        parent.nested += 1
        saver = outer.saver
        if isinstance(self.checkpointer, WeftCheckpointer):
            saver = self.checkpointer
        elif self.checkpointer is True:
            namespace = "|".join(part.partition(":")[0] for part in namespace.split("|"))
        elif self.checkpointer is False:
            saver = None
        merged = _merged(parent.config, config)
        if saver is not None and "thread_id" not in merged["configurable"]:
            saver = None
        shared = Shared(emit, outer.shared.context, outer.shared.store)
        shared.resume, shared.spare = outer.shared.resume, outer.shared.spare
        resuming = outer.resuming and bool(outer.shared.resume)
        return Invocation(self, merged, saver, shared, namespace=namespace, resuming=resuming, breakpoints=breakpoints)

    def _context(self, context: Any) -> Any:
        schema, given = self.builder.context_schema, entries(context)
        if given is None or schema is None or is_typeddict(schema) or schema is dict:
            return context
        return schema(**given)

    # The state of threads

    async def aget_state(self, config: Config, *, subgraphs: bool = False) -> StateSnapshot:
        """The state of a thread now, or at ``checkpoint_id``."""
        saver, config = self._saver(config)
        configurable = config["configurable"]
        trail = saver.trail(configurable["thread_id"], configurable.get("checkpoint_ns", ""))
        id = configurable.get("checkpoint_id")
        point = await saver.get(trail, id)
        if point is None:
            return StateSnapshot({}, (), config, None, None, None, (), ())
        return self._snapshot(point, config, latest=id is None)

    async def aget_state_history(
        self,
        config: Config,
        *,
        filter: Mapping[str, Any] | None = None,
        before: Config | None = None,
        limit: int | None = None,
    ) -> AsyncGenerator[StateSnapshot]:
        """All states of a thread, newest first."""
        saver, config = self._saver(config)
        configurable = config["configurable"]
        trail = saver.trail(configurable["thread_id"], configurable.get("checkpoint_ns", ""))
        until = before["configurable"].get("checkpoint_id") if before else None
        for point in await saver.list(trail, before=until, limit=limit, filter=filter):
            yield self._snapshot(point, config, latest=False)

    async def aupdate_state(
        self, config: Config, values: Any, as_node: str | None = None, task_id: str | None = None
    ) -> Config:
        """Write to the state as though ``as_node`` had; where the new checkpoint is.

        Raises:
            InvalidUpdateError: it is not clear which node, or there is no such node.
        """
        return await self.abulk_update_state(config, [[StateUpdate(values, as_node)]])

    async def abulk_update_state(self, config: Config, supersteps: Sequence[Sequence[StateUpdate]]) -> Config:
        """Several of them, one superstep after the other."""
        saver, config = self._saver(config)
        shared = Shared(_unheard, None, self.store)
        namespace = config["configurable"].get("checkpoint_ns", "")
        made = Invocation(self, config, saver, shared, namespace=namespace)
        assert made.trail is not None
        id = config["configurable"].get("checkpoint_id")
        point = await saver.get(made.trail, id)
        if point is not None:
            made.point = point
        else:
            made.point.metadata["step"] = -1
        for index, updates in enumerate(supersteps):
            await updated(made, updates, apply_done=id is None and index == 0)
        return made.at(made.point.id)

    def get_state(self, config: Config, *, subgraphs: bool = False) -> StateSnapshot:
        return wait(self.aget_state(config, subgraphs=subgraphs), on=self._loop())

    def get_state_history(self, config: Config, **options: Any) -> Generator[StateSnapshot]:
        async def all() -> list[StateSnapshot]:
            return [one async for one in self.aget_state_history(config, **options)]

        yield from wait(all(), on=self._loop())

    def update_state(self, config: Config, values: Any, as_node: str | None = None, task_id: Any = None) -> Config:
        return wait(self.aupdate_state(config, values, as_node), on=self._loop())

    def bulk_update_state(self, config: Config, supersteps: Sequence[Sequence[StateUpdate]]) -> Config:
        return wait(self.abulk_update_state(config, supersteps), on=self._loop())

    def _saver(self, config: Config) -> tuple[WeftCheckpointer, Config]:
        merged = _merged(self.config, config)
        if not isinstance(self.checkpointer, WeftCheckpointer):
            raise ValueError("No checkpointer set")
        return self.checkpointer, merged

    def _snapshot(self, point: Point, config: Config, *, latest: bool) -> StateSnapshot:
        saver = self.checkpointer if isinstance(self.checkpointer, WeftCheckpointer) else None
        namespace = config["configurable"].get("checkpoint_ns", "")
        made = Invocation(self, config, saver, Shared(_unheard, None, None), namespace=namespace)
        made.point = point
        tasks: list[PregelTask] = []
        next = ordered(self.built, point.checkpoint.frontier)
        for one in next:
            update = point.done.get(one.id)
            result = None if update is None else {k: v for k, v in update.writes.items() if k in self.built.keys}
            if one.node == START:
                result = one.payload
            path = ("__pregel_push", 0) if one.sent else ("__pregel_pull", one.node)
            asked = tuple(point.asked.get(one.id, ()))
            if latest and update is not None:
                asked = ()
            tasks.append(PregelTask(made.task_id(one), one.node, path, point.errors.get(one.id), asked, None, result))
        return StateSnapshot(
            values=self.built.whole(point.checkpoint.values),
            next=tuple([one.node for one in next if not latest or one.id not in point.done]),
            config=made.at(point.id),
            metadata=point.metadata,
            created_at=point.at,
            parent_config=None if point.parent is None else made.at(point.parent),
            tasks=tuple(tasks),
            interrupts=tuple([asked for task in tasks for asked in task.interrupts]),
        )


class StateGraph(Declared[S]):
    """Declares a graph step by step; ``compile`` freezes it."""

    def compile(
        self,
        checkpointer: WeftCheckpointer | bool | None = None,
        *,
        cache: Any = None,
        store: Any = None,
        interrupt_before: Sequence[str] | Literal["*"] | None = None,
        interrupt_after: Sequence[str] | Literal["*"] | None = None,
        debug: bool = False,
        name: str | None = None,
        **_: Any,
    ) -> Any:
        """The graph, ready to run.

        Raises:
            ValueError: an edge leads nowhere, or nothing runs at the start.
        """
        return CompiledStateGraph(
            self.validate(),
            checkpointer=checkpointer,
            cache=cache,
            store=store,
            interrupt_before=interrupt_before or (),
            interrupt_after=interrupt_after or (),
            name=name or "LangGraph",
        )


async def _resting(made: Invocation, input: Any, *, nested: bool) -> None:
    """Run it; within a node, what it waits for becomes the node's own wait, and what is for its parent goes there."""
    try:
        asked = await made.run(input)
    except ToParent as command:
        if nested:
            raise
        raise InvalidUpdateError("there is no parent graph for this command") from command
    if nested and asked:
        raise Interrupted(tuple([Asked(one.id, (), one, None) for one in asked]))


def _unheard(namespace: tuple[str, ...], mode: str, data: Any) -> None:
    """Nobody listens."""


def _only(data: Any, keys: Any) -> Any:
    values = entries(data)
    if keys is None or values is None:
        return data
    if isinstance(keys, str):
        return values.get(keys)
    return {key: value for key, value in values.items() if key in keys or key.startswith("__")}


def _merged(first: Config, then: Config) -> Config:
    merged = {**first, **then}
    for key in ("configurable", "metadata"):
        if first.get(key) or then.get(key):
            merged[key] = {**(first.get(key) or {}), **(then.get(key) or {})}
    merged.setdefault("configurable", {})
    return merged
