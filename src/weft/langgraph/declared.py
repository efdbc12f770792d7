"""What is declared of a graph, step by step: nodes, edges and schemas, in LangGraph's words."""

import inspect
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import timedelta
from types import UnionType
from typing import Any, Generic, Literal, Self, TypeVar, Union, cast, get_args, get_origin

from msgspec import Struct

from weft.engine.channels import Channel
from weft.langgraph.calling import asks, first_of, hints_of
from weft.langgraph.chat import side_by_side
from weft.langgraph.state import Last, channels_of, hints, managed_of
from weft.langgraph.words import END, START, CachePolicy, Command, RetryPolicy, TimeoutPolicy

S = TypeVar("S")
Retries = RetryPolicy | Sequence[RetryPolicy] | None


class Branch(Struct, frozen=True):
    """A conditional edge."""

    name: str
    route: Callable[..., Any]
    to: Mapping[Any, str] | None
    injected: tuple[str, ...]
    schema: Any


class Declared(Generic[S]):
    """What is declared of a graph so far."""

    def __init__(
        self,
        state_schema: Any,
        context_schema: Any = None,
        *,
        input_schema: Any = None,
        output_schema: Any = None,
        **old: Any,
    ) -> None:
        self.state_schema, self.context_schema = state_schema, context_schema or old.get("config_schema")
        self.input_schema = input_schema or old.get("input") or state_schema
        self.output_schema = output_schema or old.get("output") or state_schema
        self.channels: dict[str, Channel] = {}
        self.managed: dict[str, Any] = {}
        self.nodes: dict[str, dict[str, Any]] = {}
        self.edges: list[tuple[str, str]] = []
        self.joins: list[tuple[tuple[str, ...], str]] = []
        self.branches: dict[str, list[Branch]] = {}
        self.defaults: dict[str, Any] = {}
        self._learn(state_schema)
        for schema in (self.input_schema, self.output_schema):
            if schema is not state_schema and (found := managed_of(schema)):
                names = ", ".join(found)
                raise ValueError(f"Invalid managed channels detected in {schema.__name__}: {names}.")
            self._learn(schema)

    def _learn(self, schema: Any) -> None:
        self.managed |= managed_of(schema)
        for key, channel in channels_of(schema).items():
            known = self.channels.get(key)
            if known is None:
                self.channels[key] = channel
            elif not isinstance(channel, Last) and not _alike(known, channel):
                raise ValueError(f"Channel '{key}' already exists with a different type")

    def set_node_defaults(
        self,
        *,
        retry_policy: Retries = None,
        cache_policy: CachePolicy | None = None,
        error_handler: Any = None,
        timeout: float | timedelta | TimeoutPolicy | None = None,
    ) -> Self:
        """What holds for every node that does not say otherwise itself."""
        given = {"retry": retry_policy, "cache": cache_policy, "handler": error_handler}
        self.defaults |= {key: value for key, value in given.items() if value is not None}
        if timeout is not None:
            self.defaults["timeout"] = TimeoutPolicy.coerce(timeout)
        return self

    def add_node(
        self,
        node: str | Callable[..., Any],
        action: Any = None,
        *,
        defer: bool = False,
        metadata: Mapping[str, Any] | None = None,
        input_schema: Any = None,
        retry_policy: Retries = None,
        cache_policy: CachePolicy | None = None,
        destinations: Any = None,
        timeout: float | timedelta | TimeoutPolicy | None = None,
        error_handler: Any = None,
        **old: Any,
    ) -> Self:
        """Add a function of ``(state)``, which may also ask for ``config``, ``runtime``, ``writer`` and ``store``.

        ``defer`` waits until nothing else is left to run. ``destinations`` is for drawings. ``error_handler`` is called
        with ``(state, error)`` when all attempts failed, and what it gives counts instead.

        Raises:
            ValueError: the name is taken or reserved.
        """
        call = action if action is not None else node
        if isinstance(call, dict):
            call = side_by_side(cast("dict[str, Any]", call))
        name = node if isinstance(node, str) else name_of(node)
        if action is None and isinstance(node, str):
            raise RuntimeError(f"Node `{name}` has no action")
        self._check_name(name)
        schema = input_schema or old.get("input") or _taken(call) or self.state_schema
        if hints(schema):
            self._learn(schema)
        self.nodes[name] = {
            "call": call,
            "schema": schema,
            "retry": retry_policy or old.get("retry"),
            "cache": cache_policy,
            "metadata": metadata or {},
            "timeout": TimeoutPolicy.coerce(timeout),
            "defer": defer,
            "ends": destinations if destinations is not None else _declared_ends(call),
            "handler": error_handler,
        }
        return self

    def _check_name(self, name: str) -> None:
        if name in self.nodes:
            raise ValueError(f"Node `{name}` already present.")
        if name in (START, END):
            raise ValueError(f"Node `{name}` is reserved.")
        for character in "|:":
            if character in name:
                raise ValueError(f"'{character}' is a reserved character and is not allowed in the node names.")

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
            if (start_key, end_key) not in self.edges:
                self.edges.append((start_key, end_key))
            return self
        for name in (*starts, *(() if end_key == END else (end_key,))):
            if name not in self.nodes:
                raise ValueError(f"Need to add_node `{name}` first")
        self.joins.append((tuple(starts), end_key))
        return self

    def add_sequence(self, nodes: Sequence[Any]) -> Self:
        """Add these nodes, and an edge from each to the next.

        Raises:
            ValueError: there is none, or two have one name.
        """
        if not nodes:
            raise ValueError("Sequence requires at least one node.")
        before: str | None = None
        for one in nodes:
            name, call = cast("tuple[str, Any]", one) if isinstance(one, tuple) else (name_of(one), one)
            if name in self.nodes:
                raise ValueError(
                    f"Node names must be unique: node with the name '{name}' already exists. If you need to use two "
                    "different callables with the same name, please provide them as tuples (name, callable)."
                )
            self.add_node(name, call)
            if before is not None:
                self.add_edge(before, name)
            before = name
        return self

    def add_conditional_edges(
        self, source: str, path: Any, path_map: Mapping[Hashable, str] | Sequence[str] | None = None
    ) -> Self:
        """After ``source``, go where ``path(state)`` says: names, ``Send`` values, or keys of ``path_map``.

        Raises:
            ValueError: ``source`` has a branch of that name already.
        """
        to: Mapping[Any, str] | None = None
        if isinstance(path_map, Mapping):
            to = dict(path_map)
        elif path_map is not None and not isinstance(path_map, str):
            to = {name: name for name in path_map}
        elif (literal := _literals(hints_of(path).get("return"))) is not None:
            to = {name: name for name in literal}
        name = getattr(path, "__name__", None) or getattr(path, "name", None) or type(path).__name__
        name = "condition" if name == "<lambda>" and hasattr(path, "invoke") else name
        known = self.branches.setdefault(source, [])
        if any(branch.name == name for branch in known):
            raise ValueError(f"Branch with name `{name}` already exists for node `{source}`")
        schema = _taken(path)
        known.append(Branch(name, path, to, asks(path), schema))
        if schema is not None and hints(schema):
            self._learn(schema)
        return self

    def set_entry_point(self, key: str) -> Self:
        return self.add_edge(START, key)

    def set_finish_point(self, key: str) -> Self:
        return self.add_edge(key, END)

    def set_conditional_entry_point(self, path: Any, path_map: Any = None) -> Self:
        return self.add_conditional_edges(START, path, path_map)

    def validate(self, interrupt: Sequence[str] | None = None) -> Self:
        """Raises: ValueError (an edge leads nowhere, or nothing runs at the start)."""
        edges = [*self.edges, *[(start, end) for starts, end in self.joins for start in starts]]
        for source in (*[start for start, _ in edges], *self.branches):
            if source not in self.nodes and source != START:
                raise ValueError(f"Found edge starting at unknown node '{source}'")
        if START not in self.branches and all(start != START for start, _ in edges):
            raise ValueError("Graph must have an entrypoint: add at least one edge from START to another node")
        self._check_branches()
        ends = [end for spec in self.nodes.values() for end in spec["ends"]]
        for end in (*[end for _, end in edges], *ends):
            if end not in self.nodes and end != END:
                raise ValueError(f"Found edge ending at unknown node `{end}`")
        for node in interrupt or ():
            if node not in self.nodes:
                raise ValueError(f"Interrupt node `{node}` not found")
        return self

    def _check_branches(self) -> None:
        for start, branches in self.branches.items():
            for branch in branches:
                for end in (branch.to or {}).values():
                    if end not in self.nodes and end != END:
                        raise ValueError(f"At '{start}' node, '{branch.name}' branch found unknown target '{end}'")


