"""A graph as LangGraph declares it: nodes, edges and schemas, and what they are for Weft's engine."""

import inspect
from collections.abc import Callable, Hashable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Generic, Self, TypeVar, cast, get_type_hints

from msgspec import Struct

from weft.engine.channels import UNSET, Channel
from weft.engine.context import Context
from weft.engine.graph import Graph, Node, NodeFn, State, Update
from weft.engine.graph import Send as EngineSend
from weft.engine.policy import Policy, Retry
from weft.langgraph.blocking import in_thread
from weft.langgraph.current import Task
from weft.langgraph.state import Many, Reduced, Schema, changes, channels_of, hints, join
from weft.langgraph.words import END, START, CachePolicy, Command, RetryPolicy, Send

S = TypeVar("S")
_INJECTED = ("config", "runtime", "writer", "store", "previous")


class ToParent(BaseException):
    """A command for the graph around this one."""

    def __init__(self, command: Command[Any]) -> None:
        super().__init__()
        self.command = command


class Branch(Struct, frozen=True):
    """A conditional edge."""

    route: Callable[..., Any]
    to: Mapping[Any, str] | None
    injected: tuple[str, ...]


class Spec(Struct, frozen=True, kw_only=True):
    """A node as it was added."""

    name: str
    call: Any
    """A function, or a compiled graph."""
    input: Schema
    retry: RetryPolicy | Sequence[RetryPolicy] | None = None
    cache: CachePolicy | None = None
    metadata: Mapping[str, Any] = {}
    timeout: float | None = None
    injected: tuple[str, ...] = ()


class Declared(Generic[S]):
    """What is declared of a graph, step by step."""

    def __init__(
        self,
        state_schema: Any,
        context_schema: Any = None,
        *,
        input_schema: Any = None,
        output_schema: Any = None,
        **_: Any,
    ) -> None:
        self.state_schema, self.context_schema = state_schema, context_schema
        self.input_schema, self.output_schema = input_schema or state_schema, output_schema or state_schema
        self.channels: dict[str, Channel] = {}
        for schema in (state_schema, self.input_schema, self.output_schema):
            self._learn(schema)
        self.nodes: dict[str, dict[str, Any]] = {}
        self.edges: list[tuple[str, str]] = []
        self.joins: list[tuple[tuple[str, ...], str]] = []
        self.branches: dict[str, list[Branch]] = {}

    def _learn(self, schema: Any) -> None:
        for key, channel in channels_of(schema).items():
            known = self.channels.get(key)
            if known is None or type(known).__name__ == "Last":
                self.channels[key] = channel

    def add_node(
        self,
        node: str | Callable[..., Any],
        action: Any = None,
        *,
        defer: bool = False,
        metadata: Mapping[str, Any] | None = None,
        input_schema: Any = None,
        retry_policy: RetryPolicy | Sequence[RetryPolicy] | None = None,
        cache_policy: CachePolicy | None = None,
        destinations: Any = None,
        timeout: float | None = None,
    ) -> Self:
        """Add a function of ``(state)``, which may also ask for ``config``, ``runtime``, ``writer`` and ``store``.

        Raises:
            ValueError: the name is taken or reserved.
        """
        call = action if action is not None else node
        name = node if isinstance(node, str) else _name_of(node)
        if defer:
            raise NotImplementedError("nodes that are deferred to the end of a run are not here yet: use a join")
        if name in self.nodes:
            raise ValueError(f"Node `{name}` already present.")
        if name in (START, END):
            raise ValueError(f"Node `{name}` is reserved.")
        schema = input_schema or _taken(call) or self.state_schema
        if hints(schema):
            self._learn(schema)
        self.nodes[name] = {
            "call": call,
            "schema": schema,
            "retry": retry_policy,
            "cache": cache_policy,
            "metadata": metadata or {},
            "timeout": timeout,
        }
        return self

    def add_edge(self, start_key: str | Sequence[str], end_key: str) -> Self:
        """Run ``end_key`` after ``start_key``; with a list, once all in it have run.

        Raises:
            ValueError: out of the end, or into the start.
        """
        starts = [start_key] if isinstance(start_key, str) else list(start_key)
        if END in starts:
            raise ValueError("END cannot be a start node")
        if end_key == START:
            raise ValueError("START cannot be an end node")
        if isinstance(start_key, str):
            self.edges.append((start_key, end_key))
        else:
            if unknown := [name for name in starts if name not in self.nodes]:
                raise ValueError(f"Need to add_node `{unknown[0]}` first")
            self.joins.append((tuple(starts), end_key))
        return self

    def add_sequence(self, nodes: Sequence[Any]) -> Self:
        """Add these nodes, and an edge from each to the next."""
        names: list[str] = []
        for one in nodes:
            name, call = cast("tuple[str, Any]", one) if isinstance(one, tuple) else (_name_of(one), one)
            self.add_node(name, call)
            names.append(name)
        for first, second in pairwise(names):
            self.add_edge(first, second)
        return self

    def add_conditional_edges(
        self, source: str, path: Any, path_map: Mapping[Hashable, str] | Sequence[str] | None = None
    ) -> Self:
        """After ``source``, go where ``path(state)`` says: names, ``Send`` values, or keys of ``path_map``."""
        to: Mapping[Any, str] | None = None
        if isinstance(path_map, Mapping):
            to = dict(path_map)
        elif path_map is not None:
            to = {name: name for name in path_map}
        self.branches.setdefault(source, []).append(Branch(path, to, _asks(path)))
        return self

    def set_entry_point(self, key: str) -> Self:
        return self.add_edge(START, key)

    def set_finish_point(self, key: str) -> Self:
        return self.add_edge(key, END)

    def set_conditional_entry_point(self, path: Any, path_map: Any = None) -> Self:
        return self.add_conditional_edges(START, path, path_map)

    def validate(self) -> Self:
        """Raises: ValueError (an edge leads nowhere, or nothing runs at the start)."""
        named = [name for edge in self.edges for name in edge] + [name for _, name in self.joins] + [*self.branches]
        for name in named:
            if name not in self.nodes and name not in (START, END):
                raise ValueError(f"Found edge at unknown node `{name}`")
        if START not in self.branches and all(start != START for start, _ in self.edges):
            raise ValueError("Graph must have an entrypoint: add at least one edge from START to another node")
        for branches in self.branches.values():
            for branch in branches:
                for name in (branch.to or {}).values():
                    if name not in self.nodes and name != END:
                        raise ValueError(f"At '{_name_of(branch.route)}' branch found unknown target '{name}'")
        return self


