"""Calling what users write: with what they ask for beside the state, in the loop or beside it."""

import inspect
from collections.abc import Sequence
from typing import Any, get_type_hints

from weft.engine.attempt import BEAT
from weft.langgraph.blocking import in_thread
from weft.langgraph.chat import within
from weft.langgraph.current import Task
from weft.langgraph.words import Runtime

_INJECTED = ("config", "runtime", "writer", "store", "previous", "error")


async def called(call: Any, seen: Any, injected: Sequence[str], task: Task | None) -> Any:
    """A function of the user's, or what has LangChain's verbs: in the loop where it is async, beside it where not."""
    with within(None if task is None else task.config):
        if hasattr(call, "ainvoke"):
            return await call.ainvoke(seen, task.config if task is not None else None)
        given = await applied(call, (seen,), given_to(injected, task))
        if hasattr(given, "ainvoke"):
            return await given.ainvoke(seen, task.config if task is not None else None)
        return given


async def applied(call: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """The result of ``call``, awaited where it is to be awaited."""
    if inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(type(call).__call__):
        return await call(*args, **kwargs)
    given = await in_thread(call, *args, **kwargs)
    return await given if inspect.isawaitable(given) else given


def given_to(injected: Sequence[str], task: Task | None) -> dict[str, Any]:
    runtime: Runtime[Any] = Runtime() if task is None else task.runtime
    known = {
        "config": {} if task is None else task.config,
        "runtime": runtime,
        "writer": runtime.stream_writer,
        "store": runtime.store,
        "previous": runtime.previous,
        "error": None if task is None else task.error,
    }
    return {name: known[name] for name in injected}


def asks(call: Any, *, skip: int = 1) -> tuple[str, ...]:
    """Which of the things beside the state a function wants, by name."""
    try:
        parameters = inspect.signature(call).parameters
    except (TypeError, ValueError):
        return ()
    return tuple(name for name in _INJECTED if name in list(parameters)[skip:])


def hints_of(call: Any) -> dict[str, Any]:
    """The types that a function, or an object that is called like one, declares; none where they cannot be told."""
    function = call if inspect.isfunction(call) or inspect.ismethod(call) else getattr(call, "__call__", None)  # noqa: B004
    if not (inspect.isfunction(function) or inspect.ismethod(function)):
        return {}
    try:
        return get_type_hints(function)
    except (NameError, TypeError, ValueError):
        return {}


def first_of(call: Any) -> Any:
    """What a function's first parameter is declared as."""
    try:
        first = next(iter(inspect.signature(call).parameters), None)
    except (TypeError, ValueError):
        return None
    return hints_of(call).get(first or "")


def alive() -> None:
    """A sign of life of the node that runs here, where anybody waits for one."""
    if (beat := BEAT.get()) is not None:
        beat()
