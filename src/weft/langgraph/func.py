"""Programs instead of graphs, as ``langgraph.func`` offers them: an ``entrypoint``, and its ``task``s."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import update_wrapper
from typing import Any, Generic, TypeVar, get_args, get_origin, get_type_hints

from weft.langgraph.calls import Calling, called_as_task
from weft.langgraph.compiled import CompiledStateGraph
from weft.langgraph.declared import Declared
from weft.langgraph.flow import Flow
from weft.langgraph.looking import WeftCheckpointer
from weft.langgraph.state import AnyLast
from weft.langgraph.words import START, CachePolicy, RetryPolicy, TimeoutPolicy

R = TypeVar("R")
P = TypeVar("P")


class TaskFunction:
    """A function whose result is kept with the run: when that goes on, it is not called again."""

    def __init__(self, func: Callable[..., Any], what: Calling) -> None:
        self.func, self.what = func, what
        update_wrapper(self, func)
        self.__name__ = what.name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Its result to come: ``.result()`` in a plain function, ``await`` in an async one.

        Raises:
            RuntimeError: no node runs here.
        """
        return called_as_task(self.what, args, kwargs)

    def clear_cache(self, cache: Any) -> None:
        """Forget its results."""
        for key in [key for key in cache.kept if key[:2] == ("task", self.what.identity)]:
            del cache.kept[key]

    async def aclear_cache(self, cache: Any) -> None:
        """``clear_cache``, for code that awaits."""
        self.clear_cache(cache)


def task(
    __func_or_none__: Callable[..., Any] | None = None,
    *,
    name: str | None = None,
    retry_policy: RetryPolicy | Sequence[RetryPolicy] | None = None,
    cache_policy: CachePolicy | None = None,
    timeout: float | timedelta | TimeoutPolicy | None = None,
    **old: Any,
) -> Any:
    """Make a function a task: to be called from an ``entrypoint``, or from a node."""

    def made(func: Any) -> TaskFunction:
        whole: Any = getattr(func, "func", func)  # what a partial is of
        named = name or getattr(whole, "__name__", type(whole).__name__)
        identity = f"{getattr(func, '__module__', '')}.{getattr(func, '__qualname__', named)}"
        limit = TimeoutPolicy.coerce(timeout)
        return TaskFunction(func, Calling(func, named, identity, retry_policy or old.get("retry"), cache_policy, limit))

    return made(__func_or_none__) if __func_or_none__ is not None else made


@dataclass(frozen=True, slots=True, kw_only=True)
class Final(Generic[R, P]):
    """What an entrypoint gives, and what the next run of its thread finds as ``previous``."""

    value: R
    save: P


class entrypoint:  # LangGraph's name
    """Make a function of one input a program that can be gone on with: ``@entrypoint(checkpointer=...)``."""

    final = Final

    def __init__(
        self,
        checkpointer: WeftCheckpointer | None = None,
        store: Any = None,
        cache: Any = None,
        context_schema: Any = None,
        cache_policy: CachePolicy | None = None,
        retry_policy: RetryPolicy | Sequence[RetryPolicy] | None = None,
        timeout: float | timedelta | TimeoutPolicy | None = None,
        **old: Any,
    ) -> None:
        self.checkpointer, self.store, self.cache = checkpointer, store, cache
        self.context_schema = context_schema or old.get("config_schema")
        self.policies: dict[str, Any] = {"cache_policy": cache_policy, "retry_policy": retry_policy or old.get("retry")}
        self.timeout = timeout

    def __call__(self, func: Callable[..., Any]) -> Any:
        """The program, with the verbs of a graph.

        Raises:
            NotImplementedError: it is a generator.
            ValueError: it takes no input.
        """
        if inspect.isgeneratorfunction(func) or inspect.isasyncgenfunction(func):
            raise NotImplementedError("Generators are disabled in the Functional API.")
        parameters = inspect.signature(func).parameters
        if not parameters:
            raise ValueError("Entrypoint function must have at least one parameter")
        name = func.__name__
        types = get_type_hints(func) if hasattr(func, "__annotations__") else {}
        builder: Declared[Any] = Declared(Any, self.context_schema)
        builder.channels = {"__root__": AnyLast("__root__")}
        builder.add_node(name, func, timeout=self.timeout, input_schema=Any, **self.policies)
        builder.add_edge(START, name)
        builder.input_schema = types.get(next(iter(parameters)), Any)
        given = types.get("return", Any)
        builder.output_schema = get_args(given)[0] if get_origin(given) is Final else Any if given is Final else given
        return CompiledFlow(
            builder,
            checkpointer=self.checkpointer,
            cache=self.cache,
            store=self.store,
            interrupt_before=(),
            interrupt_after=(),
            name="LangGraph",
        )


class CompiledFlow(CompiledStateGraph):
    """An entrypoint, ready to run."""

    def _build(self, builder: Declared[Any], name: str) -> Flow:
        return Flow(builder, name)


__all__ = ["entrypoint", "task"]