class Built:
    """The frozen parts: the engine's graph, and how what a node gives becomes an update of it."""

    def __init__(self, builder: Declared[Any], name: str) -> None:
        self.channels = dict(builder.channels)
        self.keys = tuple(self.channels)
        self.state = Schema(builder.state_schema, self.channels)
        self.input = Schema(builder.input_schema, self.channels)
        self.output = Schema(builder.output_schema, self.channels)
        self.specs = {node: self._spec(node, given) for node, given in builder.nodes.items()}
        self._edges = list(builder.edges)
        self._joins = {f"join:{'+'.join(names)}:{end}": (names, end) for names, end in builder.joins}
        self._branches = dict(builder.branches)
        channels = {**self.channels, **{key: join(names) for key, (names, _) in self._joins.items()}}
        self.graph = Graph(
            name,
            channels=channels,
            nodes=[self._node(spec) for spec in self.specs.values()],
            enter=lambda given: cast("Update", given),
            leave=lambda values: self.output.values(values),
        )

    def whole(self, state: State) -> Any:
        """All there is, as a plain dict."""
        if self.keys == ("__root__",):
            return state.get("__root__")
        made = {key: channel.start for key, channel in self.channels.items() if isinstance(channel, Reduced)}
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
            retry=given["retry"],
            cache=given["cache"],
            metadata=given["metadata"],
            timeout=given["timeout"],
            injected=_asks(call),
        )

    def _node(self, spec: Spec) -> Node:
        async def run(state: State, payload: Any, ctx: Context[Any]) -> Update:
            return await ctx.deps.node(spec, state, ctx.path[-1])

        listens = tuple(key for key, (_, end) in self._joins.items() if end == spec.name)
        then = tuple(end for start, end in self._edges if start == spec.name and end != END)
        policy = Policy(retry=_retry(spec.retry), timeout=spec.timeout)
        node: NodeFn = run
        return Node(name=spec.name, run=node, then=then, listens=listens, policy=policy)

    async def update(self, node: str, given: Any, state: State, task: Task | None) -> Update:
        """What a node gave, with what its joins and conditional edges make of it.

        Raises:
            ToParent: it is for the graph around this one.
            InvalidUpdateError: it is no update.
        """
        writes: dict[str, list[Any]] = {}
        goto: list[str] = []
        sends: list[EngineSend] = []
        mixed = isinstance(given, list | tuple) and any(isinstance(one, Command) for one in cast("list[Any]", given))
        for one in cast("Sequence[Any]", given if mixed else [given]):
            if isinstance(one, Command):
                command = cast("Command[Any]", one)
                if command.graph == Command.PARENT:
                    raise ToParent(command)
                _targets(command.goto, None, goto, sends)
                one = command.update
            for key, value in changes(one, self.keys).items():
                writes.setdefault(key, []).append(value)
        merged = {key: values[0] if len(values) == 1 else Many(values) for key, values in writes.items()}
        if branches := self._branches.get(node):
            seen = self.state.seen(self._after(state, merged))
            for branch in branches:
                where = await called(branch.route, seen, branch.injected, task)
                _targets(where, branch.to, goto, sends)
        joins = {key: node for key, (names, _) in self._joins.items() if node in names}
        return Update({**merged, **joins}, sends, goto)

    async def entered(self, writes: Mapping[str, Any], state: State) -> Update:
        """An input, and where it leads."""
        update = await self.update(START, writes, state, None)
        goto = [end for start, end in self._edges if start == START and end != END]
        return Update(update.writes, update.sends, [*goto, *update.goto])

    def _after(self, state: State, writes: Mapping[str, Any]) -> State:
        values = dict(state)
        for key, value in writes.items():
            values[key] = self.channels[key].merge(values.get(key, UNSET), [value])
        return values


