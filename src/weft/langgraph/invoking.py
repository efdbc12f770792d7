"""The verbs that run a compiled graph: invoke, stream and batch, with a loop and without."""

import asyncio
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, is_typeddict

from weft.langgraph.blocking import loop, wait
from weft.langgraph.builder import Built
from weft.langgraph.chat import heard_by, listener
from weft.langgraph.current import Task, running
from weft.langgraph.errors import GraphInterrupt, LostCommand, ParentCommand
from weft.langgraph.looking import WeftCheckpointer
from weft.langgraph.running import Invocation
from weft.langgraph.snapshots import stable
from weft.langgraph.state import entries, listed
from weft.langgraph.streaming import Parts, Shared
from weft.langgraph.words import Config, GraphOutput, RunControl

MODES = ("values", "updates", "checkpoints", "tasks", "debug", "messages", "custom")


class Runs:
    """A graph that can be run in this process, on Weft's engine."""

    built: Built
    checkpointer: WeftCheckpointer | bool | None
    config: Config
    store: Any
    cache: Any
    step_timeout: float | None = None
    """How many seconds one step may take; more is a ``TimeoutError``."""
    context_schema: Any
    interrupt_before: Any
    interrupt_after: Any
    stream_mode: Any = "updates"

    async def astream(
        self,
        input: Any,
        config: Config | None = None,
        *,
        context: Any = None,
        stream_mode: str | Sequence[str] | None = None,
        print_mode: str | Sequence[str] = (),
        output_keys: Any = None,
        interrupt_before: Any = None,
        interrupt_after: Any = None,
        durability: str | None = None,
        subgraphs: bool = False,
        version: str = "v1",
        control: RunControl | None = None,
        **old: Any,
    ) -> AsyncGenerator[Any]:
        """What happens, as ``stream_mode`` says: updates of nodes, whole values, messages, what nodes write ...

        Several modes give ``(mode, data)``; ``subgraphs`` puts the namespace before it; version ``v2`` gives dicts.
        A step begins when whoever listens has taken what was told of the one before: who stops, stops the graph.
        With ``durability="exit"`` only the last checkpoint is stored. ``control`` can ask it to stop between two steps.
        """
        single = stream_mode is None or isinstance(stream_mode, str)
        modes: Sequence[str] = (stream_mode or self.stream_mode,) if single else stream_mode or ()  # pyright: ignore[reportAssignmentType]  # a mode is text
        _check_modes(modes)
        printed = (print_mode,) if isinstance(print_mode, str) else tuple(print_mode)
        lazy = durability == "exit" or old.get("checkpoint_during") is False
        parts = Parts()
        outer = None if _of_its_own(config) else running.get()
        made = self._invocation(config, context, (interrupt_before, interrupt_after), outer, lazy=lazy)
        made.shared.control = control or made.shared.control
        depth = len(made.tell.place)

        def take(namespace: tuple[str, ...], mode: str, data: Any) -> None:
            if (mode in modes or mode in printed) and (subgraphs or len(namespace) <= depth):
                parts.put((namespace, mode, data))

        def emit(namespace: tuple[str, ...], mode: str, data: Any) -> None:
            take(namespace, mode, data)
            if outer is not None:
                outer.run.shared.emit(namespace, mode, data)

        made.shared.emit, made.shared.edge = emit, parts.taken
        if "messages" in modes:
            _listens(made, take)
            made.shared.messages = True
        task = asyncio.create_task(_resting(made, input, nested=outer is not None))
        task.add_done_callback(lambda _: parts.close())
        try:
            async for namespace, mode, told in parts.all():
                data: Any = _only(told, output_keys) if mode in ("values", "updates") else told
                if mode in printed:
                    print(f"[{mode}] {data!r}")  # what print_mode is for
                if mode in modes:
                    yield self._part(namespace, mode, data, (version, subgraphs, single, len(namespace) == depth))
            await task
        finally:
            if made.ending_step:
                await parts.resting()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _part(self, namespace: tuple[str, ...], mode: str, data: Any, how: tuple[str, bool, bool, bool]) -> Any:
        """One part of the stream, in the shape that was asked for."""
        version, subgraphs, single, own = how
        if version != "v2":
            part = (*((namespace,) if subgraphs else ()), *(() if single else (mode,)), data)
            return part if len(part) > 1 else data
        if mode != "values":
            return {"type": mode, "ns": namespace, "data": data}
        interrupts: tuple[Any, ...] = ()
        if (values := entries(data)) is not None:
            interrupts = values.get("__interrupt__", ())
            data = {key: value for key, value in values.items() if key != "__interrupt__"}
        return {
            "type": mode,
            "ns": namespace,
            "data": self.built.state.made(data) if own and data else data,
            "interrupts": interrupts,
        }

    async def ainvoke(
        self,
        input: Any,
        config: Config | None = None,
        *,
        stream_mode: Any = "values",
        output_keys: Any = None,
        version: str = "v1",
        **options: Any,
    ) -> Any:
        """The output at the end; with ``__interrupt__`` in it where the graph waits."""
        if stream_mode != "values":
            more: dict[str, Any] = {
                **options,
                "stream_mode": stream_mode,
                "version": version,
                "output_keys": output_keys,
            }
            return [part async for part in self.astream(input, config, **more)]
        keys = output_keys if output_keys is not None else self.built.output.keys
        latest: Any = None
        interrupts: list[Any] = []
        options.pop("subgraphs", None)
        async with aclosing(self.astream(input, config, stream_mode=["updates", "values"], **options)) as parts:
            async for mode, data in parts:
                if mode == "values":
                    latest = data
                elif entries(data) is not None:
                    interrupts.extend(data.get("__interrupt__", ()))
        latest = latest if keys == ("__root__",) else _only(latest, keys)
        if version == "v2":
            values = entries(latest)
            told = latest if values is None else {key: one for key, one in values.items() if key != "__interrupt__"}
            return GraphOutput(self.built.output.made(told), tuple(interrupts))
        if interrupts:
            unique = list({one.id: one for one in interrupts}.values())
            return {**(entries(latest) or {}), "__interrupt__": unique}
        return latest

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

    def __call__(self, input: Any) -> Any:
        """``invoke``: so that a chain of LangChain's takes it for one of its steps."""
        return self.invoke(input)

    async def abatch(
        self, inputs: Sequence[Any], config: Any = None, *, return_exceptions: bool = False, **options: Any
    ) -> list[Any]:
        """Several inputs side by side."""
        configs = listed(config) or [config] * len(inputs)
        runs = [self.ainvoke(one, of, **options) for one, of in zip(inputs, configs, strict=True)]
        return list(await asyncio.gather(*runs, return_exceptions=return_exceptions))

    def batch(self, inputs: Sequence[Any], config: Any = None, **options: Any) -> list[Any]:
        """``abatch`` for programs without an event loop."""
        return wait(self.abatch(inputs, config, **options), on=self._loop())

    def _loop(self) -> asyncio.AbstractEventLoop:
        now = running.get()
        return now.loop if now is not None else loop()

    def _invocation(
        self, config: Config | None, context: Any, breaks: tuple[Any, Any], parent: Task | None, *, lazy: bool
    ) -> Invocation:
        merged = merged_config(self.config, config or {})
        if (limit := merged.get("recursion_limit")) is not None and limit < 1:
            raise ValueError("recursion_limit must be at least 1")
        breakpoints = (breaks[0] or self.interrupt_before, breaks[1] or self.interrupt_after)
        if parent is not None:
            return self._nested(parent, merged, breakpoints)
        merged.setdefault("recursion_limit", 10_007)
        if self.checkpointer is True:
            raise RuntimeError("checkpointer=True cannot be used for root graphs.")
        saver = self.checkpointer if isinstance(self.checkpointer, WeftCheckpointer) else None
        if saver is not None and "thread_id" not in merged.get("configurable", {}):
            raise ValueError(
                "Checkpointer requires one or more of the following 'configurable' keys: "
                "thread_id, checkpoint_ns, checkpoint_id"
            )
        shared = Shared(_unheard, self._context(context), self.store, lazy=lazy)
        shared.cache = self.cache
        return Invocation(self, merged, saver, shared, breakpoints=breakpoints)

    def _nested(self, parent: Task, config: Config, breakpoints: tuple[Any, Any]) -> Invocation:
        """As part of a node of another graph: its thread, its context, a namespace below."""
        outer: Invocation = parent.run
        namespace: str = parent.config["configurable"]["checkpoint_ns"]
        if parent.nested:
            namespace = f"{namespace}|{parent.nested}"
        parent.nested += 1
        saver = outer.saver
        if self.checkpointer is False:
            saver = None
        elif self.checkpointer is True:
            namespace = stable(namespace)
        elif saver is None and isinstance(self.checkpointer, WeftCheckpointer):
            saver = self.checkpointer
        merged = merged_config(parent.config, config)
        if saver is not None and "thread_id" not in merged["configurable"]:
            saver = None
        shared = outer.shared.beside(_unheard)
        made = Invocation(
            self, merged, saver, shared, namespace=namespace, resuming=outer.resuming, breakpoints=breakpoints
        )
        made.parents = {**outer.parents, outer.namespace: outer.point.id}
        return made

    def _context(self, context: Any) -> Any:
        schema, given = self.context_schema, entries(context)
        if given is None or schema is None or is_typeddict(schema) or schema is dict:
            return context
        return schema(**given)


