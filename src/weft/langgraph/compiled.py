"""A compiled graph with LangGraph's verbs: invoke, stream, and the state of its threads."""

from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from copy import copy
from typing import Any, Literal, Self, TypeVar

from pydantic import TypeAdapter

from weft.langgraph.blocking import wait
from weft.langgraph.builder import Built
from weft.langgraph.by_hand import updated
from weft.langgraph.declared import Declared
from weft.langgraph.drawing import drawn
from weft.langgraph.invoking import Runs, merged_config
from weft.langgraph.looking import WeftCheckpointer
from weft.langgraph.running import Invocation
from weft.langgraph.schemas import json_schema
from weft.langgraph.snapshots import NOBODY, located, shown_at, snapshot, standing
from weft.langgraph.words import START, Config, StateSnapshot, StateUpdate

S = TypeVar("S")


class CompiledStateGraph(Runs):
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
        self.context_schema = builder.context_schema
        self.built = self._build(builder, name)

    def _build(self, builder: Declared[Any], name: str) -> Built:
        return Built(builder, name)

    def with_config(self, config: Config | None = None, **more: Any) -> Self:
        """The same graph, with what each run's config begins with."""
        return self.copy({"config": merged_config(self.config, {**(config or {}), **more})})

    def copy(self, update: Mapping[str, Any] | None = None) -> Self:
        """The same graph, with other attributes."""
        made = copy(self)
        for key, value in (update or {}).items():
            setattr(made, key, value)
        return made

    def get_name(self, *_: Any, name: str | None = None) -> str:
        return name or self.name

    @property
    def nodes(self) -> Mapping[str, Any]:
        """What runs, by name; the start is one of them."""
        return {START: None, **self.built.specs}

    @property
    def channels(self) -> Mapping[str, Any]:
        return self.built.channels

    def get_subgraphs(self, *, namespace: str | None = None, recurse: bool = False) -> Generator[tuple[str, Any]]:
        """The graphs that its nodes run, by name; with ``recurse`` those inside them too."""
        for name, graph in self.built.inner.items():
            if namespace in (None, name):
                yield name, graph
            if recurse and namespace in (None, name):
                yield from [(f"{name}|{inner}", one) for inner, one in graph.get_subgraphs(recurse=True)]

    async def aget_subgraphs(self, **options: Any) -> AsyncGenerator[tuple[str, Any]]:
        """``get_subgraphs``, for code that awaits."""
        for one in self.get_subgraphs(**options):
            yield one

    def get_graph(self, config: Config | None = None, *, xray: int | bool = False) -> Any:
        """Its drawing: LangChain's ``Graph``, with ``draw_mermaid()`` and its kin.

        Raises:
            UsageError: ``langchain_core`` is not installed.
        """
        return drawn(self, xray)

    async def aget_graph(self, config: Config | None = None, *, xray: int | bool = False) -> Any:
        """``get_graph``, for code that awaits."""
        return drawn(self, xray)

    def clear_cache(self, nodes: Sequence[str] | None = None) -> None:
        """Forget the kept results of these nodes, or of all."""
        names = self.built.specs if nodes is None else nodes
        kept: dict[Any, Any] = {} if self.cache is None else self.cache.kept
        for key in [key for key in kept if key[0] == self.name and key[1] in names]:
            del kept[key]

    async def aclear_cache(self, nodes: Sequence[str] | None = None) -> None:
        """``clear_cache``, for code that awaits."""
        self.clear_cache(nodes)

    def get_input_jsonschema(self, config: Config | None = None) -> dict[str, Any]:
        """The schema of what it takes, as JSON Schema."""
        return json_schema(self.builder.input_schema, f"{self.name}Input")

    def get_output_jsonschema(self, config: Config | None = None) -> dict[str, Any]:
        """The schema of what it gives, as JSON Schema."""
        return json_schema(self.builder.output_schema, f"{self.name}Output")

    def get_context_jsonschema(self) -> dict[str, Any] | None:
        schema = self.builder.context_schema
        return None if schema is None else TypeAdapter(schema).json_schema()

    # The state of threads

    async def aget_state(self, config: Config, *, subgraphs: bool = False) -> StateSnapshot:
        """The state of a thread now, or at ``checkpoint_id``; with ``subgraphs`` that of those inside too."""
        saver, config = self._saver(config)
        return await snapshot(self, saver, config, subgraphs=subgraphs)

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
        namespace = config["configurable"].get("checkpoint_ns", "")
        made, id = standing(located(self, namespace), namespace, saver, config)
        assert made.trail is not None
        until = before["configurable"].get("checkpoint_id") if before else None
        for point in await saver.points(made.trail, before=until, limit=limit, filter=filter):
            if id is None or point.id == id:
                made.point = point
                yield await shown_at(made, latest=False)

    async def aupdate_state(
        self, config: Config, values: Any, as_node: str | None = None, task_id: str | None = None
    ) -> Config:
        """Write to the state as though ``as_node`` had; where the new checkpoint is.

        Raises:
            InvalidUpdateError: it is not clear which node, or there is no such node.
        """
        return await self.abulk_update_state(config, [[StateUpdate(values, as_node, task_id)]])

    async def abulk_update_state(self, config: Config, supersteps: Sequence[Sequence[StateUpdate]]) -> Config:
        """Several of them, one superstep after the other.

        Raises:
            ValueError: there is none.
        """
        if not supersteps:
            raise ValueError("No supersteps provided")
        if any(not updates for updates in supersteps):
            raise ValueError("No updates provided")
        saver, config = self._saver(config)
        namespace = config["configurable"].get("checkpoint_ns", "")
        inner = located(self, namespace)
        known, id = standing(inner, namespace, saver, config)
        made = Invocation(inner, known.config, saver, NOBODY, namespace=known.namespace)
        made.parents = known.parents
        assert made.trail is not None
        point = await saver.find(made.trail, id)
        if point is not None:
            made.point = point
            made.parents = point.metadata.get("parents") or made.parents
        else:
            made.point.metadata["step"] = -1 if supersteps[0][0].as_node != "__input__" else -2
        for index, updates in enumerate(supersteps):
            await updated(made, updates, apply_done=id is None and index == 0)
        return made.at(made.point.id)

    def get_state(self, config: Config, *, subgraphs: bool = False) -> StateSnapshot:
        return wait(self.aget_state(config, subgraphs=subgraphs), on=self._loop())

    def get_state_history(self, config: Config, **options: Any) -> Generator[StateSnapshot]:
        """``aget_state_history`` for programs without an event loop."""

        async def all() -> list[StateSnapshot]:
            return [one async for one in self.aget_state_history(config, **options)]

        yield from wait(all(), on=self._loop())

    def update_state(self, config: Config, values: Any, as_node: str | None = None, task_id: Any = None) -> Config:
        return wait(self.aupdate_state(config, values, as_node), on=self._loop())

    def bulk_update_state(self, config: Config, supersteps: Sequence[Sequence[StateUpdate]]) -> Config:
        return wait(self.abulk_update_state(config, supersteps), on=self._loop())

    def _saver(self, config: Config) -> tuple[WeftCheckpointer, Config]:
        merged = merged_config(self.config, config)
        if not isinstance(self.checkpointer, WeftCheckpointer):
            raise ValueError("No checkpointer set")
        return self.checkpointer, merged


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
        given: Any = checkpointer
        if given not in (None, True, False) and not isinstance(given, WeftCheckpointer):
            raise TypeError(
                "Invalid checkpointer provided. Expected an instance of `BaseCheckpointSaver`, `True`, `False`, or "
                f"`None`. Received {type(given).__name__}."
            )
        before, after = interrupt_before or (), interrupt_after or ()
        self.validate([name for names in (before, after) if names != "*" for name in names])
        return CompiledStateGraph(
            self,
            checkpointer=checkpointer,
            cache=cache,
            store=store,
            interrupt_before=before,
            interrupt_after=after,
            name=name or "LangGraph",
        )
