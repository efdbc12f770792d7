"""From what users write as a node to what the engine runs: functions, other graphs, agents."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import is_dataclass
from functools import partial
from typing import Any, Literal, TypeAlias, cast, get_args, get_origin, get_type_hints

from msgspec import Struct
from msgspec.structs import replace

from weft.engine.channels import Channel, LastValue, Topic
from weft.engine.context import Context, Target, with_deps
from weft.engine.graph import Leaving, Link, NodeFn, State, Update
from weft.errors import GraphError
from weft.tools.threads import ThreadContext, in_thread
from weft.workflows.commands import Command, targets
from weft.workflows.schema import Schema, View, as_writes, is_model, is_state

Function: TypeAlias = Callable[..., Any]
Mapped: TypeAlias = str | Callable[[Any], Any]
"""A field of the state, or a function of it."""


class Shape(Struct, frozen=True):
    """What a function's signature says; looked at once."""

    context: Literal["no", "second", "keyword"]
    hint: Any
    """The type of its first argument, or ``None``."""
    returns: Any


def shape_of(function: Function, name: str = "") -> Shape:
    """How a node wants to be called.

    Raises:
        GraphError: it cannot be called with the state, or with the state and a context.
    """
    inner: Any = cast("partial[Any]", function).func if isinstance(function, partial) else function
    written = inner if inspect.isroutine(inner) else type(inner).__call__
    try:
        parameters = list(inspect.signature(cast("Function", function)).parameters.values())
    except (TypeError, ValueError):
        return Shape("no", None, None)
    try:
        hints = get_type_hints(written)
    except (NameError, TypeError, AttributeError):
        hints = {}
    positional = [one for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    context: Literal["no", "second", "keyword"] = "no"
    if len(positional) >= 2 and (positional[1].default is inspect.Parameter.empty or positional[1].name == "ctx"):
        context = "second"
    elif any(one.name == "ctx" and one.kind is one.KEYWORD_ONLY for one in parameters):
        context = "keyword"
    also: tuple[None, ...] = (None,) if context == "second" else ()
    named = {"ctx": None} if context == "keyword" else {}
    see_called_with(
        cast("Function", function), f"node {name!r} is a function of (state) or (state, ctx)", None, *also, **named
    )
    return Shape(context, hints.get(positional[0].name) if positional else None, hints.get("return"))


def see_called_with(function: Function, who: str, *args: Any, **named: Any) -> None:
    """Raises: GraphError, where a function cannot be called like this; ``who`` says how it is."""
    try:
        inspect.signature(function).bind(*args, **named)
    except TypeError as error:
        raise GraphError(f"{who}: {error}") from None
    except ValueError:
        return  # it does not tell


def name_of(node: Any) -> str:
    """What a node is called when nobody says.

    Raises:
        GraphError: it has no name of its own.
    """
    if isinstance(node, partial):
        return name_of(cast("Any", node.func))
    name = getattr(node, "__name__", None) or getattr(node, "name", None)
    if name == "<lambda>":
        raise GraphError("a lambda has no name: add_node('name', lambda ...)")
    return name if isinstance(name, str) else type(node).__name__


def payload_of(hint: Any) -> Any:
    """The type of what a ``Send`` to a node with this first argument carries: what it comes back as from a store."""
    if hint in (int, float, str, bool) or is_dataclass(hint) or is_model(hint):
        return hint
    return hint if inspect.isclass(hint) and issubclass(hint, Struct) else Any


def links_of(returns: Any) -> tuple[tuple[Link, ...], bool]:
    """Where the return annotation of a node says that it may lead, and whether it may lead anywhere."""
    found: list[Link] = []
    opaque = returns is None or returns is Any
    for one in (returns, *get_args(returns)):
        if one is Command or one is Any:
            opaque = True
        elif get_origin(one) is Command:
            named = [name for name in get_args(get_args(one)[0]) if isinstance(name, str)]
            found += [Link(name) for name in named]
            opaque = opaque or not named
    return tuple(found), opaque


def of_function(
    name: str,
    function: Function,
    shape: Shape,
    view: View | None,
    known: Mapping[str, Channel],
    instance: View | None,
    deps: Any = None,
    *,
    apart: bool = False,
) -> NodeFn:
    """A user's function as the engine calls it. ``instance`` makes the dict of a ``Send`` what it is typed as.

    With ``apart`` one that is not async runs in a thread, so that it can be given up.
    """
    if deps is not None:
        function = _with_typed_deps(function, shape, deps)
    if apart and not inspect.iscoroutinefunction(function):
        function, shape = _apart(function, shape), replace(shape, context="second")
    alone, second = shape.context == "no", shape.context == "second"
    waits = inspect.iscoroutinefunction(function)
    plain = not any(isinstance(channel, Topic) for channel in known.values())

    async def run(state: State, payload: Any, ctx: Context[Any]) -> Update:
        if payload is None:
            seen = state if view is None else view(state)
        else:
            seen = payload if instance is None or not isinstance(payload, dict) else instance(cast("State", payload))
        try:
            given = function(seen) if alone else function(seen, ctx) if second else function(seen, ctx=ctx)
            if waits:
                given = await given
        except Leaving as left:
            given = _for_me(left.command)
        if plain and type(given) is dict:
            return Update(cast("dict[str, Any]", given))
        return await update_of(given, known, name)

    return run


def _apart(function: Function, shape: Shape) -> Function:
    """``function``, in a thread."""

    async def run(seen: Any, ctx: Context[Any]) -> Any:
        with closing(ThreadContext(ctx)) as inner:
            if shape.context == "no":
                given = await in_thread(partial(function, seen))
            elif shape.context == "second":
                given = await in_thread(partial(function, seen, inner))
            else:
                given = await in_thread(partial(function, seen, ctx=inner))
        return await given if inspect.isawaitable(given) else given

    return run


def _with_typed_deps(function: Function, shape: Shape, of: Any) -> Function:
    """``function``, whose context has the dependencies as an ``of`` where a dict was given."""
    if shape.context == "no":
        return function

    def typed(seen: Any, ctx: Context[Any]) -> Any:
        deps: Any = ctx.deps
        if isinstance(deps, dict):
            ctx = with_deps(ctx, of(**deps))
        return function(seen, ctx) if shape.context == "second" else function(seen, ctx=ctx)

    async def waiting(seen: Any, ctx: Context[Any]) -> Any:
        return await typed(seen, ctx)

    given: Any = waiting if inspect.iscoroutinefunction(function) else typed
    return given


def _see_translated(
    name: str,
    target: Target,
    inner: Schema | None,
    known: Mapping[str, Channel],
    how: tuple[Mapped | None, Mapped | None],
) -> None:
    """Raises: GraphError, where nobody says how to translate, or what is said names no field."""
    for field in how:
        if isinstance(field, str) and field not in known:
            raise GraphError(f"node {name!r} names {field!r} for {target.name!r}; there is {', '.join(known)}")
    if None not in how:
        return
    if inner is None:
        raise GraphError(
            f"node {name!r} runs {target.name!r}, which has no state of its own: "
            "say input= and output= (a field of the state, or a function)"
        )
    if not any(key in known for key in inner.channels):
        raise GraphError(f"node {name!r} runs {target.name!r}, and they share no field: say input= and output=")


def of_target(
    name: str,
    target: Target,
    inner: Schema | None,
    known: Mapping[str, Channel],
    given: Mapped | None,
    taken: Mapped | None,
) -> NodeFn:
    """A node that runs another graph or an agent: ``given`` makes its input, ``taken`` says what becomes of its output.

    Raises:
        GraphError: it shares no state with this graph, and nobody says how to translate.
    """
    _see_translated(name, target, inner, known, (given, taken))
    shared = tuple(key for key in inner.channels if key in known) if inner is not None else ()

    def enter(state: State) -> Any:
        if given is None:
            return {key: state[key] for key in shared if key in state}
        if not isinstance(given, str):
            return given(state)
        if given not in state:
            raise GraphError(f"node {name!r} gives {given!r} to {target.name!r}, and nothing was written to it yet")
        return state[given]

    def leave(output: Any) -> Any:
        if taken is None:
            return {key: value for key, value in output.items() if key in known}
        return {taken: output} if isinstance(taken, str) else taken(output)

    async def run(state: State, payload: Any, ctx: Context[Any]) -> Update:
        try:
            output = await ctx.call(target, payload if payload is not None else enter(state))
        except Leaving as left:
            return await update_of(_for_me(left.command), known, name)
        return await update_of(leave(output), known, name)

    return run


def _for_me(command: Command[Any]) -> Command[Any]:
    """A command for the parent, as the parent sees it."""
    return Command(update=command.update, goto=command.goto)


async def update_of(given: Any, known: Mapping[str, Channel], name: str) -> Update:
    """What a node returned, as an update.

    Raises:
        GraphError: it cannot be one.
        Leaving: it is for the parent of this graph.
    """
    if inspect.isawaitable(given):
        try:
            given = await given
        except Leaving as left:
            given = _for_me(left.command)
    if given is None:
        return Update()
    if isinstance(given, Update):
        return given
    if isinstance(given, Command):
        return _of_command(cast("Command[Any]", given), known, name)
    if isinstance(given, list | tuple):
        updates = [await update_of(one, known, name) for one in cast("Sequence[Any]", given)]
        return _together(updates, known)
    return Update(as_writes(given, known, f"node {name!r}"))


def _of_command(command: Command[Any], known: Mapping[str, Channel], name: str) -> Update:
    if command.graph == Command.PARENT:
        raise Leaving(f"node {name!r} gave a command for the parent of its graph, and there is none", command)
    if command.graph is not None:
        raise GraphError(f"node {name!r} gave a command for graph {command.graph!r}; only Command.PARENT is known")
    if command.resume is not None:
        raise GraphError(f"node {name!r} gave answers (resume=): they are for a paused run, by `resume` of the app")
    goto, sends = targets(command.goto, None, f"the command of node {name!r}")
    given: Any = command.update
    if isinstance(given, list | tuple):
        given = dict(cast("Sequence[tuple[str, Any]]", given))
    return Update(as_writes(given, known, f"node {name!r}"), sends, goto)


def _together(updates: Sequence[Update], known: Mapping[str, Channel]) -> Update:
    """Several updates of one node as one, in their order."""
    writes: dict[str, Any] = {}
    for update in updates:
        for key, value in update.writes.items():
            channel = known.get(key)
            double = key in writes and channel is not None and type(channel) is not LastValue
            writes[key] = channel.merge(writes[key], [value]) if double and channel is not None else value
    return Update(
        writes, [send for update in updates for send in update.sends], [to for update in updates for to in update.goto]
    )


def input_hint(shape: Shape, state: Any) -> Any:
    """The state class that a node reads, where its annotation names another one than the graph's."""
    return shape.hint if is_state(shape.hint) and shape.hint is not state else None
