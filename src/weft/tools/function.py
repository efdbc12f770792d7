"""A Python function is a tool: its signature and docstring say everything.

Nothing is inspected, and Pydantic is not imported, before a tool is used for the first time.
"""

import re
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import aclosing, closing
from functools import partial, update_wrapper
from inspect import isawaitable, isroutine
from types import FunctionType, MethodType
from typing import Any, Generic, ParamSpec, TypeAlias, TypedDict, TypeVar, Unpack, cast, overload

from msgspec import Struct

from weft.engine.breaker import Breaker
from weft.engine.cache import Cache
from weft.engine.context import CURRENT, Context
from weft.engine.policy import Retry, see_effect
from weft.errors import UsageError
from weft.events import Custom
from weft.messages import Json, ToolSpec
from weft.tools.base import Approval, Effect, Returned, Tool
from weft.tools.careful import Care, careful
from weft.tools.deps import given_deps
from weft.tools.results import as_plain, returned
from weft.tools.run import PASSES, failure, is_its_own
from weft.tools.threads import ThreadContext, in_thread

P = ParamSpec("P")
R = TypeVar("R")

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
"""What every provider takes as the name of a tool."""


class Options(Struct, frozen=True, kw_only=True):
    """What a signature cannot say."""

    name: str | None = None
    description: str | None = None
    effect: Effect = "idempotent"
    approval: Approval = False
    reconcile: Callable[[Context[Any], Json], Any] | None = None
    timeout: float | None = 60.0
    """Seconds."""
    trusted: bool = False
    retry: Retry | None = None
    breaker: Breaker | None = None
    cache: Cache | None = None
    parallel: int | None = None

    def __post_init__(self) -> None:
        """Raises: UsageError, for what can never be meant."""
        see_effect(self.effect)
        if self.reconcile is not None and self.effect != "once":
            raise UsageError(f"reconcile is for effect='once', and this tool is {self.effect!r}")

    @property
    def care(self) -> Care:
        return Care(retry=self.retry, breaker=self.breaker, cache=self.cache, parallel=self.parallel)


_PLAIN = Options()


class Function(Generic[P, R]):
    """A function that a model may call, and that can still be called as before.

    >>> @tool
    ... def double(n: int) -> int:
    ...     "Twice a number."
    ...     return 2 * n
    >>> double(4), double.spec.description
    (8, 'Twice a number.')
    """

    def __init__(self, function: Callable[P, R], options: Options = _PLAIN) -> None:
        if not callable(function):
            raise UsageError(f"a tool is made of a function, not of {function!r}")
        if isinstance(function, type):
            raise UsageError(f"{function.__name__} is a class: give an instance with __call__, or a function")
        self._function = function
        self._options = options
        self._tool: Tool | None = None
        update_wrapper(self, function, updated=())

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._function(*args, **kwargs)

    def __get__(self, instance: object, owner: type | None = None) -> "Function[..., R]":
        """In a class it is a method."""
        if instance is None:
            return self
        bound: Any = (
            MethodType(self._function, instance) if isinstance(self._function, FunctionType) else self._function
        )
        return Function(bound, self._options)

    def __repr__(self) -> str:
        return f"tool({name_of(self._function)})"

    @property
    def tool(self) -> Tool:
        """Built at the first use.

        Raises:
            UsageError: the function cannot be a tool.
        """
        if self._tool is None:
            self._tool = _build(self._function, self._options)
        return self._tool

    @property
    def spec(self) -> ToolSpec:
        """What a model is told of it."""
        return self.tool.spec

    @property
    def name(self) -> str:
        return self._options.name or name_of(self._function)


class Said(TypedDict, total=False):
    """What ``tool`` takes; the fields of ``Options``."""

    name: str | None
    description: str | None
    effect: Effect
    approval: Approval
    reconcile: Callable[[Context[Any], Json], Any] | None
    timeout: float | None
    trusted: bool
    retry: Retry | None
    breaker: Breaker | None
    cache: Cache | None
    parallel: int | None


@overload
def tool(function: Callable[P, R], /, **options: Unpack[Said]) -> Function[P, R]: ...


@overload
def tool(**options: Unpack[Said]) -> Callable[[Callable[P, R]], Function[P, R]]: ...


