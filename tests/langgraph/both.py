"""The same names from both packages, graphs made of them, and what of their results must be equal."""

import operator
from collections.abc import Callable
from importlib import import_module
from types import SimpleNamespace
from typing import Annotated, Any, TypeAlias, TypedDict

Scenario: TypeAlias = Callable[[Any], list[Any]]
ONE: Any = {"configurable": {"thread_id": "1"}}


class Scenarios:
    """Those of one module of tests: ``@same`` adds one."""

    def __init__(self) -> None:
        self.all: list[Scenario] = []

    def __call__(self, scenario: Scenario) -> Scenario:
        self.all.append(scenario)
        return scenario


class S(TypedDict):
    n: int
    log: Annotated[list[str], operator.add]


def says(name: str, **more: Any) -> Callable[[Any], Any]:
    def node(state: Any) -> Any:
        return {"log": [name], **more}

    node.__name__ = name
    return node


def tried(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except Exception as error:
        return error


def chain(lg: Any, *names: str, **options: Any) -> Any:
    graph = lg.StateGraph(S)
    graph.add_sequence([says(name) for name in names])
    graph.add_edge(lg.START, names[0])
    return graph.compile(**options)


def asking(lg: Any, **options: Any) -> Any:
    def ask(state: S) -> Any:
        first = lg.interrupt("first?")
        second = lg.interrupt({"second": first})
        return {"log": [f"{first}-{second}"]}

    graph = lg.StateGraph(S).add_node("a", says("a")).add_node("ask", ask).add_node("z", says("z"))
    graph.add_edge(lg.START, "a").add_edge("a", "ask").add_edge("ask", "z")
    return graph.compile(checkpointer=lg.InMemorySaver(), **options)


def nested(lg: Any, **options: Any) -> Any:
    def ask(state: S) -> Any:
        return {"log": [f"ask {lg.interrupt('which?')}"]}

    inner = lg.StateGraph(S).add_node("one", says("one")).add_node("ask", ask)
    inner = inner.add_edge(lg.START, "one").add_edge("one", "ask").compile(**options)
    outer = lg.StateGraph(S).add_node("before", says("before")).add_node("inner", inner).add_node("z", says("z"))
    outer.add_edge(lg.START, "before").add_edge("before", "inner").add_edge("inner", "z")
    return outer.compile(checkpointer=lg.InMemorySaver())


_PLACES = {
    "graph": ("StateGraph", "START", "END", "MessagesState", "add_messages"),
    "graph.message": ("push_message", "REMOVE_ALL_MESSAGES"),
    "graph.state": ("CompiledStateGraph",),
    "types": (
        "Command",
        "Send",
        "interrupt",
        "Interrupt",
        "RetryPolicy",
        "CachePolicy",
        "TimeoutPolicy",
        "Overwrite",
        "StateUpdate",
        "StreamWriter",
    ),
    "checkpoint.memory": ("InMemorySaver", "MemorySaver"),
    "errors": (
        "GraphRecursionError",
        "InvalidUpdateError",
        "EmptyInputError",
        "EmptyChannelError",
        "NodeInterrupt",
        "GraphInterrupt",
        "GraphBubbleUp",
        "GraphDrained",
        "NodeCancelledError",
        "NodeError",
        "NodeTimeoutError",
        "ParentCommand",
    ),
    "config": ("get_stream_writer", "get_config", "get_store"),
    "constants": ("TAG_NOSTREAM",),
    "runtime": ("RunControl", "Runtime", "get_runtime"),
    "func": ("entrypoint", "task"),
    "managed": ("IsLastStep", "RemainingSteps"),
    "store.memory": ("InMemoryStore",),
    "store.base": ("BaseStore",),
    "prebuilt": ("ToolNode", "ToolRuntime", "tools_condition", "create_react_agent", "InjectedState", "InjectedStore"),
    "cache.memory": ("InMemoryCache",),
    "channels": ("EphemeralValue", "Topic", "AnyValue", "UntrackedValue"),
    "channels.delta": ("DeltaChannel",),
}


def package(root: str) -> Any:
    """The public names of a package, from the sub-modules where its users find them."""
    found: dict[str, Any] = {}
    for place, names in _PLACES.items():
        module = import_module(f"{root}.{place}")
        found |= {name: getattr(module, name) for name in names}
    return SimpleNamespace(**found)


def seen(value: Any) -> Any:
    """A result without what differs from run to run: ids, times."""
    if hasattr(value, "tasks") and hasattr(value, "next"):
        about = value.metadata or {}
        return {
            "values": seen(value.values),
            "next": value.next,
            "step": about.get("step"),
            "source": about.get("source"),
            "parent": value.parent_config is not None,
            "tasks": [_task(task) for task in value.tasks],
            "interrupts": [one.value for one in value.interrupts],
        }
    if type(value).__name__ == "Interrupt":
        return ("interrupt", value.value)
    if isinstance(value, dict):
        hidden = ("id", "timestamp", "config", "parent_config", "triggers", "langgraph_checkpoint_ns", "parents")
        return {key: seen(one) for key, one in value.items() if key not in hidden}
    if isinstance(value, list | tuple):
        return [seen(one) for one in value]
    if isinstance(value, BaseException):
        return type(value).__name__
    if hasattr(value, "content") and hasattr(value, "type"):
        return (value.type, value.content)
    return value


def _task(task: Any) -> Any:
    state = task.state if task.state is None or hasattr(task.state, "values") else "elsewhere"
    inside = seen(state) if hasattr(state, "tasks") else type(state).__name__
    return (task.name, [one.value for one in task.interrupts], seen(task.result), bool(task.error), inside)


def outcome(scenario: Callable[[Any], list[Any]], root: str) -> Any:
    return [seen(one) for one in scenario(package(root))]


def alike(scenario: Scenario) -> None:
    """Both packages give the same."""
    theirs = outcome(scenario, "langgraph")
    assert theirs
    assert outcome(scenario, "weft.langgraph") == theirs