async def called(call: Any, seen: Any, injected: Sequence[str], task: Task | None) -> Any:
    """A function of the user's: in the loop where it is async, beside it where it is not."""
    kwargs: dict[str, Any] = {}
    if task is not None:
        runtime = task.runtime
        known = {"config": task.config, "runtime": runtime, "writer": runtime.stream_writer, "store": runtime.store}
        kwargs = {name: known[name] for name in injected if name in known}
    function: Any = call
    if hasattr(call, "ainvoke"):
        return await call.ainvoke(seen, task.config if task is not None else None)
    if inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__):
        return await function(seen, **kwargs)
    given = await in_thread(function, seen, **kwargs)
    return await given if inspect.isawaitable(given) else given


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


def _retry(given: RetryPolicy | Sequence[RetryPolicy] | None) -> Retry | tuple[Retry, ...] | None:
    if given is None or given == ():
        return None
    policies = (given,) if isinstance(given, RetryPolicy) else tuple(given)
    made = tuple([_policy(one) for one in policies])
    return made[0] if len(made) == 1 else made


def _policy(given: RetryPolicy) -> Retry:
    on: Any = given.retry_on
    if isinstance(on, Sequence):
        on = tuple(cast("Sequence[type[Exception]]", on))
    elif inspect.isclass(on):
        on = (on,)
    return Retry(
        attempts=given.max_attempts,
        pause=given.initial_interval,
        factor=given.backoff_factor,
        longest=given.max_interval,
        jitter=given.jitter,
        on=on,
    )


def _name_of(call: Any) -> str:
    name = getattr(call, "__name__", None) or getattr(call, "name", None) or type(call).__name__
    return str(name)


def _asks(call: Any) -> tuple[str, ...]:
    """Which of the things beside the state a function wants, by name."""
    try:
        parameters = inspect.signature(call).parameters
    except (TypeError, ValueError):
        return ()
    return tuple(name for name in _INJECTED if name in list(parameters)[1:])


def _taken(call: Any) -> Any:
    """The schema of which a function's first parameter says it is."""
    if not (inspect.isfunction(call) or inspect.ismethod(call)):
        return None
    try:
        first = next(iter(inspect.signature(call).parameters), None)
        found = get_type_hints(call).get(first or "")
    except (NameError, TypeError, ValueError):
        return None
    return found if inspect.isclass(found) and found.__module__ != "builtins" and hints(found) else None
