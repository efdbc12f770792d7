"""A compiled LangGraph graph as a target of Weft: an app's, or a node; the other door of ``langgraph``.

LangGraph's own engine runs it, inside one activation. Its checkpoints are in the run's store, under the run's thread;
its interrupts are questions of the run; what it streams comes as events.
"""

from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import asdict, is_dataclass
from typing import Any, TypeAlias, cast

import msgspec
from langchain_core.messages import AIMessageChunk, BaseMessage, convert_to_openai_messages
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import GraphRecursionError, InvalidUpdateError
from langgraph.pregel import Pregel
from langgraph.types import Command, StateSnapshot

from weft import events
from weft.engine.channels import LastValue
from weft.engine.context import Asked, Context, Interrupted
from weft.engine.graph import Graph, Node, State, Update
from weft.errors import GraphError, LimitExceeded
from weft.langgraph.saver import WeftSaver
from weft.runtime.run import Runnable
from weft.storage.base import Scope, Store

Compiled: TypeAlias = "Pregel[Any, Any, Any, Any]"
Config: TypeAlias = dict[str, Any]
OWNER = "weft_activation"
"""In a checkpoint's metadata: which activation made it, so that it is known again after a restart."""


class LangGraph(Runnable[Any, Any]):
    """Runs a compiled LangGraph graph. ``run``, ``stream``, ``App(targets=[...])``, ``ctx.call`` or ``add_node``."""

    __slots__ = ("_compiled", "_config", "_graph", "_input", "_output", "name")

    def __init__(
        self,
        compiled: Compiled,
        name: str,
        config: Config,
        input: Callable[[Any], Any],
        output: Callable[[Any], Any],
    ) -> None:
        self.name = name
        self._compiled, self._config, self._input, self._output = compiled, config, input, output
        self._graph = Graph(
            name,
            channels={"input": LastValue(), "output": LastValue()},
            nodes=[Node(name="langgraph", run=self._run)],
            enter=lambda given: Update({"input": given}, goto=("langgraph",)),
            leave=lambda state: state["output"],
        )

    def graph(self) -> Graph:
        return self._graph

    async def __call__(self, state: Any, ctx: Context[Any]) -> Any:
        """As a node of a ``StateGraph``: gets the state, gives its output as changes."""
        return await ctx.call(self, dict(cast("Mapping[str, Any]", state)) if isinstance(state, Mapping) else state)

    async def _run(self, state: State, payload: Any, ctx: Context[Any]) -> Update:
        saver, thread = _saver(ctx), ctx.run.thread_id
        graph = self._compiled.copy({"checkpointer": saver})
        owner = ctx.idempotency_key
        config: Any = {**self._config, "metadata": {**self._config.get("metadata", {}), OWNER: owner}}
        config["configurable"] = {**self._config.get("configurable", {}), "thread_id": thread}
        found = await saver.aget_tuple(config)
        known = found is not None and cast("dict[str, Any]", found.metadata).get(OWNER) == owner
        given = _answered(graph, await graph.aget_state(config), ctx) if known else self._input(state["input"])
        context = ctx.deps if self._compiled.context_schema is not None else None
        while True:
            if given is not _DONE:
                await _through(graph, given, config, context, ctx)
            snapshot = await graph.aget_state(config)
            if not snapshot.tasks:
                values = _output(graph, snapshot)
                return Update({"output": self._output(values)})
            given = _answered(graph, snapshot, ctx)


_DONE = object()


def from_langgraph(
    compiled: Compiled,
    *,
    name: str | None = None,
    config: Mapping[str, Any] | None = None,
    input: Callable[[Any], Any] | None = None,
    output: Callable[[Any], Any] | None = None,
) -> LangGraph:
    """A graph compiled by the package ``langgraph``, as a target of Weft.

    ``config`` is given to each of its runs (``recursion_limit``, ``tags``, ``configurable`` ...). ``input`` makes its
    input of ours; by default text becomes a message, where it has ``messages``, and the rest stays. ``output`` makes
    ours of its values; by default they become plain data, messages as ``{"role": ..., "content": ...}``. The run's
    ``deps`` are its ``context``, if it declares one.

    Its checkpoints go into the store of the run instead of the checkpointer that it was compiled with.
    """
    graph = cast("Any", compiled)
    channels: Mapping[str, Any] = graph.channels

    def worded(given: Any) -> Any:
        if isinstance(given, str) and "messages" in channels:
            return {"messages": [{"role": "user", "content": given}]}
        return given

    return LangGraph(compiled, name or graph.get_name(), dict(config or {}), input or worded, output or plain)


