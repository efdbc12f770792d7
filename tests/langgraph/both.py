"""The same names from both packages, and what of their results must be equal."""

from collections.abc import Callable
from importlib import import_module
from types import SimpleNamespace
from typing import Any

_PLACES = {
    "graph": ("StateGraph", "START", "END", "MessagesState", "add_messages"),
    "types": ("Command", "Send", "interrupt", "RetryPolicy", "CachePolicy", "Overwrite", "StateUpdate"),
    "checkpoint.memory": ("InMemorySaver",),
    "errors": ("GraphRecursionError", "InvalidUpdateError"),
    "config": ("get_stream_writer", "get_config"),
    "runtime": ("Runtime", "get_runtime"),
    "cache.memory": ("InMemoryCache",),
    "channels": ("EphemeralValue", "Topic", "AnyValue"),
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
            "tasks": [
                (task.name, [one.value for one in task.interrupts], seen(task.result), bool(task.error))
                for task in value.tasks
            ],
            "interrupts": [one.value for one in value.interrupts],
        }
    if type(value).__name__ == "Interrupt":
        return ("interrupt", value.value)
    if isinstance(value, dict):
        return {key: seen(one) for key, one in value.items() if key not in ("id", "timestamp")}
    if isinstance(value, list | tuple):
        return [seen(one) for one in value]
    if isinstance(value, BaseException):
        return type(value).__name__
    return value


def outcome(scenario: Callable[[Any], list[Any]], root: str) -> Any:
    return [seen(one) for one in scenario(package(root))]
