"""A graph as it was declared, for Weft's engine: its nodes, its channels, and what comes of what a node gives."""

import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, cast

from msgspec import Struct
from msgspec.structs import replace

from weft.engine.channels import UNSET, Channel
from weft.engine.context import Context
from weft.engine.graph import Graph, Node, NodeFn, State, Update
from weft.engine.graph import Send as EngineSend
from weft.engine.policy import Policy, Retry
from weft.engine.step import Checkpoint
from weft.errors import NodeTimeout
from weft.langgraph.blocking import wait
from weft.langgraph.calling import asks, called
from weft.langgraph.current import Task
from weft.langgraph.declared import Declared, Retries
from weft.langgraph.errors import InvalidUpdateError, NodeTimeoutError, ParentCommand
from weft.langgraph.managed import Steps
from weft.langgraph.state import Batched, Many, Reduced, Schema, Untracked, changes, join
from weft.langgraph.words import END, START, CachePolicy, Command, RetryPolicy, Send, TimeoutPolicy, seconds


class Spec(Struct, frozen=True, kw_only=True):
    """A node as it was added."""

    name: str
    call: Any
    """A function, or a compiled graph."""
    input: Schema
    retry: Retries = None
    cache: CachePolicy | None = None
    metadata: Mapping[str, Any] = {}
    timeout: TimeoutPolicy | None = None
    defer: bool = False
    handler: Any = None
    """Takes its place when it failed for good."""

    async def ainvoke(self, input: Any, config: Any = None) -> Any:
        """What the node gives for an input, outside of any run."""
        return await called(self.call, input, self.injected, None)

    def invoke(self, input: Any, config: Any = None) -> Any:
        """``ainvoke`` for programs without an event loop."""
        return wait(self.ainvoke(input, config))

    def with_input(self, input: Schema) -> "Spec":
        return replace(self, input=input)

    injected: tuple[str, ...] = ()


class Built:
    """The frozen parts: the engine's graph, and how what a node gives becomes an update of it."""

    def __init__(self, builder: Declared[Any], name: str) -> None:
        self.channels = dict(builder.channels)
        self.keys = tuple(self.channels)
        self._managed = dict(builder.managed)
        self._defaults = dict(builder.defaults)
        self.state = Schema(builder.state_schema, self.channels)
        self.input = Schema(builder.input_schema, self.channels)
        self.output = Schema(builder.output_schema, self.channels)
        self.specs = {node: self._spec(node, {**given}) for node, given in builder.nodes.items()}
        self.inner = {name: graph for name, spec in self.specs.items() if (graph := graph_in(spec.call)) is not None}
        """The graphs that nodes run."""
        self.untracked = frozenset(key for key, channel in self.channels.items() if isinstance(channel, Untracked))
        self._edges = list(builder.edges)
        self._joins = {f"join:{'+'.join(names)}:{end}": (names, end) for names, end in builder.joins}
        self._branches = dict(builder.branches)
        channels = {**self.channels, **self.more, **{key: join(names) for key, (names, _) in self._joins.items()}}
        self.graph = Graph(
            name,
            channels=channels,
            nodes=[self._node(spec) for spec in self.specs.values()],
            enter=lambda given: cast("Update", given),
            leave=lambda values: self.output.values(values),
        )

    more: ClassVar[Mapping[str, Channel]] = {}
    """Channels that are not part of the state."""
    starts: ClassVar[bool] = True
    """Whether the start is a step of its own."""
    takes_anything: ClassVar[bool] = False
    """Whether ``None`` is an input like any other."""
    streams_values: ClassVar[bool] = True
    """Whether each step tells the values."""

    def tells_values(self, checkpoint: Checkpoint) -> bool:
        return True

    def given(self, payload: Any) -> Any:
        """An input, as it was given."""
        return payload["__root__"] if self.keys == ("__root__",) else payload

    def writes_of(self, given: Any) -> Mapping[str, Any]:
        """What an input writes.

        Raises:
            InvalidUpdateError: it is no input of this graph.
        """
        writes = changes(given, self.input.keys)
        if not writes and given is None:
            raise InvalidUpdateError(f"Expected dict, got {given}")
        return writes

    def directly(self, writes: Mapping[str, Any]) -> Update | None:
        """What an input does, where the start is no step of its own."""
        return None

    def triggers(self, node: str) -> tuple[str, ...]:
        """What woke a node, in LangGraph's words."""
        return (f"branch:to:{node}",)

    def shown(self, state: State) -> Any:
        """What ``values`` tell."""
        return self.whole(state)

    def whole(self, state: State) -> Any:
        """All there is, as a plain dict."""
        if self.keys == ("__root__",):
            return state.get("__root__")
        made = {key: channel.start for key, channel in self.channels.items() if isinstance(channel, Reduced | Batched)}
        return {
            key: state[key] if key in state else made[key]()  # pyright: ignore[reportOptionalCall]  # as checked below
            for key in self.keys
            if key in state or made.get(key) is not None
        }

    def _spec(self, name: str, given: Mapping[str, Any]) -> Spec:
        call = given["call"]
        return Spec(
            name=name,
            call=call,
            input=Schema(given["schema"], self.channels),
            retry=given["retry"] or self._defaults.get("retry"),
            cache=given["cache"] or self._defaults.get("cache"),
            metadata=given["metadata"],
            timeout=given["timeout"] or self._defaults.get("timeout"),
            defer=given["defer"],
            handler=given["handler"] or self._defaults.get("handler"),
            injected=asks(call),
        )

    def _node(self, spec: Spec) -> Node:
        async def run(state: State, payload: Any, ctx: Context[Any]) -> Update:
            return await ctx.deps.node(spec, state, ctx.path[-1])

        listens = tuple(key for key, (_, end) in self._joins.items() if end == spec.name)
        then = tuple(end for start, end in self._edges if start == spec.name and end != END)
        node: NodeFn = run
        return Node(name=spec.name, run=node, then=then, listens=listens, policy=_policy(spec), defer=spec.defer)

    async def update(
        self, node: str, given: Any, state: State, task: Task | None, *, steps: Steps | None = None
    ) -> Update:
        """What a node gave, with what its joins and conditional edges make of it.

        Raises:
            ParentCommand: it is for the graph around this one.
            InvalidUpdateError: it is no update.
        """
        writes: dict[str, list[Any]] = {} if task is None else {key: list(some) for key, some in task.pushed.items()}
        goto: list[str] = []
        sends: list[EngineSend] = []
        mixed = isinstance(given, list | tuple) and any(isinstance(one, Command) for one in cast("list[Any]", given))
        for one in cast("Sequence[Any]", given if mixed else [given]):
            if isinstance(one, Command):
                command = cast("Command[Any]", one)
                if command.graph == Command.PARENT:
                    raise ParentCommand(command)
                _targets(command.goto, None, goto, sends)
                one = command.update
            for key, value in changes(one, self.keys).items():
                writes.setdefault(key, []).extend(value if isinstance(value, Many) else (value,))
        merged = {key: values[0] if len(values) == 1 else Many(values) for key, values in writes.items()}
        if branches := self._branches.get(node):
            after = self._after(state, merged)
            for branch in branches:
                schema = self.state if branch.schema is None else Schema(branch.schema, self.channels)
                seen = schema.seen(after, steps)
                if branch.schema is None and isinstance(given, dict) and isinstance(seen, dict):
                    seen = {**cast("dict[str, Any]", given), **cast("dict[str, Any]", seen)}
                where = await called(branch.route, seen, branch.injected, task)
                _targets(where, branch.to, goto, sends)
        joins = {key: node for key, (names, _) in self._joins.items() if node in names}
        return Update({**merged, **joins}, sends, goto)

    async def entered(self, writes: Mapping[str, Any], state: State, task: Task | None = None) -> Update:
        """An input, and where it leads."""
        update = await self.update(START, self.given(writes), state, task)
        goto = [end for start, end in self._edges if start == START and end != END]
        return Update(update.writes, update.sends, [*goto, *update.goto])

    def _after(self, state: State, writes: Mapping[str, Any]) -> State:
        values = dict(state)
        for key, value in writes.items():
            values[key] = self.channels[key].merge(values.get(key, UNSET), [value])
        return values


