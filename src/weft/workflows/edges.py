"""Conditional edges and joins: what follows from the update of a node."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, cast, get_args, get_origin, get_type_hints

from msgspec import Struct

from weft.engine.channels import UNSET, Channel, LastValue, Overwrite
from weft.engine.context import Context
from weft.engine.graph import FollowFn, Link, NodeFn, Send, State, Update
from weft.errors import GraphError
from weft.workflows.commands import END, targets
from weft.workflows.schema import View

Route: TypeAlias = Callable[..., Any]


class Conditional(Struct, frozen=True):
    """One conditional edge: the function that is asked, and what its answers mean."""

    route: Route
    to: Mapping[Any, str] | None
    who: str
    links: tuple[Link, ...]
    """Where it may lead; empty where nobody said."""

    @property
    def waits(self) -> bool:
        """Whether its answer has to be awaited."""
        return inspect.iscoroutinefunction(self.route)


def conditional(start: str, route: Route, to: Any) -> Conditional:
    """A conditional edge as it was declared.

    Raises:
        GraphError: ``to`` is neither a mapping nor a list of names.
    """
    who = f"the route {getattr(route, '__name__', type(route).__name__)!r} after {start!r}"
    if not callable(route):
        raise GraphError(f"conditional edges after {start!r} ask a function, not {route!r}; add_edge leads to a node")
    if isinstance(to, list | tuple):
        to = {name: name for name in cast("Sequence[str]", to)}
    if to is not None and not isinstance(to, Mapping):
        raise GraphError(f"the path_map of {who} is {to!r}; a dict or a list of node names is wanted")
    mapping = cast("Mapping[Any, str] | None", to)
    if mapping is None:
        return Conditional(route, None, who, tuple(Link(name, "") for name in _annotated(route)))
    wrong = [key for key, name in mapping.items() if not isinstance(name, str)]  # pyright: ignore[reportUnnecessaryIsInstance]  # from users
    if wrong:
        raise GraphError(f"the path_map of {who} leads {wrong} to something that is not the name of a node")
    links = [Link(name, "" if key == name else str(key)) for key, name in mapping.items()]
    return Conditional(route, mapping, who, tuple(links))


def _annotated(route: Route) -> list[str]:
    """The names in ``-> Literal["a", "b"]``."""
    try:
        returns = get_type_hints(route).get("return")
    except (NameError, TypeError, AttributeError):
        return []
    return [name for name in get_args(returns) if isinstance(name, str)] if get_origin(returns) is Literal else []


def followed(
    run: NodeFn, follow: FollowFn, routes: Sequence[Conditional], channels: Mapping[str, Channel], view: View | None
) -> NodeFn:
    """The node, and what follows from its update. The usual case, one route that names a node, takes a short way."""
    only = routes[0] if len(routes) == 1 and routes[0].to is None and not routes[0].waits else None
    if only is None:

        async def long(state: State, payload: Any, ctx: Context[Any]) -> Update:
            return await follow(state, await run(state, payload, ctx))

        return long
    route, who = only.route, only.who

    async def short(state: State, payload: Any, ctx: Context[Any]) -> Update:
        update = await run(state, payload, ctx)
        after = state_after(channels, state, update.writes)
        where = route(after if view is None else view(after))
        if type(where) is str:
            goto = () if where == END else (where,)
            return Update(update.writes, update.sends, (*update.goto, *goto) if update.goto else goto, update.instead)
        goto, sends = targets(await where if inspect.isawaitable(where) else where, None, who)
        return Update(update.writes, [*update.sends, *sends], [*update.goto, *goto], update.instead)

    return short


def following(
    name: str,
    joins: tuple[str, ...],
    routes: Sequence[Conditional],
    channels: Mapping[str, Channel],
    view: View | None,
) -> FollowFn:
    """What joins and conditional edges add to an update of node ``name``."""

    async def follow(state: State, update: Update) -> Update:
        writes = {**update.writes, **dict.fromkeys(joins, name)} if joins else update.writes
        if not routes:
            return Update(writes, update.sends, update.goto, update.instead)
        goto, sends = list(update.goto), list(update.sends)
        after = state_after(channels, state, update.writes)
        seen = after if view is None else view(after)
        for edge in routes:
            where = edge.route(seen)
            if type(where) is str and edge.to is None:
                if where != END:
                    goto.append(where)
                continue
            more, sent = await _said(edge, where)
            goto.extend(more)
            sends.extend(sent)
        return Update(writes, sends, goto, update.instead)

    return follow


async def _said(edge: Conditional, where: Any) -> tuple[list[str], list[Send]]:
    given = await where if inspect.isawaitable(where) else where
    return targets(given, edge.to, edge.who)


def state_after(channels: Mapping[str, Channel], state: State, writes: Mapping[str, Any]) -> Mapping[str, Any]:
    """The state as a node's own writes will make it: what its conditional edges decide on."""
    if not writes:
        return state
    values = dict(state)
    for key, value in writes.items():
        channel = channels.get(key)
        if type(channel) is LastValue and type(value) is not Overwrite:
            values[key] = value
        elif channel is not None:
            values[key] = channel.merge(values.get(key, UNSET), [value])
    return values