def _check_modes(modes: Sequence[str]) -> None:
    if unknown := [mode for mode in modes if mode not in MODES]:
        raise ValueError(f"there is no stream mode {unknown[0]!r}: {', '.join(MODES)}")


def _of_its_own(config: Config | None) -> bool:
    """Whether a graph that is called in a node is told where its checkpoints are: then it is no part of that node."""
    given: dict[str, Any] = (config or {}).get("configurable") or {}
    here = running.get()
    if here is None or not any(given.get(key) for key in ("thread_id", "checkpoint_ns", "checkpoint_id")):
        return False
    return given.get("checkpoint_ns", "") != here.config["configurable"]["checkpoint_ns"]


async def _resting(made: Invocation, input: Any, *, nested: bool) -> None:
    """Run it; within a node, what it waits for becomes the node's own wait, and what is for its parent goes there."""
    try:
        asked = await made.run(input)
    except ParentCommand as command:
        if nested:
            raise
        raise LostCommand(command.command) from None
    if nested and asked is not None:
        raise GraphInterrupt(asked)


def _listens(made: Invocation, take: Any) -> None:
    """Have what LangChain's models say below it told as messages of its stream."""

    def say(task: str, message: Any, about: dict[str, Any]) -> None:
        take(made.shared.places.get(task, tuple(task.split("|")[:-1])), "messages", (message, about))

    if (hears := listener(say, made.shared.seen)) is not None:
        made.config = {**made.config, "callbacks": heard_by(made.config.get("callbacks"), hears)}


def _unheard(namespace: tuple[str, ...], mode: str, data: Any) -> None:
    """Nobody listens."""


def _only(data: Any, keys: Any) -> Any:
    values = entries(data)
    if keys is None or values is None:
        return data
    if isinstance(keys, str):
        return values.get(keys)
    return {key: value for key, value in values.items() if key in keys or key.startswith("__")}


def merged_config(first: Config, then: Mapping[str, Any]) -> Config:
    """One config over another: what is in both of ``configurable``, ``metadata`` and ``tags`` is put together."""
    merged = {**first, **then}
    for key in ("configurable", "metadata"):
        if first.get(key) or then.get(key):
            merged[key] = {**(first.get(key) or {}), **(then.get(key) or {})}
    if first.get("tags") and then.get("tags"):
        merged["tags"] = list(dict.fromkeys([*first["tags"], *then["tags"]]))
    if then.get("callbacks") is None and first.get("callbacks") is not None:
        merged["callbacks"] = first["callbacks"]
    merged.setdefault("configurable", {})
    return merged