def _saver(ctx: Context[Any]) -> BaseCheckpointSaver[Any]:
    store: Store | None = ctx.run.store
    if store is None:
        return InMemorySaver()
    scope, driver = Scope(ctx.run.workspace, ctx.run.user_id), (ctx.run.id, ctx.run.fence)
    return WeftSaver(store, scope, below="/".join(ctx.path[:-1]), driver=driver)


async def _through(graph: Compiled, given: Any, config: Any, context: Any, ctx: Context[Any]) -> None:
    """Run it to its end or its next interrupt; what it streams becomes events.

    Raises:
        LimitExceeded, GraphError: LangGraph's own complaints, in our words.
    """
    modes: Any = ["updates", "messages", "custom"]
    try:
        astream: Any = cast("Any", graph).astream  # its overloads are not wholly typed
        kept: Any = {"stream_mode": modes, "subgraphs": True, "durability": "sync"}
        async with aclosing(astream(given, config, context=context, **kept)) as parts:
            async for namespace, mode, data in parts:
                _tell(ctx, namespace, mode, data)
    except GraphRecursionError as error:
        raise LimitExceeded(str(error)) from error
    except InvalidUpdateError as error:
        raise GraphError(str(error)) from error


def _tell(ctx: Context[Any], namespace: tuple[str, ...], mode: str, data: Any) -> None:
    if mode == "custom":
        ctx.emit(events.Custom("langgraph.custom", plain(data)))
    elif mode == "updates":
        for node, update in data.items():
            if node != "__interrupt__":
                told = {"node": node, "namespace": list(namespace), "update": plain(update)}
                ctx.emit(events.Custom("langgraph.update", told))
    elif isinstance(message := data[0], AIMessageChunk) and (text := message.text):
        ctx.emit(events.Delta(message.id or "", str(text)))


def _answered(graph: Compiled, snapshot: StateSnapshot, ctx: Context[Any]) -> Any:
    """How to go on: with the answers to all its interrupts, or past a breakpoint once somebody said so.

    Raises:
        Interrupted: not all of them are there yet.
    """
    if not snapshot.tasks:  # "next" leaves out those that are done, though their step may not be
        return _DONE
    asked: list[Asked] = []
    answers: dict[str, Any] = {}
    for question in snapshot.interrupts:
        try:
            answers[question.id] = ctx.ask(plain(question.value), key=question.id)
        except Interrupted as interrupted:
            asked.extend(interrupted.questions)
    if asked:
        raise Interrupted(tuple(asked))
    if answers:
        return Command(resume=answers)
    if graph.interrupt_after_nodes or set(graph.interrupt_before_nodes).intersection((*snapshot.next, "*")):
        before = {"breakpoint": list(snapshot.next)}
        ctx.ask(before, key=f"breakpoint:{cast(Any, snapshot.config)['configurable']['checkpoint_id']}")
    return None


def _output(graph: Compiled, snapshot: StateSnapshot) -> Any:
    """Of the values those that it declares as output."""
    names: Any = graph.output_channels
    values: Any = snapshot.values
    if isinstance(names, str) or not isinstance(values, Mapping):
        return values
    known = cast("Mapping[str, Any]", values)
    return {name: known[name] for name in names if name in known}


def plain(value: Any) -> Any:
    """Any value as data that can be stored: messages by role and content, objects by their fields."""
    if isinstance(value, BaseMessage):
        return convert_to_openai_messages([value])[0]
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(inner) for inner in cast("list[Any]", value)]
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if dump := getattr(value, "model_dump", None):
        return plain(dump(mode="json"))
    try:
        return msgspec.to_builtins(value)
    except (TypeError, ValueError):
        return repr(value)