def graph_in(call: Any, depth: int = 2) -> Any:
    """The compiled graph that a node is, or that its function has at hand."""
    if hasattr(call, "built") and hasattr(call, "checkpointer"):
        return call if call.checkpointer is not False else None
    if depth == 0:
        return None
    if inspect.ismethod(call):
        return _first_of(getattr(call.__self__, "__dict__", {}).values(), 0) or graph_in(call.__func__, depth)
    if not inspect.isfunction(call):
        steps = [getattr(call, name, None) for name in ("func", "afunc", "bound")] + list(getattr(call, "steps", ()))
        return _first_of(steps, depth - 1)
    try:
        known = inspect.getclosurevars(call)
    except (TypeError, ValueError):
        return None
    return _first_of([*known.nonlocals.values(), *known.globals.values()], 0)


def _first_of(things: Iterable[Any], depth: int) -> Any:
    for one in things:
        if one is not None and (found := graph_in(one, depth)) is not None:
            return found
    return None


def _targets(given: Any, to: Mapping[Any, str] | None, goto: list[str], sends: list[EngineSend]) -> None:
    if given is None:
        return
    for item in cast("Sequence[Any]", given) if isinstance(given, list | tuple) else (given,):
        if isinstance(item, Send):
            sends.append(EngineSend(item.node, item.arg))
        else:
            name = to[item] if to is not None else item
            if name != END and name not in goto:
                goto.append(name)


def _policy(spec: Spec) -> Policy:
    async def rescue(state: State, payload: Any, ctx: Context[Any], failure: Any) -> Update:
        return await ctx.deps.rescued(spec, state, ctx.path[-1])

    limit = spec.timeout
    return Policy(
        retry=retries(spec.retry),
        timeout=None if limit is None else seconds(limit.run_timeout),
        idle=None if limit is None else seconds(limit.idle_timeout),
        rescue=None if spec.handler is None else rescue,
    )


def retries(given: Retries) -> Retry | tuple[Retry, ...] | None:
    if given is None or given == ():
        return None
    policies = (given,) if isinstance(given, RetryPolicy) else tuple(given)
    made = tuple([_attempts(one) for one in policies])
    return made[0] if len(made) == 1 else made


def _attempts(given: RetryPolicy) -> Retry:
    on: Any = given.retry_on
    if isinstance(on, Sequence):
        on = tuple(cast("Sequence[type[Exception]]", on))
    elif inspect.isclass(on):
        on = (on,)
    if isinstance(on, tuple):
        kinds = cast("tuple[type[Exception], ...]", on)
        on = (*kinds, NodeTimeout) if issubclass(NodeTimeoutError, kinds) else kinds
    return Retry(
        attempts=given.max_attempts,
        pause=given.initial_interval,
        factor=given.backoff_factor,
        longest=given.max_interval,
        jitter=given.jitter,
        on=on,
    )