def tool(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Let a model call a function: ``@tool``, ``@tool(effect="once")`` or ``tool(function)``.

    The schema comes from the annotations (Pydantic's types, dataclasses, enums, ``Literal`` ...), the
    descriptions from the docstring. A parameter that is annotated ``Context``, or called ``ctx``, is given
    the run's context, one annotated ``Deps[T]`` the run's ``deps``; both are hidden from the model.
    Plain functions run in a thread. What a generator yields is reported as progress (``tool.progress``); what it
    returns, or else yields last, is the result.

    Args:
        name: How the model calls it, if not as the function is named.
        description: What the model is told, if not the docstring.
        effect: What a second call would do: ``read``, ``idempotent``, or ``once`` (harm).
        approval: Whether a person must say yes before each call, or a function of the arguments that says so.
        reconcile: Of a ``once`` tool: given the context and the arguments of a call that may or may not have happened,
            what came of it, or ``NOT_DONE``. Without it a person is asked.
        timeout: Seconds of one try, or ``None``.
        retry: Tries again, with growing pauses, what broke: an exception, or the time limit.
        breaker: Leaves a tool alone that breaks again and again.
        cache: Keeps results, by user and arguments.
        parallel: Calls at the same time, of all runs of this process.
        trusted: Whether you vouch for what it returns. Else a policy holds it for the words of somebody unknown.
    """
    made = Options(**options) if options else _PLAIN
    return Function(function, made) if function is not None else partial(Function, options=made)


def as_tool(source: Tool | Callable[..., Any]) -> Tool:
    """The tool of a function, a decorated function, or a tool itself.

    Raises:
        UsageError: it cannot be one.
    """
    if isinstance(source, Tool):
        return source
    if isinstance(source, Function):
        return cast("Function[..., Any]", source).tool
    return Function(source).tool


def name_of(function: Tool | Callable[..., Any]) -> str:
    """How a model calls it, if nobody said otherwise; nothing is inspected for that."""
    if isinstance(function, partial):
        return name_of(cast("partial[Any]", function).func)
    if isinstance(function, Function | Tool):
        return cast("Function[..., Any] | Tool", function).name
    return function.__name__ if isroutine(function) else type(function).__name__


def _build(function: Callable[..., Any], options: Options) -> Tool:
    from weft.tools.schema import shape_of  # noqa: PLC0415 - Pydantic, only for those who use a tool

    name = options.name or name_of(function)
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name for a tool (up to 64 letters, digits, _ and -): give one with name=")
    shape = shape_of(function, name)
    run = _RUN[shape.kind]

    async def call(given: Json, ctx: Context[Any]) -> Returned:
        values = shape.arguments(given)

        def invoke(ctx: Context[Any]) -> Any:
            for parameter in shape.contexts:
                values[parameter] = ctx
            for parameter, wanted in shape.deps:
                values[parameter] = given_deps(ctx, name, wanted)
            CURRENT.set(ctx)
            return function(*[values.pop(parameter) for parameter in shape.positional], **values)

        try:
            return returned(await run(invoke, ctx, name))
        except PASSES:
            raise
        except BaseException as error:
            if is_its_own(error):
                raise failure(error) from error
            raise

    made = Tool(
        spec=ToolSpec(
            name=name,
            description=shape.description if options.description is None else options.description,
            parameters=shape.parameters,
        ),
        call=call,
        check=shape.arguments,
        effect=options.effect,
        approval=options.approval,
        reconcile=options.reconcile,
        timeout=options.timeout,
        trusted=options.trusted,
    )
    return careful(made, care) if (care := options.care) else made


_Invoke: TypeAlias = Callable[[Context[Any]], Any]


async def _await(invoke: _Invoke, ctx: Context[Any], name: str) -> Any:
    return await invoke(ctx)


async def _in_thread(invoke: _Invoke, ctx: Context[Any], name: str) -> Any:
    with closing(ThreadContext(ctx)) as inner:
        value = await in_thread(partial(invoke, inner))
    return await value if isawaitable(value) else value


async def _iterate(invoke: _Invoke, ctx: Context[Any], name: str) -> Any:
    last: Any = None
    async with aclosing(cast("AsyncGenerator[Any, None]", invoke(ctx))) as values:
        async for last in values:
            _report(ctx, name, last)
    return last


async def _iterate_in_thread(invoke: _Invoke, ctx: Context[Any], name: str) -> Any:
    with closing(ThreadContext(ctx)) as inner:
        return await in_thread(partial(_exhaust, invoke, inner, name))


def _exhaust(invoke: _Invoke, ctx: Context[Any], name: str) -> Any:
    last: Any = None
    with closing(cast("Generator[Any, None, Any]", invoke(ctx))) as values:
        while True:
            try:
                last = next(values)
            except StopIteration as end:
                return last if end.value is None else end.value
            _report(ctx, name, last)


def _report(ctx: Context[Any], name: str, value: Any) -> None:
    ctx.emit(Custom("tool.progress", {"tool": name, "value": as_plain(value)}))


_RUN = {"async": _await, "sync": _in_thread, "async generator": _iterate, "generator": _iterate_in_thread}
