"""``@workflow`` functions: ordinary async code whose steps are on record, so that none is done twice."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from functools import partial
from typing import Any, Generic, ParamSpec, TypeVar, cast, get_type_hints, overload

from weft.engine.channels import LastValue
from weft.engine.context import CURRENT, Context, Interrupted, Target, joined, led
from weft.engine.graph import Graph, Node, State, Update
from weft.engine.policy import Policy, Retry
from weft.errors import GraphError, UsageError
from weft.runtime.result import Out
from weft.runtime.run import Runnable

P = ParamSpec("P")
T = TypeVar("T")

INPUT, OUTPUT = "input", "output"


class _Branch:
    """One line of execution of a flow: where its steps are counted. Tasks that it starts are branches of it."""

    __slots__ = ("_counts", "_name", "children", "keys", "task", "tasks")

    def __init__(
        self, name: str, task: "asyncio.Task[Any] | None", tasks: "set[asyncio.Task[Any]]", keys: set[str]
    ) -> None:
        self._name, self.task, self.tasks, self.keys = name, task, tasks, keys
        self._counts: dict[str, int] = {}
        self.children = 0

    def child(self, task: "asyncio.Task[Any]") -> "_Branch":
        self.children += 1
        self.tasks.add(task)
        return _Branch(f"{self._name}{self.children}.", task, self.tasks, self.keys)

    def place(self, name: str) -> str:
        """The id of the next call or question of this name: the same whenever the flow runs again."""
        self._counts[name] = count = self._counts.get(name, 0) + 1
        return f"{name}#{self._name}{count}"


_branch: ContextVar[_Branch | None] = ContextVar("weft.branch", default=None)


def _here() -> _Branch:
    branch = _branch.get()
    task = asyncio.current_task()
    if branch is None or task is None:
        raise UsageError("steps belong into a @workflow function: here is none that runs")
    if branch.task is not task:
        branch = branch.child(task)
        _branch.set(branch)
    return branch


def _question(key: str | None) -> str:
    branch = _here()
    return key or branch.place("ask")


def _placed(path: tuple[str, ...], target: Target) -> tuple[str, ...]:
    if isinstance(target, _Call) and target.key is not None:
        return (*path, f"{target.name}[{target.key}]")
    return (*path, _here().place(target.name))


class Flow(Runnable[Any, Out], Generic[Out]):
    """A function whose steps are on record: run it, stream it, serve it from an ``App``."""

    __slots__ = ("_graph", "_run", "name")

    def __init__(self, function: Callable[..., Awaitable[Out]], name: str, policy: Policy) -> None:
        hints = _hints(function)
        parameters = list(inspect.signature(function).parameters)
        if not inspect.iscoroutinefunction(function) or len(parameters) != 2:
            raise GraphError(f"workflow {name!r} is to be `async def {name}(ctx, input)`")
        self.name = name
        self._run = function
        self._graph = Graph(
            name,
            channels={INPUT: LastValue(hints.get(parameters[1], Any)), OUTPUT: LastValue(hints.get("return", Any))},
            nodes=[Node(name=name, run=self._node, policy=policy)],
            enter=lambda input: Update({INPUT: input}, goto=(name,)),
            leave=lambda values: values.get(OUTPUT),
        )

    def graph(self) -> Graph:
        return self._graph

    def __call__(self, ctx: Context[Any], input: Any) -> Awaitable[Out]:
        """Run it inside another one: a step of that one, on record by its own steps."""
        return cast("Awaitable[Out]", ctx.call(self, input))

    async def _node(self, state: State, payload: Any, ctx: Context[Any]) -> Update:
        tasks: set[asyncio.Task[Any]] = set()
        token = _branch.set(_Branch("", asyncio.current_task(), tasks, set()))
        inner = led(ctx, _placed, _question)
        CURRENT.set(inner)
        try:
            return Update({OUTPUT: await self._run(inner, state.get(INPUT))})
        except Interrupted as asked:
            raise await _all(asked, tasks) from None
        finally:
            _branch.reset(token)
            await _end(tasks)


async def _all(first: Interrupted, tasks: "set[asyncio.Task[Any]]") -> Interrupted:
    """All that a flow waits for: its other branches go on until they are done or have to wait themselves."""
    while waiting := [task for task in tasks if not task.done() and task is not asyncio.current_task()]:
        await asyncio.wait(waiting)
    ended = [task.exception() for task in tasks if task.done() and not task.cancelled()]
    all_ = joined([first, *[one for one in ended if isinstance(one, Interrupted)]])
    questions = sorted(all_.questions, key=lambda question: question.id)
    return Interrupted(tuple(questions), all_.stop, halted=all_.halted)


async def _end(tasks: "set[asyncio.Task[Any]]") -> None:
    """No branch outlives its flow."""
    left = [task for task in tasks if not task.done() and task is not asyncio.current_task()]
    for task in left:
        task.cancel()
    if left:
        await asyncio.gather(*left, return_exceptions=True)


@overload
def workflow(function: Callable[[Context[Any], Any], Awaitable[T]], /) -> Flow[T]: ...


@overload
def workflow(
    *, name: str | None = None, retry: Retry | None = None, timeout: float | None = None
) -> Callable[[Callable[[Context[Any], Any], Awaitable[T]]], Flow[T]]: ...


def workflow(
    function: Callable[[Context[Any], Any], Awaitable[Any]] | None = None,
    /,
    *,
    name: str | None = None,
    retry: Retry | None = None,
    timeout: float | None = None,
) -> Any:
    """Make ``async def flow(ctx, input)`` something that can be run, and goes on where it was after a crash.

    What it does by ``step(ctx, ...)`` and ``ctx.call(...)`` is on record when it is done. If the process dies, or
    a question waits for days, the function runs again from its start, and finished steps give what they gave.
    So what is outside of steps must come out the same each time: no clock, no chance, no network there.

    Raises:
        GraphError: it is not an ``async def`` of ``(ctx, input)``.
    """

    def made(function: Callable[[Context[Any], Any], Awaitable[Any]]) -> Flow[Any]:
        return Flow(function, name or function.__name__, Policy(retry=retry, timeout=timeout))

    return made if function is None else made(function)


class Step(Generic[P, T]):
    """A function that a flow runs as a step: ``@step``, then ``await step(ctx, fetch, url)``."""

    def __init__(self, function: Callable[P, Any], policy: Policy) -> None:
        if not callable(function):
            raise UsageError(f"a step is a function, not {function!r}")
        self.function = function
        self.name = getattr(function, "__name__", type(function).__name__)
        self.graph = Graph(
            self.name,
            channels={OUTPUT: LastValue(_hints(function).get("return", Any))},
            nodes=[Node(name=self.name, run=_nothing, policy=policy)],
            enter=lambda input: Update(goto=(self.name,)),
            leave=lambda values: values.get(OUTPUT),
        )
        self.policy = policy

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Any:
        """The plain function, off the record."""
        return self.function(*args, **kwargs)


class _Call:
    """One call of a step: a target, as everything that runs below something."""

    __slots__ = ("_args", "_kwargs", "_step", "key", "name")

    def __init__(self, step: Step[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], key: str | None) -> None:
        self.name, self.key = step.name, key
        self._step, self._args, self._kwargs = step, args, kwargs

    def graph(self) -> Graph:
        step = self._step
        return step.graph.rewired(Node(name=step.name, run=self._run, policy=step.policy))

    async def _run(self, state: State, payload: Any, ctx: Context[Any]) -> Update:
        given = self._step.function(*self._args, **self._kwargs)
        return Update({OUTPUT: await given if inspect.isawaitable(given) else given})


@overload
def step(function: Callable[P, Any], /) -> Step[P, Any]: ...


@overload
def step(
    *, retry: Retry | tuple[Retry, ...] | None = None, timeout: float | None = None
) -> Callable[[Callable[P, Any]], Step[P, Any]]: ...


@overload
def step(
    ctx: Context[Any],
    function: Callable[..., Awaitable[T]],
    /,
    *args: Any,
    key: str | None = None,
    retry: Retry | tuple[Retry, ...] | None = None,
    timeout: float | None = None,
    **kwargs: Any,
) -> Awaitable[T]: ...


@overload
def step(
    ctx: Context[Any],
    function: Callable[..., T],
    /,
    *args: Any,
    key: str | None = None,
    retry: Retry | tuple[Retry, ...] | None = None,
    timeout: float | None = None,
    **kwargs: Any,
) -> Awaitable[T]: ...


def step(
    first: Any = None,
    function: Any = None,
    /,
    *args: Any,
    key: str | None = None,
    retry: Retry | tuple[Retry, ...] | None = None,
    timeout: float | None = None,
    **kwargs: Any,
) -> Any:
    """``await step(ctx, fetch, url)``: run a function once; what it gave is on record and in its return type.

    Steps are told apart by their order in the flow, or by ``key``; those that run side by side
    (``asyncio.gather``) by the order in which they were started. As a decorator, with or without options, it says
    how a function is run wherever it is a step.

    Raises:
        Exception: what the function raised; it is not on record, and the step runs again with the flow.
    """
    policy = Policy(retry=retry, timeout=timeout)
    if not isinstance(first, Context):
        if function is not None:
            raise UsageError(f"step(ctx, function, ...) begins with the context of the flow, not with {first!r}")
        return partial(_made, policy) if first is None else _made(policy, first)
    ctx = cast("Context[Any]", first)
    known = cast("Step[..., Any]", function) if isinstance(function, Step) else _steps(function, policy)
    made = _Call(known, args, kwargs, key)
    return ctx.call(made, None) if key is None else _keyed(ctx, made, f"{known.name}[{key}]")


async def _keyed(ctx: Context[Any], made: _Call, place: str) -> Any:
    """A step under a key, which no other one of the flow has; one that failed may be tried again."""
    keys = _here().keys
    if place in keys:
        raise UsageError(f"two steps of this flow are {place}: a key is for one step")
    keys.add(place)
    try:
        return await ctx.call(made, None)
    except BaseException:
        keys.discard(place)
        raise


def _made(policy: Policy, function: Callable[..., Any]) -> Step[..., Any]:
    return Step(function, policy)


_KNOWN: dict[tuple[Any, Policy], Step[..., Any]] = {}
_MOST = 1000


def _steps(function: Callable[..., Any], policy: Policy) -> Step[..., Any]:
    """The step of a function, made once where the function can be remembered."""
    try:
        found = _KNOWN.get((function, policy))
    except TypeError:
        return Step(function, policy)
    if found is None:
        if len(_KNOWN) >= _MOST:
            _KNOWN.clear()
        found = _KNOWN[function, policy] = Step(function, policy)
    return found


async def _nothing(state: State, payload: Any, ctx: Context[Any]) -> Update:
    raise UsageError("a step runs by `await step(ctx, ...)`")


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return get_type_hints(function)
    except (NameError, TypeError, AttributeError):
        return {}