def name_of(call: Any) -> str:
    if hasattr(call, "get_name"):
        return str(call.get_name())
    return str(getattr(call, "__name__", None) or getattr(call, "name", None) or type(call).__name__)


def _alike(one: Channel, other: Channel) -> bool:
    if one == other:
        return True
    folds = [getattr(channel, "fold", None) for channel in (one, other)]
    return type(one) is type(other) and all(getattr(fold, "__name__", "") == "<lambda>" for fold in folds)


def _taken(call: Any) -> Any:
    """The schema of which a function's first parameter says it is."""
    found = first_of(call)
    return found if inspect.isclass(found) and found.__module__ != "builtins" and hints(found) else None


def _declared_ends(call: Any) -> tuple[str, ...]:
    """Where a node's ``Command[Literal[...]]`` says it may go."""
    returned = hints_of(call).get("return")
    for one in get_args(returned) if get_origin(returned) in (Union, UnionType) else (returned,):
        if get_origin(one) is Command and (literal := _literals(get_args(one)[0])) is not None:
            return literal
    return ()


def _literals(hint: Any) -> tuple[str, ...] | None:
    if get_origin(hint) in (list, Sequence) and get_args(hint):
        hint = get_args(hint)[0]
    return get_args(hint) if get_origin(hint) is Literal else None
